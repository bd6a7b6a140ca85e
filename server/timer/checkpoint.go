package timer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// checkpoint is what is known to be done; the package comment has its rule.
type checkpoint struct {
	next    message.QueueOffset
	spilled message.QueueOffset // what lies before and is pending is in the bucket files
	cursor  entry
	horizon int64 // ms; the longest that messages were indexed with
	entries int64 // in all bucket files together, at least
}

const (
	checkpointName   = "checkpoint"
	checkpointMagic  = 0x524D5401
	checkpointSize   = 64
	checkpointStride = 512 // a sector: a torn write leaves the other place whole
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (c *checkpoint) encode(number uint64) []byte {
	b := make([]byte, checkpointSize)
	be := binary.BigEndian
	be.PutUint32(b, checkpointMagic)
	for i, v := range []int64{int64(number), int64(c.next), int64(c.spilled), c.cursor.due, int64(c.cursor.at), c.horizon, c.entries} {
		be.PutUint64(b[8+8*i:], uint64(v))
	}
	be.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// decodeCheckpoint reads one place of the file; ok is false for what is no checkpoint.
func decodeCheckpoint(b []byte) (c checkpoint, number uint64, ok bool) {
	be := binary.BigEndian
	if len(b) < checkpointSize {
		return checkpoint{}, 0, false
	}
	b = b[:checkpointSize]
	if be.Uint32(b) != checkpointMagic || be.Uint32(b[4:]) != crc32.Checksum(b[8:], castagnoli) {
		return checkpoint{}, 0, false
	}
	at := func(i int) int64 { return int64(be.Uint64(b[8+8*i:])) }
	c = checkpoint{
		next: message.QueueOffset(at(1)), spilled: message.QueueOffset(at(2)),
		cursor: entry{at(3), message.QueueOffset(at(4))}, horizon: at(5), entries: at(6),
	}
	return c, uint64(at(0)), 0 <= c.spilled && c.spilled <= c.next && c.horizon >= 0
}

// checkpointFile is the two places.
type checkpointFile struct {
	f      mapfile.File
	number uint64 // of the newest
}

// openCheckpoint opens the file, made when missing, and reads the newest checkpoint; ok is false when there is none.
func openCheckpoint(tree mapfile.FS, dir string) (file *checkpointFile, c checkpoint, ok bool, err error) {
	name := path.Join(dir, checkpointName)
	f, err := tree.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = tree.Create(name); err == nil {
			err = tree.SyncDir(dir)
		}
	}
	if err != nil {
		return nil, c, false, err
	}
	b := make([]byte, 2*checkpointStride)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, c, false, errors.Join(err, f.Close())
	}
	file = &checkpointFile{f: f}
	for b = b[:n]; len(b) > 0; b = b[min(checkpointStride, len(b)):] {
		if got, number, good := decodeCheckpoint(b); good && (!ok || number > file.number) {
			c, file.number, ok = got, number, true
		}
	}
	return file, c, ok, nil
}

// write makes c the newest checkpoint, on the device.
func (f *checkpointFile) write(c *checkpoint) error {
	number := f.number + 1
	if _, err := f.f.WriteAt(c.encode(number), int64(number%2)*checkpointStride); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	f.number = number
	return nil
}
