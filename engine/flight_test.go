package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
	"ringmq/internal/ring"
)

// atOnce stands for a ring over the memory twin, which carries requests out by itself.
type atOnce struct{}

func (atOnce) Submit(ring.Operation) { panic("the memory twin asks no ring") }

// TestFailuresInEveryMode: in each flush type and mode, on a ring and without, the first write or sync that fails is
// told to all who wait, and to all who come later; nothing is tried again, nothing acknowledged; reads go on.
func TestFailuresInEveryMode(t *testing.T) {
	broken := errors.New("broken")
	everyMode(t, func(t *testing.T, flush FlushType, mode commitlog.Mode) {
		for _, kind := range []mapfile.OpKind{mapfile.OpWrite, mapfile.OpSync} {
			for _, on := range []ring.Submitter{nil, atOnce{}} {
				mapped := mode == commitlog.MmapFsync || mode == commitlog.MmapMsync
				if kind == mapfile.OpWrite && mapped {
					continue // nothing is written but through the mapping
				}
				name := fmt.Sprintf("%s, ring %v", kind, on != nil)
				s, mem := openSmall(t, func(o *Options) { o.Flush, o.FlushMode = flush, mode })
				q := s.Queue([]byte("T"), 0)
				var acks []error
				send := func(body string) (message.LogOffset, error) {
					got, err := s.Append(q, testRecord("T", body))
					if err != nil {
						return 0, err
					}
					done, err := s.CommitOn(on, got.End(), func(err error) { acks = append(acks, err) })
					if s.Deferred() {
						s.commitStep()
					} else {
						require.True(t, done)
						acks = append(acks, err)
					}
					return got.End(), nil
				}
				good, err := send("good")
				require.NoError(t, err, name)
				require.Equal(t, []error{nil}, acks, name)
				require.NoError(t, s.log.Sync())
				tried := 0
				mem.Fault = func(op mapfile.Op) error {
					if op.Kind == kind && strings.HasPrefix(op.Name, commitLogName) {
						if tried++; tried == 1 {
							return broken
						}
					}
					return nil
				}
				_, err = send("bad")
				require.NoError(t, err, name)
				durable := flush == SyncFlush || kind == mapfile.OpWrite
				if durable {
					require.ErrorIs(t, acks[1], broken, name)
					require.EqualValues(t, 1, q.Max(), name)
					require.Equal(t, good, s.Visible(), name)
				} else {
					require.NoError(t, acks[1], "the page cache has it")
					require.ErrorIs(t, s.Flush(), broken, name)
				}
				_, err = send("later")
				require.ErrorIs(t, err, broken, name)
				require.ErrorIs(t, s.Flush(), broken, name)
				require.ErrorIs(t, s.Stats().Refusal, broken, name)
				require.Equal(t, 1, tried, "%s: nothing is tried again", name)
				require.Equal(t, good, s.log.Durable(), name)
				res := NewGetResult()
				s.Get(&GetRequest{Queue: q, MaxMsgs: 1}, res)
				require.Equal(t, "good", bodies(t, res), name)
				res.Release()
				mem.Fault = nil
				require.ErrorIs(t, s.Close(), broken, name)
			}
		}
	})
}

// TestFlightsGather: while a ring writes a batch the next one gathers, and follows by itself.
func TestFlightsGather(t *testing.T) {
	for _, ringIO := range []string{"auto", "off"} {
		loop, err := mapfile.StartLoop(ringIO)
		require.NoError(t, err)
		s, err := Open(Options{Dir: t.TempDir(), Flush: SyncFlush, FlushMode: commitlog.Direct, CommitLogFileSize: 1 << 20, RingIO: ringIO})
		require.NoError(t, err)
		q := s.Queue([]byte("T"), 0)
		const n = 3000
		acked := make(chan error, n)
		for i := range n {
			got, err := s.Append(q, testRecord("T", fmt.Sprint(i)))
			require.NoError(t, err)
			done, err := s.CommitOn(loop, got.End(), func(err error) { acked <- err })
			require.NoError(t, err)
			_ = done // ack may have run before
		}
		for range n {
			require.NoError(t, <-acked)
		}
		require.EqualValues(t, n, q.Max())
		require.Equal(t, s.Visible(), s.log.Durable())
		require.NoError(t, s.Close())
		loop.Close()
	}
}

// TestFullStagingRefusesWhileARingWrites: Append never waits for the ring, which may be its caller's own.
func TestFullStagingRefusesWhileARingWrites(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Flush, o.FlushMode = SyncFlush, commitlog.Direct })
	q := s.Queue([]byte("T"), 0)
	total := 0
	fill := func() error {
		for {
			got, err := s.Append(q, testRecord("T", strings.Repeat("x", 2000)))
			if err != nil {
				return err
			}
			total += int(got.Size)
			require.NoError(t, s.log.Prepare(s.nextFile(got.End())))
		}
	}
	got, err := s.Append(q, testRecord("T", "first"))
	require.NoError(t, err)
	refused := false
	mem.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpWrite && strings.HasPrefix(op.Name, commitLogName) && !refused {
			require.ErrorIs(t, fill(), ErrBusy)
			refused = true
		}
		return nil
	}
	var acks []error
	_, err = s.CommitOn(atOnce{}, got.End(), func(err error) { acks = append(acks, err) })
	require.NoError(t, err)
	require.True(t, refused)
	require.Greater(t, total, maxFull*s.o.StagingBytes/2, "batches wait for the ring first")
	require.Equal(t, []error{nil}, acks)
	require.Equal(t, s.stage.stager.Tail(), s.Visible(), "what waited follows")
	_, err = s.Append(q, testRecord("T", "again"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestAckFromStaging: a message is acknowledged before it is written, and seen when it is.
func TestAckFromStaging(t *testing.T) {
	for _, mode := range commitlog.Modes {
		ackFromStaging(t, mode)
	}
	s, _ := openSmall(t, func(o *Options) { o.Flush, o.AckFromStaging = SyncFlush, true })
	require.False(t, s.o.AckFromStaging, "only ASYNC_FLUSH has a pool")
	require.NoError(t, s.Close())
}

func ackFromStaging(t *testing.T, mode commitlog.Mode) {
	s, _ := openSmall(t, func(o *Options) { o.AckFromStaging, o.FlushMode = true, mode })
	require.False(t, s.Deferred())
	q := s.Queue([]byte("T"), 0)
	got, err := s.Append(q, testRecord("T", "x"))
	require.NoError(t, err)
	done, err := s.Commit(got.End(), nil)
	require.NoError(t, err)
	require.True(t, done)
	require.Zero(t, q.Max())
	require.Len(t, s.wakeCommit, 1)
	s.commitStep()
	require.EqualValues(t, 1, q.Max())
	require.NoError(t, s.Close())
}
