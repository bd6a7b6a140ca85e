package engine

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// What follows is for tools that read a store that nobody runs. Nothing here changes a file.

// Names in a store's directory.
const (
	LockName         = lockName
	AbortName        = abortName
	CheckpointName   = timesFile
	CommitLogName    = commitLogName
	ConsumeQueueName = consumeQueueName
	IndexName        = indexName
	RingmqName       = ringmqName
	MarksName        = ringmqName + "/" + markFile

	// ScheduleTopic is where delayed messages wait; entry tags codes are delivery times there.
	ScheduleTopic = scheduleTopic
	// CheckpointSize is the length of Java's checkpoint file.
	CheckpointSize = timesSize
	// MarkStride lies between the two marks of ringmq/checkpoint.
	MarkStride = markStride
)

// LastRun tells how the last broker on a directory ended, in words, and whether it was closed.
func LastRun(root mapfile.FS) (how string, closed bool, err error) {
	last, err := readAbort(root)
	if err != nil {
		return "", false, err
	}
	return last.String(), last == lastClean, nil
}

// Times is Java's checkpoint: store times in ms below which log, queues and full index files are on
// the device.
type Times struct{ Log, Queues, Index int64 }

// DecodeTimes reads the front of a checkpoint file; b has at least 24 bytes.
func DecodeTimes(b []byte) Times {
	be := binary.BigEndian
	return Times{int64(be.Uint64(b[0:])), int64(be.Uint64(b[8:])), int64(be.Uint64(b[16:]))}
}

// Mark is ringmq's checkpoint: what of the derived files was on the device at a moment.
type Mark struct {
	Queues     message.LogOffset // every queue entry below was on the device
	Index      message.LogOffset // every index entry below was
	Anchor     message.LogOffset // the last record before Queues, -1 for none
	AnchorTime int64             // its store time, ms
	Entries    int64             // the sum of all queues' ends
	Indexed    message.LogOffset // the last record in the index, -1 for none
	Closed     bool              // the store was closed then
}

// ReadMark reads the newest mark: ok is false when there is none. damaged counts the places of marks
// that hold something else.
func ReadMark(root mapfile.FS) (m Mark, ok bool, damaged int, err error) {
	f, err := root.Open(path.Join(ringmqName, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Mark{}, false, 0, nil
	}
	if err != nil {
		return Mark{}, false, 0, err
	}
	b := make([]byte, 2*markStride)
	n, err := f.ReadAt(b, 0)
	if err = errors.Join(ignoreEOF(err), f.Close()); err != nil {
		return Mark{}, false, 0, err
	}
	var sequence uint64
	for b = b[:n]; len(b) > 0; b = b[min(markStride, len(b)):] {
		got, isMark := decodeMark(b)
		switch {
		case isMark && (!ok || got.sequence > sequence):
			sequence, ok = got.sequence, true
			m = Mark{got.queues, got.index, got.anchor, got.anchorTime, got.entries, got.indexed, got.clean}
		case !isMark && !isZero(b[:min(markSize, len(b))]):
			damaged++
		}
	}
	return m, ok, damaged, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// ReadDeleted tells which topics were deleted, and where the log ended then: their records before are of no
// queue. Only ringmq keeps this.
func ReadDeleted(root mapfile.FS) (map[string]message.LogOffset, error) {
	deleted := map[string]message.LogOffset{}
	f, err := root.Open(path.Join(ringmqName, tombstoneFile))
	if errors.Is(err, fs.ErrNotExist) {
		return deleted, nil
	}
	if err != nil {
		return nil, err
	}
	text := make([]byte, f.Size())
	_, err = f.ReadAt(text, 0)
	if err = errors.Join(ignoreEOF(err), f.Close()); err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		off, topic, ok := parseTombstone(line)
		if !ok {
			break
		}
		deleted[topic] = off
	}
	return deleted, nil
}

// Deriver tells what the store derives from a record: its queue entry and its key hashes. Not for
// use by several goroutines at once.
type Deriver struct {
	s      Store // for its options only
	hashes []int32
}

// Derived is what belongs to a record.
type Derived struct {
	Entry  consumequeue.Entry
	Queued bool    // it has an entry: half messages and rollbacks have none
	Delay  int64   // ms that a waiting record's delay level lasts, already in the entry; 0 for others
	Hashes []int32 // of its keys, as in the index; valid until the next call
}

// NewDeriver uses the delay levels of messageDelayLevel; nil are RocketMQ's own.
func NewDeriver(levels []time.Duration) *Deriver {
	d := &Deriver{}
	if d.s.o.DelayLevels = levels; levels == nil {
		d.s.o.DelayLevels = defaultDelays[:]
	}
	return d
}

// Derive describes a record that lies in the commit log.
func (d *Deriver) Derive(r *message.Record) Derived {
	var q request
	d.hashes = d.s.describe(&q, d.hashes[:0], nil, r)
	q.place(r)
	return Derived{Entry: q.entry(), Queued: isQueued(r.SysFlag), Delay: q.delay, Hashes: d.hashes}
}
