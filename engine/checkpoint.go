package engine

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"ringmq/internal/layout"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// mark is a moment at which everything derived from the log below some offsets was on the
// device: where recovery begins. It lies in ringmq/checkpoint twice, big-endian, each time in a sector
// of its own; a new mark replaces the older one, so a torn write loses only itself:
//
//	offset  width  field
//	     0      4  MAGIC       0x524D5131
//	     4      4  CRC         CRC-32 (IEEE) of the 68 bytes behind it
//	     8      8  SEQUENCE    counts the marks; the higher one of the two counts
//	    16      8  QUEUES      LogOffset below which every consume queue entry is on the device
//	    24      8  INDEX       LogOffset below which every index entry is on the device
//	    32      8  ANCHOR      LogOffset of the last record before QUEUES, -1 for none
//	    40      8  ANCHORTIME  its store time: is it still the same log?
//	    48      8  ENTRIES     the sum of all queues' ends: are all queues still there?
//	    56      8  STORETIME   the last store time given out
//	    64      8  INDEXED     LogOffset of the last record in the index, -1 for none: is it still there?
//	    72      4  CLEAN       1: the store was closed and nothing follows
//
// Behind the two lies a third, which is not synced: what was in the files, on the device or not, at a later moment. It counts
// for the start after the process was killed, which then reads little also where the device did not keep up with checkpoints.
type mark struct {
	sequence   uint64
	queues     message.LogOffset
	index      message.LogOffset
	anchor     message.LogOffset
	anchorTime int64
	entries    int64
	storeTime  int64
	indexed    message.LogOffset
	clean      bool
}

// MarkLayout is a mark, field by field; the grid above is this table.
var MarkLayout = layout.Table{
	{Name: "MAGIC", Width: 4},
	{Name: "CRC", Width: 4},
	{Name: "SEQUENCE", Width: 8},
	{Name: "QUEUES", Width: 8},
	{Name: "INDEX", Width: 8},
	{Name: "ANCHOR", Width: 8},
	{Name: "ANCHORTIME", Width: 8},
	{Name: "ENTRIES", Width: 8},
	{Name: "STORETIME", Width: 8},
	{Name: "INDEXED", Width: 8},
	{Name: "CLEAN", Width: 4},
}

const (
	markMagic  = 0x524D5131
	markSize   = 76
	markStride = mapfile.Sector
	markFile   = "checkpoint"
)

const _ = uint(markStride - markSize) // a mark is written whole or not at all

func (m *mark) encode() []byte {
	b := make([]byte, markSize)
	be := binary.BigEndian
	be.PutUint32(b, markMagic)
	be.PutUint64(b[8:], m.sequence)
	be.PutUint64(b[16:], uint64(m.queues))
	be.PutUint64(b[24:], uint64(m.index))
	be.PutUint64(b[32:], uint64(m.anchor))
	be.PutUint64(b[40:], uint64(m.anchorTime))
	be.PutUint64(b[48:], uint64(m.entries))
	be.PutUint64(b[56:], uint64(m.storeTime))
	be.PutUint64(b[64:], uint64(m.indexed))
	if m.clean {
		be.PutUint32(b[72:], 1)
	}
	be.PutUint32(b[4:], crc32.ChecksumIEEE(b[8:]))
	return b
}

// decodeMark reads a mark; ok is false for anything that is none.
func decodeMark(b []byte) (m mark, ok bool) {
	be := binary.BigEndian
	if len(b) < markSize || be.Uint32(b) != markMagic || be.Uint32(b[4:]) != crc32.ChecksumIEEE(b[8:markSize]) {
		return mark{}, false
	}
	return mark{
		sequence:   be.Uint64(b[8:]),
		queues:     message.LogOffset(be.Uint64(b[16:])),
		index:      message.LogOffset(be.Uint64(b[24:])),
		anchor:     message.LogOffset(be.Uint64(b[32:])),
		anchorTime: int64(be.Uint64(b[40:])),
		entries:    int64(be.Uint64(b[48:])),
		storeTime:  int64(be.Uint64(b[56:])),
		indexed:    message.LogOffset(be.Uint64(b[64:])),
		clean:      be.Uint32(b[72:]) == 1,
	}, true
}

// marks is the file with the marks.
type marks struct {
	f       mapfile.File
	last    mark
	ok      bool // last was read or written
	flushed mark // the third; promises nothing if there is none
}

// flushedAt is where the third mark lies.
const flushedAt = 2 * markStride

