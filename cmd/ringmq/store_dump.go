package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringmq/inspect"
	"ringmq/internal/message"
)

func newStoreDumpCommand() *cobra.Command {
	var f storeFlags
	d := dumpFlags{Selection: inspect.Selection{Queue: -1}, logOffset: -1}
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print messages as lines of JSON, or field by field",
		Long: `Prints the messages of a store that no broker runs, one line of JSON each: every field of the
record, the properties as an object, the body as stored, as text or base64. A queue's messages
come in its order, found by its entries; those of a key by the index; all else, and with
--scan everything, by reading the commit log. Damage on the way is told on standard error.`,
		Args: oneStore,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.parse(); err != nil {
				return &usageError{err}
			}
			return f.reading(cmd, args, func(ctx context.Context, s *inspect.Store) error {
				out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
				p := &dumpRun{out: out, raw: d.raw, json: f.json}
				return errors.Join(d.run(ctx, s, p, cmd.ErrOrStderr()), out.Flush())
			})
		},
	}
	f.add(cmd.Flags())
	p := cmd.Flags()
	p.StringVarP(&d.Topic, "topic", "t", "", "messages of this topic")
	p.Int32VarP(&d.Queue, "queue", "q", -1, "… and this queue")
	p.StringVar(&d.offset, "offset", "", "… with these queue offsets: `N`, N-M or N-")
	p.Int64Var(&d.logOffset, "log-offset", -1, "the record at this log offset, damaged or not")
	p.StringVar(&d.Key, "key", "", "messages with this key (KEYS)")
	p.StringVar(&d.UniqueKey, "unique-key", "", "the message with this unique key (UNIQ_KEY)")
	p.StringVar(&d.from, "from", "", "messages stored at this `TIME` or later: ms, or 2006-01-02T15:04:05 in local time")
	p.StringVar(&d.to, "to", "", "messages stored at this `TIME` or earlier")
	p.IntVarP(&d.Limit, "limit", "n", 0, "at most so many messages")
	p.BoolVar(&d.Scan, "scan", false, "read the commit log; believe neither queues nor index")
	p.StringVar(&d.file, "file", "", "units of this `PATH` in DIR, field by field: a file of consumequeue, consumequeue_ext or index, or a checkpoint")
	p.Int64Var(&d.unit, "unit", 0, "… from number `N` on; an index file's header is 0")
	p.BoolVar(&d.raw, "raw", false, "print each record field by field: offset, width, value")
	return cmd
}

// dumpFlags is what a user asks for.
type dumpFlags struct {
	inspect.Selection
	offset, from, to string
	logOffset        int64
	raw              bool
	file             string
	unit             int64
}

// parse reads the flags that are texts.
func (d *dumpFlags) parse() (err error) {
	if d.Offsets, d.HasOffsets, err = parseOffsets(d.offset); err != nil {
		return err
	}
	if d.From, err = parseMoment("--from", d.from); err != nil {
		return err
	}
	if d.To, err = parseMoment("--to", d.to); err != nil {
		return err
	}
	switch {
	case d.Queue >= 0 && d.Topic == "":
		return errors.New("--queue needs a --topic")
	case d.unit < 0:
		return errors.New("--unit must not be negative")
	case d.Limit < 0:
		return errors.New("--limit must not be negative")
	}
	return nil
}

// parseOffsets reads N, N-M or N-.
func parseOffsets(text string) (r [2]message.QueueOffset, ok bool, err error) {
	if text == "" {
		return r, false, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	a, err := strconv.ParseInt(first, 10, 64)
	b := a
	if err == nil && isRange {
		if b = math.MaxInt64; last != "" {
			b, err = strconv.ParseInt(last, 10, 64)
		}
	}
	if err != nil || a < 0 || b < a {
		return r, false, fmt.Errorf("--offset %s: want N, N-M or N-", text)
	}
	return [2]message.QueueOffset{message.QueueOffset(a), message.QueueOffset(b)}, true, nil
}

// parseMoment reads a time as ms since 1970; "" is 0.
func parseMoment(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 {
		return ms, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%s %s: want milliseconds since 1970, or 2006-01-02T15:04:05", flag, text)
}

func (d *dumpFlags) run(ctx context.Context, s *inspect.Store, p *dumpRun, stderr io.Writer) error {
	if d.logOffset >= 0 {
		return p.one(s, message.LogOffset(d.logOffset))
	}
	if d.file != "" {
		return s.DumpFile(d.file, d.unit, d.Limit, p.unit)
	}
	tell := func(problem inspect.Problem) { fmt.Fprintln(stderr, problem) }
	err := s.Select(ctx, d.Selection, tell, p.found)
	if err == nil && p.messages == 0 {
		fmt.Fprintln(stderr, "no message matches")
	}
	return err
}

// dumpRun prints what is found.
type dumpRun struct {
	out  *bufio.Writer
	raw  bool
	json bool
	n    int // printed as grids

	messages int
}

func (p *dumpRun) found(raw []byte, r *message.Record) error {
	p.messages++
	if p.raw {
		return p.grid(raw, r.LogOffset, nil)
	}
	return p.line(inspect.Describe(raw, r))
}

// line prints v as one line of JSON.
func (p *dumpRun) line(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// one prints what lies at a log offset. What is no good record is printed, too, field by field.
func (p *dumpRun) one(s *inspect.Store, off message.LogOffset) error {
	raw, wrong, err := s.Look(off)
	if err != nil {
		return err
	}
	if wrong != nil || p.raw {
		err = p.grid(raw, off, wrong)
	} else {
		var r message.Record
		if err := message.Decode(raw, &r); err != nil {
			return err
		}
		err = p.line(inspect.Describe(raw, &r))
	}
	if wrong != nil {
		err = errors.Join(err, fmt.Errorf("no good record at log offset %d: %w", off, wrong))
	}
	return err
}

// grid prints a record field by field.
func (p *dumpRun) grid(raw []byte, off message.LogOffset, wrong error) error {
	cells, err := inspect.Cells(raw)
	if wrong == nil {
		wrong = err
	}
	if p.json {
		v := struct {
			LogOffset message.LogOffset `json:"logOffset"`
			Fields    []inspect.Cell    `json:"fields"`
			Wrong     string            `json:"wrong,omitempty"`
		}{LogOffset: off, Fields: cells}
		if wrong != nil {
			v.Wrong = wrong.Error()
		}
		return p.line(v)
	}
	p.cells(fmt.Sprintf("record at log offset %d", off), cells)
	if wrong != nil {
		fmt.Fprintf(p.out, "  %v\n", wrong)
	}
	return nil
}

// unit prints one unit of a file.
func (p *dumpRun) unit(r inspect.Row) error {
	if p.json {
		return p.line(r)
	}
	p.cells(fmt.Sprintf("%s, at byte %d", r.What, r.At), r.Fields)
	return nil
}

// cells prints fields below a title.
func (p *dumpRun) cells(title string, cells []inspect.Cell) {
	if p.n++; p.n > 1 {
		fmt.Fprintln(p.out)
	}
	fmt.Fprintf(p.out, "%s\n  offset  width  field                        value\n", title)
	for _, c := range cells {
		fmt.Fprintf(p.out, "%8d %6d  %-28s %s\n", c.Offset, c.Width, c.Field, c.Value)
	}
}
