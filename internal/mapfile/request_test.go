package mapfile

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ringmq/internal/ring"
)

// everyLoop runs a test over a directory with each kind of loop, and over the memory twin.
func everyLoop(t *testing.T, test func(t *testing.T, fs FS)) {
	for _, ringIO := range []string{"on", "off"} {
		t.Run(ringIO, func(t *testing.T) {
			if err := ring.Probe(); err != nil && ringIO == "on" {
				t.Skipf("no io_uring: %v", err)
			}
			defer goleak.VerifyNone(t)
			l, err := StartLoop(ringIO)
			require.NoError(t, err)
			path, _ := l.Path()
			require.Equal(t, map[string]string{"on": "io_uring", "off": "calls"}[ringIO], path)
			d, err := OpenDirOn(t.TempDir(), l)
			require.NoError(t, err)
			test(t, d)
			require.NoError(t, d.Close())
			l.Close()
		})
	}
	t.Run("mem", func(t *testing.T) { test(t, NewMem()) })
}

type outcome struct {
	n   int
	err error
}

// carry starts a request and waits for its end.
func carry(f File, r *Request) outcome {
	done := make(chan outcome, 1)
	r.Done = func(n int, err error) { done <- outcome{n, err} }
	f.Start(r, nil)
	return <-done
}

func TestRequests(t *testing.T) {
	everyLoop(t, func(t *testing.T, fs FS) {
		f, err := fs.Create("f")
		require.NoError(t, err)
		page := Memory(DirectAlign)
		copy(page, "direct")
		for _, step := range []struct {
			name string
			r    Request
			want outcome
		}{
			{"allocate", Request{Kind: AllocateRequest, Len: 4 * block}, outcome{0, nil}},
			{"write", Request{Kind: WriteRequest, P: []byte("hello"), Off: block}, outcome{5, nil}},
			{"write to the device", Request{Kind: WriteRequest, P: []byte("HE"), Off: block, How: Dsync}, outcome{2, nil}},
			{"write past the page cache", Request{Kind: WriteRequest, P: page, Off: 2 * block, How: Dsync | Direct}, outcome{block, nil}},
			{"sync", Request{Kind: SyncRequest}, outcome{0, nil}},
			{"read", Request{P: make([]byte, 5), Off: block}, outcome{5, nil}},
			{"read over the end", Request{P: make([]byte, 20), Off: 4*block - 5}, outcome{5, io.EOF}},
			{"read behind the end", Request{P: make([]byte, 20), Off: 5 * block}, outcome{0, io.EOF}},
		} {
			require.Equal(t, step.want, carry(f, &step.r), step.name)
		}
		require.EqualValues(t, 4*block, f.Size())
		got := make([]byte, block+6)
		require.Equal(t, outcome{len(got), nil}, carry(f, &Request{P: got, Off: block}))
		require.Equal(t, "HEllo", string(got[:5]))
		require.Equal(t, "direct", string(got[block:]))
		crooked := carry(f, &Request{Kind: WriteRequest, P: page, Off: 3, How: Direct})
		require.ErrorIs(t, crooked.err, unix.EINVAL)
		require.NoError(t, f.Close())
	})
}

// TestRequestsInCrowds has more in flight than a ring takes, each started by the end of another.
func TestRequestsInCrowds(t *testing.T) {
	everyLoop(t, func(t *testing.T, fs FS) {
		f, err := fs.Create("f")
		require.NoError(t, err)
		const chains, length = 3 * loopEntries, 5
		want := bytes.Repeat([]byte("0123456789abcdef"), chains*length)
		_, err = f.WriteAt(want, 0)
		require.NoError(t, err)
		done := make(chan error, chains)
		for c := range chains {
			r := &Request{P: make([]byte, 16), Off: int64(c) * 16}
			left := length
			r.Done = func(_ int, err error) {
				if err == nil && string(r.P) != "0123456789abcdef" {
					err = errors.New("other bytes")
				}
				if left--; left == 0 || err != nil {
					done <- err
					return
				}
				r.Off += chains * 16
				f.Start(r, nil)
			}
			f.Start(r, nil)
		}
		for range chains {
			require.NoError(t, <-done)
		}
		require.NoError(t, f.Close())
	})
}

// TestCloseWaitsForRequests closes a loop with requests in flight.
func TestCloseWaitsForRequests(t *testing.T) {
	for _, ringIO := range []string{"auto", "off"} {
		l, err := StartLoop(ringIO)
		require.NoError(t, err)
		d, err := OpenDirOn(t.TempDir(), l)
		require.NoError(t, err)
		f, err := d.Create("f")
		require.NoError(t, err)
		done := make(chan error, 200)
		for i := range cap(done) {
			f.Start(&Request{Kind: WriteRequest, P: []byte("x"), Off: int64(i), Done: func(_ int, err error) { done <- err }}, nil)
		}
		l.Close()
		require.Len(t, done, cap(done))
		for range cap(done) {
			require.NoError(t, <-done)
		}
		require.NoError(t, errors.Join(f.Close(), d.Close()))
	}
}

// TestDsyncBringsItsPagesOnly: of two dirty pages the one that is written with Dsync lasts.
func TestDsyncBringsItsPagesOnly(t *testing.T) {
	m := NewMem()
	f, err := m.Create("f")
	require.NoError(t, err)
	require.NoError(t, m.SyncDir("."))
	require.NoError(t, f.Allocate(0, 2*block))
	_, err = f.WriteAt([]byte("page cache"), 0)
	require.NoError(t, err)
	_, err = f.WriteWith([]byte("device"), block, Dsync)
	require.NoError(t, err)
	require.Equal(t, "device", string(m.live["f"].device[block:block+6]))
	require.Zero(t, m.live["f"].device[0])
}
