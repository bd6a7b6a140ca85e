package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ringmq/inspect"
)

func newStoreRebuildCommand() *cobra.Command {
	var f storeFlags
	r := inspect.RebuildOptions{}
	cmd := &cobra.Command{
		Use:   "rebuild DIR",
		Short: "Make consume queues and index again from the commit log",
		Long: `Makes the consume queues and the index of a store again from its commit log, in new folders that
then take the place of the old ones. The commit log is not changed, but with --fill-damage. The sizes of the files
are those of the files there are; where there are none, RocketMQ's defaults or the flags.

Files of consumequeue_ext (enableConsumeQueueExt) are removed, not made again: which filters want a message is not
in the log. All consumers get their messages; a broker looks at each one until new entries have units again.`,
		Args: oneStore,
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), "warn", "text")
			if err != nil {
				return err
			}
			p := newProgress(cmd.ErrOrStderr())
			r.Log, r.Progress = log, p.set
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			done, err := inspect.Rebuild(ctx, f.options(args[0]), r)
			p.clear()
			if err != nil {
				return interrupted(err)
			}
			if f.json {
				return encodeJSON(cmd.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s with %s made again from %s in %.1f s\n", args[0],
				plural(done.Queues, "queue"), plural(done.Entries, "entry"), plural(done.Records, "record"), p.elapsed().Seconds())
			if err == nil && done.Damage > 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s in the commit log: see ringmq/damage.log\n", plural(done.Damage, "damage"))
			}
			if err == nil && done.NoUnits {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "consumequeue_ext is empty: entries hold tags codes, and no bits of filters (enableCalcFilterBitMap) any more")
			}
			if err == nil && done.Filled > 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s filled; the bytes are in ringmq/damage\n", plural(done.Filled, "damaged part"))
			}
			return err
		},
	}
	f.addAlways(cmd.Flags())
	p := cmd.Flags()
	p.Int64Var(&r.QueueFileSize, "queue-file-size", 0, "mappedFileSizeConsumeQueue; 0 is that of the files there are")
	p.Int32Var(&r.Index.Slots, "index-slots", 0, "maxHashSlotNum; 0 is that of the files there are")
	p.Int32Var(&r.Index.Entries, "index-entries", 0, "maxIndexNum; 0 is that of the files there are")
	p.BoolVar(&r.NoIndex, "no-index", false, "leave the index as it is (messageIndexEnable=false)")
	p.BoolVar(&r.Keep, "keep", false, "keep the old folders in DIR/ringmq/rebuild")
	p.BoolVar(&r.Fill, "fill-damage", false, "put records that say nothing over damaged parts of the commit log, so that a Java broker reads on behind them; the bytes are kept in DIR/ringmq/damage")
	delayLevelsFlag(p, &r.DelayLevels, "the broker's messageDelayLevel, `\"1s 5s …\"`, if it is not RocketMQ's own")
	return cmd
}
