package mapfile

import (
	"fmt"
	"os"
	"strings"
)

// Op is one operation, as [Mem.Fault] sees it.
type Op struct {
	N    int64 // counted from 1
	Kind OpKind
	Name string
	Off  int64
	Len  int64
}

// OpKind is a kind of operation.
type OpKind string

// The operations that can fail.
const (
	OpCreate   OpKind = "create"
	OpMkdir    OpKind = "mkdir"
	OpRemove   OpKind = "remove"
	OpRename   OpKind = "rename"
	OpSyncDir  OpKind = "syncdir"
	OpWrite    OpKind = "write"
	OpSync     OpKind = "sync"
	OpAllocate OpKind = "allocate"
	OpTruncate OpKind = "truncate"
	OpClear    OpKind = "clear"
)

// The operations that change nothing; see [Mem.FaultReads].
const (
	OpOpen    OpKind = "open"
	OpReadDir OpKind = "readdir"
	OpMap     OpKind = "map"
	OpRead    OpKind = "read"
)

// Changes tells whether operations of the kind change something: the others leave the image of a crash
// as it is.
func (k OpKind) Changes() bool {
	return k != OpOpen && k != OpReadDir && k != OpMap && k != OpRead
}

// ShortWrite is a write that ends early.
type ShortWrite struct {
	N   int   // bytes that are written
	Err error // why not more
}

func (e *ShortWrite) Error() string { return fmt.Sprintf("%d bytes written: %v", e.N, e.Err) }
func (e *ShortWrite) Unwrap() error { return e.Err }

func (m *Mem) fault(kind OpKind, name string, off, n int64) error {
	op := Op{N: m.ops.Add(1), Kind: kind, Name: name, Off: off, Len: n}
	if m.Fault == nil {
		return nil
	}
	if err := m.Fault(op); err != nil {
		return &os.PathError{Op: string(kind), Path: "mem/" + name, Err: err}
	}
	return nil
}

// faultRead is fault for an operation that changes nothing.
func (m *Mem) faultRead(kind OpKind, name string, off, n int64) error {
	if !m.FaultReads {
		return nil
	}
	return m.fault(kind, name, off, n)
}

// Lie is operations of a kind on files below a name that succeed and do nothing; the zero value is none.
type Lie struct {
	Kind OpKind
	Name string
}

func (l *Lie) tells(kind OpKind, name string) bool {
	return l.Kind == kind && (name == l.Name || strings.HasPrefix(name, l.Name+"/"))
}
