package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringmq/inspect"
)

func newStoreCheckCommand() *cobra.Command {
	var f storeFlags
	o := inspect.CheckOptions{}
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Verify every record, queue entry, index entry and state file",
		Long: `Verifies a store that no broker runs: every record (format, place, checksum), every queue and
index entry against its record, names and lengths of the files, checkpoints and state files.
Changes nothing. The exit status is 1 if something is wrong; notes do not count.`,
		Args: oneStore,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.reading(cmd, args, func(ctx context.Context, s *inspect.Store) error {
				c := checkRun{out: cmd.OutOrStdout(), progress: newProgress(cmd.ErrOrStderr()), json: f.json}
				o.Tell, o.Progress = c.tell, c.progress.set
				return c.run(ctx, s, o)
			})
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().IntVar(&o.Limit, "limit", 1000, "problems, and notes, that are printed; the rest is counted")
	delayLevelsFlag(cmd.Flags(), &o.DelayLevels, "the broker's messageDelayLevel, `\"1s 5s …\"`; without it any whole number of seconds is a delay")
	return cmd
}

// checkRun prints a check under way.
type checkRun struct {
	out      io.Writer
	progress *progress
	json     bool
	problems []inspect.Problem // with json
}

func (c *checkRun) tell(p inspect.Problem) {
	if c.json {
		c.problems = append(c.problems, p)
		return
	}
	c.progress.clear()
	fmt.Fprintln(c.out, p)
}

func (c *checkRun) run(ctx context.Context, s *inspect.Store, o inspect.CheckOptions) error {
	r, err := s.Check(ctx, o)
	c.progress.clear()
	if err != nil {
		return err
	}
	took := c.progress.elapsed()
	if c.json {
		err = c.printJSON(s, r, took)
	} else {
		err = c.print(s, r, o.Limit, took)
	}
	if err == nil && r.Problems > 0 {
		err = fmt.Errorf("%s in %s", plural(r.Problems, "problem"), s.Dir())
	}
	return err
}

func (c *checkRun) printJSON(s *inspect.Store, r *inspect.Report, took time.Duration) error {
	if c.problems == nil {
		c.problems = []inspect.Problem{}
	}
	return encodeJSON(c.out, struct {
		Dir     string            `json:"dir"`
		Seconds float64           `json:"seconds"`
		Report  *inspect.Report   `json:"report"`
		Found   []inspect.Problem `json:"found"`
	}{s.Dir(), took.Seconds(), r, c.problems})
}

// print prints the summary.
func (c *checkRun) print(s *inspect.Store, r *inspect.Report, limit int, took time.Duration) error {
	var b strings.Builder
	for _, more := range []struct {
		n    int64
		noun string
	}{{r.Problems, "problem"}, {r.Notes, "note"}} {
		if rest := more.n - int64(limit); rest > 0 {
			fmt.Fprintf(&b, "… and %s more\n", plural(rest, more.noun))
		}
	}
	if r.Problems+r.Notes > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "store       %s, last broker: %s\n", s.Dir(), r.LastRun)
	fmt.Fprintf(&b, "commit log  %s of %s, log offsets %d to %d, %s\n", plural(r.Log.Files, "file"), size(r.Log.FileSize), r.Log.Min, r.Log.End, plural(r.Log.Records, "record"))
	fmt.Fprintf(&b, "queues      %s in %s, %s\n", plural(r.Queues.Queues, "queue"), plural(r.Queues.Topics, "topic"), plural(r.Queues.Entries, "entry"))
	fmt.Fprintf(&b, "index       %s, %s\n", plural(r.Index.Files, "file"), plural(r.Index.Entries, "entry"))
	fmt.Fprintf(&b, "config      %s\n", cmp.Or(strings.Join(r.Config, ", "), "no files"))
	if r.Log.Damaged > 0 || r.Queues.Lost > 0 {
		fmt.Fprintf(&b, "damaged     %s, %s lost\n", size(r.Log.Damaged), plural(r.Queues.Lost, "message"))
	}
	bytes := int64(r.Log.End - r.Log.Min)
	fmt.Fprintf(&b, "checked     %s in %.1f s (%s/s)\n", size(bytes), took.Seconds(), size(int64(float64(bytes)/took.Seconds())))
	if r.Problems == 0 {
		b.WriteString("nothing is wrong\n")
	}
	_, err := io.WriteString(c.out, b.String())
	return err
}
