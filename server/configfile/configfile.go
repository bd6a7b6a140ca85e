// Package configfile keeps one of the broker's config/*.json files in step with the table it
// is written from.
//
// Many goroutines may change a table at once, and each wants to know that its change is on the
// device before it answers. A save writes the whole table, so those that arrive
// during a write share the next one:
//
//	change A ── Save ──┬─ encode, write ─┬─ A done
//	change B ── Save ──┘ waits           ├─ encode, write ─┬─ B done
//	change C ───────────────── Save ─────┘ waits           └─ C done
//
// A save that fails leaves the file marked: [File.SaveIfMarked], called periodically, tries again.
package configfile

import (
	"fmt"
	"log/slog"
	"sync"

	"ringmq/internal/statefile"
)

// File is one file and the goroutines that wait for it.
type File struct {
	path   string                 // set before use
	encode func() ([]byte, error) // set before use; must be safe from any goroutine

	mu     sync.Mutex
	ended  sync.Cond // broadcast at every end of a write; uses mu
	marked bool      // the table has changed since the last encode that reached the disk; under mu
	// Rounds number the writes. The one under way, if any, is begun; those up to done have ended.
	begun, done uint64 // done ≤ begun ≤ done+1; under mu
	err         error  // result of round done; under mu
}

// New returns the file at path, whose whole content encode makes. Nothing is read or written.
func New(path string, encode func() ([]byte, error)) *File {
	f := &File{path: path, encode: encode}
	f.ended.L = &f.mu
	return f
}

// Load gives parse the file's content, or that of its .bak when the file is missing, empty
// or refused. No file at all is an empty table, and so are damaged ones, which are set aside.
func (f *File) Load(log *slog.Logger, parse func([]byte) error) error {
	if err := statefile.Load(f.path, log, parse); err != nil {
		return fmt.Errorf("broker configuration: %w", err)
	}
	return nil
}

// Save returns when a content encoded after the call began is on the device, or could not
// be brought there.
func (f *File) Save() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marked = true
	want := f.begun + 1 // the round under way may have encoded before our change
	for f.done < want {
		if f.begun > f.done { // somebody writes
			f.ended.Wait()
			continue
		}
		f.round()
	}
	// A later round's success covers ours; a later failure is reported in our place.
	return f.err
}

// Mark says that the table has changed; a later SaveIfMarked writes it.
func (f *File) Mark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marked = true
}

// SaveIfMarked saves if the table has changed since it was last saved.
func (f *File) SaveIfMarked() error {
	f.mu.Lock()
	marked := f.marked
	f.mu.Unlock()
	if !marked {
		return nil
	}
	return f.Save()
}

// round encodes and writes once. mu is held, but not while the disk is busy.
func (f *File) round() {
	f.begun++
	f.marked = false
	f.mu.Unlock()
	data, err := f.encode()
	if err == nil {
		err = statefile.Write(f.path, data)
	}
	f.mu.Lock()
	f.done, f.err = f.begun, err
	f.marked = f.marked || err != nil
	f.ended.Broadcast()
}
