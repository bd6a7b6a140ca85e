package commitlog

import (
	"io"

	"ringmq/internal/mapfile"
	"ringmq/internal/ring"
)

// flight is a batch on its way by a ring: a request for each step that the flush mode does not do
// itself, one after the other.
//
//	for each extent:  write ──► sync ──► next extent … ──► done
//
// There is one, since one batch is written at a time.
type flight struct {
	log             *Log
	on              ring.Submitter
	batch           *Batch
	sync            bool
	extent          int
	written, synced bool // of the extent: these steps were begun
	r               mapfile.Request
	done            func(error)
}

// Start is Write without waiting: on carries it out, or with nil the directory's own loop, and done is
// called once, on its thread or before Start returns.
func (l *Log) Start(b *Batch, sync bool, on ring.Submitter, done func(error)) {
	if err := l.Failure(); err != nil {
		done(err)
		return
	}
	l.prewriting.reach(b)
	f := &l.flight
	f.log, f.on, f.batch, f.sync, f.extent, f.done = l, on, b, sync, 0, done
	f.written, f.synced = false, false
	if f.r.Done == nil {
		f.r.Done = f.stepped
	}
	f.step(nil)
}

// stepped takes what a request came to.
func (f *flight) stepped(n int, err error) {
	if f.r.Kind == mapfile.WriteRequest && err == nil && n < len(f.r.P) {
		err = io.ErrShortWrite
	}
	f.step(err)
}

// step goes on, after a step that ended with err, until a request is in flight or all is done.
func (f *flight) step(err error) {
	for err == nil && f.extent < len(f.batch.extents) {
		var wanted bool
		file, p, off, gone := f.log.part(f.batch, &f.batch.extents[f.extent])
		switch {
		case gone != nil:
			err = gone
		case !f.written:
			f.written = true
			wanted, err = f.log.mode.write(&f.r, file, p, off, f.sync)
		case f.sync && !f.synced:
			f.synced = true
			wanted, err = f.log.mode.sync(&f.r, file, off, int64(len(p)))
		default:
			f.written, f.synced = false, false
			f.extent++
		}
		if wanted && err == nil {
			file.f.Start(&f.r, f.on)
			return
		}
	}
	f.end(err)
}

func (f *flight) end(err error) {
	if err != nil {
		err = f.log.fail(err)
	} else {
		err = f.log.wrote(f.batch, f.sync)
	}
	done := f.done
	f.batch, f.on, f.done = nil, nil, nil
	done(err)
}
