package commitlog

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// openMode is a fresh log in a flush mode.
func openMode(t *testing.T, fs mapfile.FS, mode Mode, fileSize int64) *testLog {
	t.Helper()
	l, err := Open(Options{FS: fs, Dir: "commitlog", FileSize: fileSize, Mode: mode, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	mem, _ := fs.(*mapfile.Mem)
	tl := &testLog{Log: l, t: t, mem: mem}
	tl.resume()
	return tl
}

// commit writes what is staged in one of two ways, and goes on with a batch that shares its memory.
func (l *testLog) commit(sync, started bool) error {
	l.t.Helper()
	full := l.stager.Swap(NewBatch(64 << 10))
	defer full.Reset()
	if !started {
		return l.Write(full, sync)
	}
	done := make(chan error, 1)
	l.Start(full, sync, nil, func(err error) { done <- err })
	return <-done
}

func TestModesHaveNames(t *testing.T) {
	for m := range modes {
		got, err := ParseMode(Mode(m).String())
		require.NoError(t, err)
		require.Equal(t, Mode(m), got)
	}
	_, err := ParseMode("fast")
	require.ErrorContains(t, err, "write-dsync")
	_, err = Open(Options{FS: mapfile.NewMem(), Dir: "commitlog", FileSize: 5000, Mode: Direct})
	require.ErrorContains(t, err, "multiple of 4096")
}

// TestModesWriteTheSameBytes: whatever the mode, the files are the same, and what was synced lasts.
func TestModesWriteTheSameBytes(t *testing.T) {
	sizes := []int{101, 94, 4000, 8000, 300, 3000, 3980, 94, 7000, 1200, 6000, 94, 95, 8192 - 8, 94}
	var want [][]byte
	for _, mode := range Modes {
		for _, started := range []bool{false, true} {
			t.Run(fmt.Sprint(mode, "/", started), func(t *testing.T) {
				l := openMode(t, mapfile.NewMem(), mode, 8192)
				for i, size := range sizes {
					l.add(size)
					if i%3 > 0 {
						require.NoError(t, l.commit(i%2 == 0, started))
						require.Equal(t, l.stager.Tail(), l.Written())
					}
				}
				require.Equal(t, l.Written(), l.Durable(), "what was written without sync, too")
				var files [][]byte
				for base := message.LogOffset(0); base < l.Written(); base += 8192 {
					files = append(files, l.file(base))
				}
				if want == nil {
					want = files
				}
				require.Equal(t, want, files)
				found, r := l.scan(0)
				require.Equal(t, l.Written(), r.End)
				require.Equal(t, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", found)
				require.NoError(t, l.Close())
			})
		}
	}
}

// TestModesGoOnInTheMiddleOfABlock: a log that was closed goes on behind its last record.
func TestModesGoOnInTheMiddleOfABlock(t *testing.T) {
	for _, mode := range Modes {
		mem := mapfile.NewMem()
		want := ""
		for i := range 30 {
			l := openMode(t, mem, mode, 8192)
			l.add(100 + 37*i)
			require.NoError(t, l.commit(true, i%2 == 0))
			found, _ := l.scan(0)
			want += " 1" // each life counts anew
			require.Equal(t, want[1:], found, "%s", mode)
			require.NoError(t, l.Close())
		}
	}
}

// TestFailureIsFinalInEveryMode: the first operation that fails is the last that is tried, in every mode and on both ways.
func TestFailureIsFinalInEveryMode(t *testing.T) {
	broken := errors.New("broken")
	for _, mode := range Modes {
		for _, started := range []bool{false, true} {
			for _, kind := range []mapfile.OpKind{mapfile.OpWrite, mapfile.OpSync} {
				t.Run(fmt.Sprint(mode, "/", started, "/", kind), func(t *testing.T) {
					if kind == mapfile.OpWrite && modes[mode].mapped {
						t.Skip("nothing is written but through the mapping")
					}
					mem := mapfile.NewMem()
					l := openMode(t, mem, mode, 8192)
					failed := 0
					l.o.Failed = func(error) { failed++ }
					l.add(200)
					require.NoError(t, l.commit(true, started))
					before := l.Durable()
					l.add(200)
					ops := 0
					mem.Fault = func(op mapfile.Op) error {
						if ops++; op.Kind == kind && ops <= 2 {
							return broken
						}
						return nil
					}
					require.ErrorIs(t, l.commit(true, started), broken)
					tried := ops
					l.add(200)
					require.ErrorIs(t, l.commit(true, !started), broken)
					require.ErrorIs(t, l.commit(false, started), broken)
					require.ErrorIs(t, l.Sync(), broken)
					require.Equal(t, tried, ops, "nothing is tried again")
					require.Equal(t, before, l.Durable())
					require.Equal(t, before, l.Written())
					require.Equal(t, 1, failed)
				})
			}
		}
	}
}

// TestStagingStaysPinned: what a reader has pinned stays, whatever is written meanwhile; and those who never give
// back what they pinned are sent elsewhere when they hold too much.
func TestStagingStaysPinned(t *testing.T) {
	l := openMode(t, mapfile.NewMem(), Direct, 1<<20)
	type held struct {
		span Span
		off  message.LogOffset
		want byte
	}
	var pinned []held
	fromStaging := func(s *Span) bool { _, ok := s.held.(*chunk); return ok }
	refused := false
	for i := range 400 {
		r := l.add(5000)
		require.NoError(t, l.commit(false, i%2 == 0))
		s, err := l.Pin(r.LogOffset, 5000)
		require.NoError(t, err)
		if !fromStaging(&s) {
			refused = true
		}
		pinned = append(pinned, held{s, r.LogOffset, r.Body[0]})
		for _, h := range pinned {
			b := h.span.Bytes(h.off, 5000)
			require.Equal(t, h.want, b[len(b)-10])
		}
	}
	require.True(t, refused)
	require.LessOrEqual(t, l.staging.retired, maxRetired+usualChunks)
	for i := range pinned {
		pinned[i].span.Unpin()
	}
	require.Zero(t, l.staging.retired)
	r := l.add(5000)
	require.NoError(t, l.commit(false, false))
	s, err := l.Pin(r.LogOffset, 5000)
	require.NoError(t, err)
	require.True(t, fromStaging(&s), "there is room again")
	require.True(t, s.Resident(r.LogOffset, 5000))
	s.Unpin()
	require.LessOrEqual(t, l.staging.chunks, usualChunks)
	require.NoError(t, l.Close())
}

// TestPrewriteNeverMeetsABatch writes zeros ahead of a log that is being written as fast as it can.
func TestPrewriteNeverMeetsABatch(t *testing.T) {
	for _, mode := range []Mode{Direct, WriteDsync} {
		d, err := mapfile.OpenDir(t.TempDir())
		require.NoError(t, err)
		l := openMode(t, d, mode, 8<<20)
		require.NoError(t, l.Prepare(0))
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if _, err := l.Prewrite(16<<20, 1<<20); err != nil {
					done <- err
					return
				}
			}
		}()
		for i := range 400 {
			l.add(20_000)
			require.NoError(t, l.commit(i%50 == 0, i%2 == 0))
		}
		close(stop)
		require.NoError(t, <-done)
		v := &visitor{}
		r, err := l.Scan(0, l.Written(), v)
		require.NoError(t, err)
		require.Equal(t, l.Written(), r.End)
		require.Len(t, v.records, 400)
		require.Empty(t, v.damage)
		require.NoError(t, l.Close())
		require.NoError(t, d.Close())
	}
}

// TestPrewriteStandsBack: a log that outruns the zeros is left alone until it slows down.
func TestPrewriteStandsBack(t *testing.T) {
	l := openMode(t, mapfile.NewMem(), Direct, 32<<20)
	require.NoError(t, l.Prepare(0))
	prewrite := func(want message.LogOffset) {
		t.Helper()
		more, err := l.Prewrite(16<<20, prewritePiece)
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, want, l.prewriting.done)
	}
	prewrite(prewriteLead + prewritePiece)
	for l.Written() <= prewritePiece+blockSize {
		l.add(50_000)
		require.NoError(t, l.commit(false, false))
	}
	prewrite(prewriteLead + prewritePiece)
	prewrite(l.Written()&^blockMask + prewriteLead + prewritePiece)
	require.NoError(t, l.Close())
}

