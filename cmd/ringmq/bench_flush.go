package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench/flush"
	"ringmq/commitlog"
	"ringmq/engine"
)

func newBenchFlushCommand() *cobra.Command {
	var b benchFlags
	var modes, types []string
	var svg string
	var room int64
	o := flush.Options{}
	cmd := &cobra.Command{
		Use:   "flush DIR",
		Short: "Measure the flush modes on the disk of a folder, and say which to use",
		Long: `Measure the flush modes on the disk of a folder, and say which to use.

The store runs in process, without a network, in folders of its own below DIR, which are removed; Ctrl-C removes them, too.
Beside each figure stands what a bare loop of the same system calls reaches with the same batches, with ASYNC_FLUSH beside a
sync every half a second. Files go as soon as the disk has them; where that is slower than they are filled, the run waits,
and that counts. The last tenth of what is free stays free.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errors.New("want the folder to measure in")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir, o.Room = args[0], room<<20
			if err := flushChoice(&o, modes, types); err != nil {
				return &usageError{err}
			}
			p := newProgress(cmd.ErrOrStderr())
			o.Progress = func(done, all int, what string) {
				if p.w != nil && !b.asJSON {
					p.shown = true
					fmt.Fprintf(p.w, "\r\x1b[K%s %d of %d  %s", meter(time.Duration(done), time.Duration(all)), done+1, all, what)
				}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			rep, err := flush.Run(ctx, o)
			p.clear()
			if ctx.Err() != nil {
				return errors.New("stopped, and what was written is removed")
			}
			if err != nil {
				return err
			}
			if svg != "" {
				if err := writeSVG(svg, rep); err != nil {
					return err
				}
			}
			if b.asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
			}
			return printFlush(cmd.OutOrStdout(), rep)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&modes, "modes", nil, "flush modes; default all")
	f.StringSliceVar(&types, "types", []string{"SYNC_FLUSH", "ASYNC_FLUSH"}, "flush types")
	f.IntSliceVar(&o.Sizes, "sizes", []int{128, 1024, 16384}, "bytes of a body")
	f.IntSliceVar(&o.Waiters, "waiters", []int{1, 16, 256, 2048}, "messages appended and not acknowledged at a time")
	f.DurationVar(&o.Each, "seconds", time.Second, "length of each measurement, and of each bare loop; 1m shows what lasts")
	f.Int64Var(&room, "room", 0, "`MiB` of the disk that a log may take, 512 or more; default a quarter of what is free, 8192 at most")
	f.StringVar(&o.IO, "io", "auto", "how the store reaches the disk: ring, calls or auto")
	f.BoolVar(&o.NoIndex, "no-index", false, "leave the message index out")
	f.BoolVar(&o.NoBare, "no-bare", false, "leave the bare loops out")
	f.StringVar(&svg, "svg", "", "write a chart to this `file`")
	b.output(f)
	return cmd
}

// flushChoice turns names into modes and flush types.
func flushChoice(o *flush.Options, modes, types []string) error {
	o.Modes, o.Types = nil, nil
	for _, name := range modes {
		m, err := commitlog.ParseMode(name)
		if err != nil {
			return err
		}
		o.Modes = append(o.Modes, m)
	}
	if len(modes) == 0 {
		o.Modes = commitlog.Modes
	}
	for _, name := range types {
		switch name {
		case "SYNC_FLUSH":
			o.Types = append(o.Types, engine.SyncFlush)
		case "ASYNC_FLUSH":
			o.Types = append(o.Types, engine.AsyncFlush)
		default:
			return fmt.Errorf("--types %s: want SYNC_FLUSH or ASYNC_FLUSH", name)
		}
	}
	return nil
}

func writeSVG(path string, rep *flush.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(rep.Chart().SVG(f), f.Close())
}

func printFlush(w io.Writer, rep *flush.Report) error {
	if err := rep.Chart().Text(w, 100); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return rep.WriteTable(w)
}