// openMarks opens the file, or makes it, and reads the newest mark, and the third.
func openMarks(root mapfile.FS) (*marks, error) {
	if err := root.MkdirAll(ringmqName); err != nil {
		return nil, err
	}
	f, err := openOrCreate(root, path.Join(ringmqName, markFile))
	if err != nil {
		return nil, err
	}
	ms := &marks{f: f, flushed: noMark}
	b := make([]byte, flushedAt+markStride)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	for at := 0; at < flushedAt; at += markStride {
		if m, ok := decodeMark(b[at:]); ok && (!ms.ok || m.sequence > ms.last.sequence) {
			ms.last, ms.ok = m, true
		}
	}
	if m, ok := decodeMark(b[flushedAt:]); ok {
		ms.flushed = m
	}
	return ms, nil
}

// noMark promises nothing.
var noMark = mark{anchor: -1, indexed: -1}

// openOrCreate opens a file, or makes it. Its name lasts afterwards, also when it was there: a
// process that was killed may have made it and come no further.
func openOrCreate(root mapfile.FS, name string) (mapfile.File, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = root.Create(name)
	}
	if err != nil {
		return nil, err
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if err := root.SyncDir(dir); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if dir == "." {
			return f, nil
		}
	}
}

// write makes m the newest mark, on the device.
func (ms *marks) write(m mark) error {
	m.sequence = ms.last.sequence + 1
	if _, err := ms.f.WriteAt(m.encode(), int64(m.sequence%2)*markStride); err != nil {
		return err
	}
	if err := ms.f.Sync(); err != nil {
		return err
	}
	ms.last, ms.ok = m, true
	return nil
}

// writeFlushed makes m the third mark.
func (ms *marks) writeFlushed(m mark) error {
	if m == ms.flushed {
		return nil
	}
	_, err := ms.f.WriteAt(m.encode(), flushedAt)
	if err == nil {
		ms.flushed = m
	}
	return err
}

// moment is the mark of this moment, with what the files do not have yet.
func (s *Store) moment() mark {
	// What is indexed is read first: it never lies behind what is visible then.
	indexed, last := s.Visible(), message.LogOffset(-1)
	if s.indexer != nil {
		indexed, last = s.indexer.progress()
	}
	s.commit.Lock()
	defer s.unlockCommit()
	return mark{
		index: indexed, indexed: last,
		queues: s.Visible(), anchor: s.commit.anchor, anchorTime: s.commit.anchorTime,
		entries: s.commit.entries, storeTime: s.commit.anchorTime,
	}
}

// noteFlushed writes queue entries to their files, and says so in the third mark. When entries cannot be written, they stay in
// memory, and it says nothing.
func (s *Store) noteFlushed() error {
	s.noting.Lock()
	defer s.noting.Unlock()
	m := s.moment()
	if err := s.queues.Flush(); err != nil {
		return err
	}
	return s.marks.writeFlushed(m)
}

// checkpointStep puts everything derived from the log as it is now on the device, and then says so
// in both checkpoints. clean says that the store is being closed.
func (s *Store) checkpointStep(clean bool) error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	return s.checkpointLocked(clean)
}

// checkpointLocked is checkpointStep under checkpointing.
func (s *Store) checkpointLocked(clean bool) error {
	m := s.moment()
	m.clean = clean
	if err := s.log.Sync(); err != nil {
		return err
	}
	if err := s.queues.Sync(); err != nil {
		s.noteFailure()
		return err
	}
	if err := s.syncIndex(&m); err != nil {
		s.noteFailure()
		return err
	}
	s.times.log, s.times.queues = m.anchorTime, m.anchorTime
	if err := s.times.write(s.timesFile); err != nil {
		return err
	}
	s.noting.Lock()
	defer s.noting.Unlock()
	if err := s.marks.write(m); err != nil {
		return err
	}
	s.checkpointAt.Store(int64(m.queues))
	return nil
}

// syncIndex puts the index on the device, or has the mark say what the one before says of it. Its slots lie all over
// the file: each sync writes most of their pages, which are faulted in again at the next
// write. So it is done every FlushThoroughInterval only; a killed process loses nothing by that, and after a power
// cut the messages since then are indexed again.
func (s *Store) syncIndex(m *mark) error {
	now := s.o.Clock.Now()
	if s.index == nil {
		return nil
	}
	if !m.clean && s.marks.ok && now.Before(s.indexSynced.Add(s.pace.Load().FlushThoroughInterval)) {
		m.index, m.indexed = s.marks.last.index, s.marks.last.indexed
		return nil
	}
	full, err := s.index.Sync()
	s.indexSynced = now
	s.times.index = max(s.times.index, full)
	return err
}
