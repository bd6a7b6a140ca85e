package engine

import (
	"encoding/binary"
	"errors"
	"io"

	"ringmq/internal/layout"
	"ringmq/internal/mapfile"
)

// times is Java's file `checkpoint` (StoreCheckpoint): 4,096 bytes, big-endian int64s in ms,
// the rest zero. Java recovers from the first commit log file whose first record is older.
//
//	offset  width  field
//	     0      8  PHYSICMSGTIMESTAMP  store time of the last record on the device
//	     8      8  LOGICSMSGTIMESTAMP  … whose queue entry is on the device
//	    16      8  INDEXMSGTIMESTAMP   … of the last full index file on the device
type times struct{ log, queues, index int64 }

// TimesLayout is its front, field by field; the grid above is this table.
var TimesLayout = layout.Table{
	{Name: "PHYSICMSGTIMESTAMP", Width: 8},
	{Name: "LOGICSMSGTIMESTAMP", Width: 8},
	{Name: "INDEXMSGTIMESTAMP", Width: 8},
}

const (
	timesFile = "checkpoint"
	timesSize = 4096
)

// openTimes opens the file, or makes it, and reads it; zeros when there was nothing.
func openTimes(root mapfile.FS) (mapfile.File, times, error) {
	f, err := openOrCreate(root, timesFile)
	if err != nil {
		return nil, times{}, err
	}
	var b [24]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, times{}, errors.Join(err, f.Close())
	}
	if f.Size() < timesSize {
		if err := f.Allocate(0, timesSize); err != nil {
			return nil, times{}, errors.Join(err, f.Close())
		}
	}
	be := binary.BigEndian
	return f, times{
		log:    int64(be.Uint64(b[0:])),
		queues: int64(be.Uint64(b[8:])),
		index:  int64(be.Uint64(b[16:])),
	}, nil
}

// write puts the times on the device.
func (t times) write(f mapfile.File) error {
	var b [24]byte
	be := binary.BigEndian
	be.PutUint64(b[0:], uint64(t.log))
	be.PutUint64(b[8:], uint64(t.queues))
	be.PutUint64(b[16:], uint64(t.index))
	if _, err := f.WriteAt(b[:], 0); err != nil {
		return err
	}
	return f.Sync()
}
