package flush

import (
	"context"
	"fmt"
	"time"

	"ringmq/internal/mapfile"
)

// room is what a run may take of the disk: bytes, as long as the file system gives the space of removed files back, which it
// does when it likes, with its journal or when the device has discarded it. So the disk has the last word, and who finds
// less than floor free waits. That time counts: a disk is no faster than it gets rid of what it was given.
//
//	│                   bytes                   │
//	│ files, up to six │ two made ahead of need │
//	                 most
type room struct {
	dir    string
	space  func() (mapfile.Space, error)
	file   int64 // size of a log's file
	most   int64 // what the log may have before a run waits
	floor  int64 // free bytes
	unseen int64 // bytes written since anybody looked; owned by who writes
}

const (
	roomFiles = 8 // of a log, that fit
	leastRoom = roomFiles * (64 << 20)
	usualRoom = roomFiles << 30 // files are no larger than 1 GiB
	// roomPoll is the time between two looks, roomMissed after how long nobody waits any more.
	roomPoll   = 10 * time.Millisecond
	roomMissed = time.Minute
)

// newRoom takes bytes of dir's disk, or with 0 a quarter of what is free and at most 8 GiB.
func newRoom(dir string, space func() (mapfile.Space, error), bytes int64) (*room, error) {
	now, err := space()
	if err != nil {
		return nil, err
	}
	if bytes == 0 {
		bytes = min(now.Free/4, usualRoom)
	}
	if bytes < leastRoom || bytes > now.Free/10*9 {
		return nil, fmt.Errorf("flush: a run takes at least %d MiB of the disk and nine tenths of what is free at most: it may take %d MiB here, and %s has %d MiB free",
			leastRoom>>20, bytes>>20, dir, now.Free>>20)
	}
	file := min(bytes, usualRoom) / roomFiles >> 20 << 20
	return &room{dir: dir, space: space, file: file, most: bytes - 2*file, floor: now.Free / 10}, nil
}

// want waits until n more bytes may be written, by who holds so many already.
func (r *room) want(ctx context.Context, n int64, held func() int64) error {
	if r.unseen += n; r.unseen < r.file/16 {
		return nil
	}
	r.unseen = 0
	for since := time.Now(); ; {
		now, err := r.space()
		if err != nil || now.Free >= r.floor && held() <= r.most {
			return err
		}
		if time.Since(since) >= roomMissed {
			return fmt.Errorf("flush: no room for more within %v: the log has %d MiB of %d, and %s %d MiB free, of which %d are to stay",
				roomMissed, held()>>20, r.most>>20, r.dir, now.Free>>20, r.floor>>20)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(roomPoll):
		}
	}
}
