package flush

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// disk is one with so much free.
type disk struct {
	free int64
	err  error
}

func (d *disk) space() (mapfile.Space, error) {
	return mapfile.Space{Total: 1 << 40, Free: atomic.LoadInt64(&d.free)}, d.err
}

func TestRoomIsAShareOfTheDisk(t *testing.T) {
	for _, c := range []struct{ free, asked, file, most int64 }{
		{100 << 30, 0, 1 << 30, 6 << 30},               // 8 GiB at most
		{8 << 30, 0, 256 << 20, 6 * (256 << 20)},       // a quarter
		{100 << 30, 64 << 30, 1 << 30, 62 << 30},       // as asked for, in files of 1 GiB
		{1 << 30, leastRoom, 64 << 20, 6 * (64 << 20)}, // the least
	} {
		r, err := newRoom("DIR", (&disk{free: c.free}).space, c.asked)
		require.NoError(t, err)
		require.Equal(t, c.file, r.file)
		require.Equal(t, c.most, r.most)
		require.Equal(t, c.free/10, r.floor)
	}
	for _, c := range []struct{ free, asked int64 }{{1 << 30, 0}, {100 << 30, 1 << 20}, {8 << 30, 8 << 30}, {100 << 30, -1}} {
		_, err := newRoom("DIR", (&disk{free: c.free}).space, c.asked)
		require.ErrorContains(t, err, "DIR has ")
	}
	broken := errors.New("broken")
	_, err := newRoom("DIR", (&disk{err: broken}).space, 0)
	require.ErrorIs(t, err, broken)
}

func TestWhoFindsNoRoomWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{free: 100 << 30}
		r, err := newRoom("DIR", d.space, 0)
		require.NoError(t, err)
		var mine int64
		held := func() int64 { return atomic.LoadInt64(&mine) }
		for what, place := range map[string]*int64{"its log has enough": &mine, "the disk is nearly full": &d.free} {
			full, empty := r.most+1, r.most
			if place == &d.free {
				full, empty = r.floor-1, r.floor
			}
			*place, r.unseen = full, 0
			require.NoError(t, r.want(t.Context(), 1, held), "nobody looks for each byte")

			time.AfterFunc(time.Second, func() { atomic.StoreInt64(place, empty) })
			begin := time.Now()
			require.NoError(t, r.want(t.Context(), r.file, held), what)
			require.InDelta(t, time.Second, time.Since(begin), float64(roomPoll), what)

			*place = full
			require.ErrorContains(t, r.want(t.Context(), r.file, held), "no room for more", what)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, r.want(ctx, r.file, held), context.DeadlineExceeded, what)
			cancel()
			*place = empty
		}
	})
}

// A run that writes several times its room takes no more than that of the disk, in the store and in the bare loop.
func TestRunKeepsToItsRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("writes some GiB")
	}
	o := Options{Dir: t.TempDir(), Modes: []commitlog.Mode{commitlog.WriteFsync}, Types: []engine.FlushType{engine.AsyncFlush},
		Sizes: []int{16 << 10}, Waiters: []int{256}, Each: 1500 * time.Millisecond, IO: "auto", NoIndex: true, Room: leastRoom}
	done := make(chan int64)
	stop := make(chan struct{})
	go func() { done <- most(o.Dir, stop) }()
	rep, err := Run(t.Context(), o)
	require.NoError(t, err)
	close(stop)
	require.Empty(t, rep.Results[0].Refused)
	took := <-done
	t.Logf("%.0f MB/s in %d MiB", rep.Results[0].MB, took>>20)
	require.LessOrEqual(t, took, o.Room+o.Room/8, "the log, and its queue")
}

// most is the largest size that the files below dir had together.
func most(dir string, stop chan struct{}) (bytes int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return bytes
		case <-tick.C:
			bytes = max(bytes, size(dir))
		}
	}
}

func size(dir string) (bytes int64) {
	entries, _ := os.ReadDir(dir) // it may have gone
	for _, e := range entries {
		if e.IsDir() {
			bytes += size(dir + "/" + e.Name())
		} else if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

func TestStoppedRunLeavesNothing(t *testing.T) {
	o := Options{Dir: t.TempDir(), Each: time.Hour, IO: "auto", Room: leastRoom, Modes: commitlog.Modes, Sizes: []int{1024}, Waiters: []int{16},
		Types: []engine.FlushType{engine.AsyncFlush, engine.SyncFlush}}
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(int, int, string) { time.AfterFunc(50*time.Millisecond, cancel) }
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)

	r, err := newRoom(o.Dir, (&disk{free: 1 << 40}).space, leastRoom)
	require.NoError(t, err)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = bare(ctx, &o, r, Cell{Mode: commitlog.WriteFsync, Type: engine.AsyncFlush, Bytes: 1024, Waiters: 16})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	left, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
