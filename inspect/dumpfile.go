package inspect

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/index"
	"ringmq/internal/layout"
	"ringmq/internal/mapfile"
)

// Row is one unit of a file, as its table of fields reads it.
type Row struct {
	What   string `json:"what"`
	At     int64  `json:"at"` // byte in the file
	Fields []Cell `json:"fields"`
}

// errNoTable is why a file cannot be printed field by field.
var errNoTable = errors.New("want a file of consumequeue, consumequeue_ext or index, checkpoint or ringmq/checkpoint " +
	"(records of the commit log: --log-offset N --raw, or --scan --raw)")

// DumpFile reads a file of the store, name being its path from the store's directory on, field by field: units from number from on, at
// most limit of them, 0 for all there are.
func (s *Store) DumpFile(name string, from int64, limit int, tell func(Row) error) (err error) {
	d := fileDump{name: path.Clean(name), from: from, left: limit, tell: tell}
	read := d.reader()
	if read == nil {
		return fmt.Errorf("%s: %w", name, errNoTable)
	}
	if d.f, err = s.root.Open(d.name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.f.Close()) }()
	d.from = min(d.from, d.f.Size()) // no unit has less than a byte
	if err := read(); !errors.Is(err, errEnough) && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// fileDump is a DumpFile under way.
type fileDump struct {
	name string
	f    mapfile.File
	from int64
	left int
	tell func(Row) error
}

// reader is how files of that name are read, nil when there is no table for them.
func (d *fileDump) reader() func() error {
	dir, _, _ := strings.Cut(d.name, "/")
	switch {
	case d.name == engine.CheckpointName:
		return func() error {
			return d.units(engine.TimesLayout, 0, 0, func(int64, []byte) string { return "checkpoint" })
		}
	case d.name == engine.MarksName:
		return func() error {
			return d.units(engine.MarkLayout, 0, engine.MarkStride, func(n int64, _ []byte) string { return fmt.Sprintf("mark %d", n) })
		}
	case dir == engine.ConsumeQueueName:
		return d.entries
	case dir == extName:
		return d.ext
	case dir == engine.IndexName:
		return d.index
	}
	return nil
}

// units tells those of one table that begin at at and lie stride bytes apart; with stride 0 there is one.
func (d *fileDump) units(t layout.Table, at, stride int64, what func(n int64, b []byte) string) error {
	b := make([]byte, t.Size())
	for n := d.from; at+n*stride+int64(len(b)) <= d.f.Size(); n++ {
		pos := at + n*stride
		if _, err := d.f.ReadAt(b, pos); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := d.row(t, pos, what(n, b), b); err != nil || stride == 0 {
			return err
		}
	}
	return nil
}

// row tells one unit.
func (d *fileDump) row(t layout.Table, at int64, what string, b []byte) error {
	r := Row{What: what, At: at}
	for _, c := range t.Cells(b) {
		r.Fields = append(r.Fields, Cell{c.Name, c.Offset, c.Width, valueText(c)})
	}
	if err := d.tell(r); err != nil {
		return err
	}
	if d.left--; d.left == 0 {
		return errEnough
	}
	return nil
}

// valueText is a number, and a time where it is one.
func valueText(c layout.Cell) string {
	if strings.Contains(strings.ToLower(c.Name), "time") && c.Value > 0 {
		return fmt.Sprintf("%d (%s)", c.Value, time.UnixMilli(c.Value).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if c.Name == "MAGIC" {
		return fmt.Sprintf("0x%X", uint32(c.Value))
	}
	return fmt.Sprint(c.Value)
}

// entries are those of a consume queue file, whose name tells their queue offsets.
func (d *fileDump) entries() error {
	start, err := strconv.ParseInt(path.Base(d.name), 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, errNoTable)
	}
	return d.units(consumequeue.Layout, 0, consumequeue.EntrySize, func(n int64, b []byte) string {
		what := fmt.Sprintf("entry of queue offset %d", start/consumequeue.EntrySize+n)
		switch e := consumequeue.DecodeEntry(b); {
		case e == consumequeue.Entry{}:
			what += ": nothing"
		case e.IsBlank():
			what += ": a blank"
		case e.IsHole():
			what += ": the mark of a lost message"
		}
		return what
	})
}

// ext are the units of an ext file, which are of different sizes.
func (d *fileDump) ext() error {
	head := make([]byte, consumequeue.UnitLayout.Size())
	at := int64(0)
	for n := int64(0); at+int64(len(head)) <= d.f.Size(); n++ {
		if _, err := d.f.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		size := consumequeue.UnitLayout.Cells(head)[0].Value
		what := fmt.Sprintf("unit %d", n)
		if size < int64(len(head)) {
			what += ": the end"
		}
		if n >= d.from {
			if err := d.row(consumequeue.UnitLayout, at, what, head); err != nil {
				return err
			}
		}
		if size < int64(len(head)) {
			return nil
		}
		at += size
	}
	return nil
}

// index is a file's header, number 0, and its entries, which count from 1.
func (d *fileDump) index() error {
	shape, err := index.FindShape(d.f, index.Shape{Slots: index.DefaultSlots, Entries: index.DefaultEntries})
	if err != nil {
		return err
	}
	v, err := index.NewView(d.f, shape)
	if err != nil {
		return err
	}
	if d.from == 0 {
		err := d.units(index.HeaderLayout, 0, 0, func(int64, []byte) string {
			return fmt.Sprintf("header of %d slots and room for %d entries", shape.Slots, shape.Entries)
		})
		if err != nil {
			return err
		}
		d.from = 1
	}
	end := int64(v.Header().NextEntry)
	return d.units(index.EntryLayout, v.EntryPosition(0), int64(index.EntryLayout.Size()), func(n int64, _ []byte) string {
		if n >= end {
			return fmt.Sprintf("entry %d, not in use", n)
		}
		return fmt.Sprintf("entry %d", n)
	})
}
