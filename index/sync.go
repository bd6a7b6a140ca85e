package index

import (
	"fmt"

	"ringmq/internal/message"
	"ringmq/internal/thread"
)

// Sync puts everything on the device: when it returns nil, a power cut takes no entry of a record
// that was put before the call. full is the store time of the last record in the newest full
// file, 0 when there is none: what RocketMQ keeps as the checkpoint's indexMsgTimestamp.
//
// After a failed sync every later one fails too, as nobody knows what the device holds.
// It may run beside the writer.
func (x *Index) Sync() (full int64, err error) {
	x.syncing.Lock()
	defer x.syncing.Unlock()
	if x.lost != nil {
		return 0, x.lost
	}
	files := x.snapshot()
	defer release(files)
	for _, f := range files {
		if f.isFull.Load() {
			full = f.endTimestamp.Load()
		}
	}
	if err := x.sync(files); err != nil {
		x.lost = fmt.Errorf("index: %w", err)
		return 0, x.lost
	}
	return full, nil
}

func (x *Index) sync(files []*file) error {
	for _, f := range files {
		if !f.dirty.Swap(false) {
			continue
		}
		if err := f.sync(); err != nil {
			return err
		}
	}
	x.mu.Lock()
	names := x.newNames
	x.newNames = false
	x.mu.Unlock()
	if !names {
		return nil
	}
	if err := x.opt.FS.SyncDir(x.opt.Dir); err != nil {
		return err
	}
	return x.opt.FS.SyncDir(".")
}

// syncStep is how many bytes the kernel and the device are given at a time: 0.1 ms in which nothing else gets the processor, and a
// millisecond in which commits wait for the device.
const syncStep = 1 << 20

// sync puts a file on the device. The pages are let go first, many at once: else the kernel takes the right to write from each
// dirty page by itself, and interrupts every processor that this process runs on for it, some ten thousand times.
func (f *file) sync() error {
	var others thread.Courtesy
	if err := f.writeOut(0, f.entriesAt(), &others); err != nil {
		return err
	}
	end := min(f.entriesAt()+int64(f.counted.Load())*entrySize, int64(len(f.m.Data)))
	if err := f.writeOut(max(f.entriesAt(), f.written), end, &others); err != nil {
		return err
	}
	f.written = end
	return f.f.Sync() // what the steps have left out, too
}

// writeOut gives [from, to) to the device in steps.
func (f *file) writeOut(from, to int64, others *thread.Courtesy) error {
	for at := from; at < to; at += syncStep {
		n := min(syncStep, to-at)
		if err := f.m.Forget(int(at), int(n)); err != nil {
			return err
		}
		if err := f.f.Writeback(at, n); err != nil {
			return err
		}
		others.Yield()
	}
	return nil
}

// CorrectMin removes the files that only index records before off, where the commit log now
// begins, but never the newest. It may run beside the writer.
func (x *Index) CorrectMin(off message.LogOffset) error {
	for {
		x.mu.Lock()
		if len(x.files) < 2 || x.files[0].endOffset() >= off {
			x.mu.Unlock()
			return nil
		}
		f := x.files[0]
		x.files = x.files[1:]
		x.newNames = true
		x.mu.Unlock()
		if err := x.remove(f); err != nil {
			return err
		}
	}
}

// remove takes a file that is no longer in the list off the disk.
func (x *Index) remove(f *file) error {
	defer f.release()
	if err := x.opt.FS.Remove(x.path(f.name)); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// Close syncs and closes the files. The index must not be used afterwards; queries that run
// may end.
func (x *Index) Close() error {
	_, err := x.Sync()
	x.mu.Lock()
	files := x.files
	x.files = nil
	x.mu.Unlock()
	release(files)
	return err
}