// TestReadyAhead: in the mmap modes the bytes behind the end, and with Warm all of a file, are in memory before they are
// stored to; in the others nothing is touched.
func TestReadyAhead(t *testing.T) {
	for _, mode := range Modes {
		for _, warm := range []bool{false, true} {
			t.Run(fmt.Sprint(mode, "/", warm), func(t *testing.T) {
				d, err := mapfile.OpenDir(t.TempDir())
				require.NoError(t, err)
				l, err := Open(Options{FS: d, Dir: "commitlog", FileSize: 1 << 20, Mode: mode, Warm: warm, Log: slog.New(slog.DiscardHandler)})
				require.NoError(t, err)
				require.NoError(t, l.Resume(0, 0))
				require.NoError(t, l.Prefault(64<<10), "nothing is prepared yet")
				require.NoError(t, l.Prepare(0))
				require.NoError(t, l.Prefault(64<<10))
				m := l.fileAt(0).mapped.m.Load()
				require.Equal(t, modes[mode].mapped, m != nil)
				if m != nil {
					ready := 64 << 10
					if warm {
						ready = 1 << 20
					}
					in, err := m.Resident(0, ready)
					require.NoError(t, err)
					require.True(t, in)
				}
				require.NoError(t, l.Close())
				require.NoError(t, d.Close())
			})
		}
	}
}

// TestStoredFilesAreUnmapped: a mapping for writing goes when all of its file is on the device.
func TestStoredFilesAreUnmapped(t *testing.T) {
	for _, mode := range []Mode{MmapFsync, MmapMsync} {
		l := openMode(t, mapfile.NewMem(), mode, 8192)
		for range 6 {
			l.add(3000)
			require.NoError(t, l.commit(true, false))
		}
		l.add(3000)
		require.NoError(t, l.commit(false, false))
		require.NoError(t, l.Sync())
		files := *l.files.Load()
		require.Len(t, files, 4)
		for i, f := range files {
			require.Equal(t, i == len(files)-1, f.mapped.m.Load() != nil, "file %d", i)
		}
		require.NoError(t, l.Close())
	}
}
