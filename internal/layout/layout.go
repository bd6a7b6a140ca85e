// Package layout describes formats of fixed width as tables. A format is one table: its codec's
// positions, the grid in its package's documentation, what `ringmq store dump --file` prints and the seeds of
// its fuzz tests all follow from the rows, and tests hold them together.
//
//	offset  width  field
//	     0      8  LogOffset     ◄── a row; the offset is the sum of the widths before
//	     8      4  Size
//
// Numbers are big endian, as all of RocketMQ's are. The package has no state.
package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strings"
)

// Field is one row.
type Field struct {
	Name  string
	Width int // in bytes: 1, 2, 4 or 8
}

// Table is a format, its fields in order without gaps.
type Table []Field

// Size is the width of all fields.
func (t Table) Size() int {
	size := 0
	for _, f := range t {
		size += f.Width
	}
	return size
}

// Offset is where a field begins. A name that the table does not have is a mistake in the program.
func (t Table) Offset(name string) int {
	at := 0
	for _, f := range t {
		if f.Name == name {
			return at
		}
		at += f.Width
	}
	panic("BUG: no field " + name)
}

// Grid is the table as package comments show it, under a title for the third column.
func (t Table) Grid(title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "//\toffset  width  %s\n", title)
	at := 0
	for _, f := range t {
		fmt.Fprintf(&b, "//\t%6d  %5d  %s\n", at, f.Width, f.Name)
		at += f.Width
	}
	return b.String()
}

// Cell is a field and what stands in it.
type Cell struct {
	Field
	Offset int
	Value  int64
}

// Cells reads the fields at the front of b, as many as b has whole.
func (t Table) Cells(b []byte) []Cell {
	var cells []Cell
	at := 0
	for _, f := range t {
		if at+f.Width > len(b) {
			break
		}
		cells = append(cells, Cell{f, at, read(b[at : at+f.Width])})
		at += f.Width
	}
	return cells
}

// read is a number of any width, with its sign.
func read(b []byte) int64 {
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v
}

// Seeds yields copies of good, which begins with the format, each with one field at one of its limits: seeds for
// fuzz tests.
func (t Table) Seeds(good []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		at := 0
		for _, f := range t {
			for _, v := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32} {
				var wide [8]byte
				binary.BigEndian.PutUint64(wide[:], uint64(v))
				part := wide[8-f.Width:]
				if v == math.MaxInt64 || v == math.MinInt64 {
					part = wide[:f.Width]
				}
				seed := bytes.Clone(good)
				copy(seed[at:], part)
				if !yield(seed) {
					return
				}
			}
			at += f.Width
		}
	}
}
