package inspect

import (
	"cmp"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a store, or, as a note, worth knowing.
type Problem struct {
	// Note is something that a broker puts right by itself, or that is no fault.
	Note bool `json:"note,omitempty"`
	// Path is the file, or directory, from the store's directory on.
	Path string `json:"path"`
	// Offset is the first wrong byte in the file, -1 when it is about the file as a whole.
	Offset int64  `json:"offset"`
	What   string `json:"what"`
	Want   string `json:"want,omitempty"`
	Got    string `json:"got,omitempty"`
}

// wholeFile is the Offset of a problem that is about a file and no byte of it.
const wholeFile = -1

// String is one line: where, what, wanted, got.
func (p Problem) String() string {
	var b strings.Builder
	if p.Note {
		b.WriteString("note: ")
	}
	b.WriteString(p.Path)
	if p.Offset >= 0 {
		fmt.Fprintf(&b, ":%d", p.Offset)
	}
	b.WriteString(": " + p.What)
	sep := ": "
	if p.Want != "" {
		b.WriteString(sep + "want " + p.Want)
		sep = ", "
	}
	if p.Got != "" {
		b.WriteString(sep + "got " + p.Got)
	}
	return b.String()
}

// byPlace orders problems by file and offset.
func byPlace(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.What, b.What))
}

// findings counts problems and tells the first of them. It belongs to one goroutine.
type findings struct {
	limit    int // how many problems, and how many notes, are told
	tell     func(Problem)
	problems int64
	notes    int64
}

// add tells a problem, or only counts it when there were too many.
func (f *findings) add(p Problem) {
	n := &f.problems
	if p.Note {
		n = &f.notes
	}
	if *n++; *n <= int64(f.limit) {
		f.tell(p)
	}
}

// count adds problems that are not told.
func (f *findings) count(n int64) { f.problems += n }
