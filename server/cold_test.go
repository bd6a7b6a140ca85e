package server

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/engine"
	"ringmq/internal/message"
)

// TestColdPulls: what the page cache does not have is answered all the same, by the filter that the pull came with, though
// the turn's other pulls have used its memory since.
func TestColdPulls(t *testing.T) {
	for _, ringIO := range []string{"off", "auto"} {
		t.Run(ringIO, func(t *testing.T) {
			b := startBroker(t, ringIO, nil)
			k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
			defer k.close()
			for i := range 20 {
				require.Contains(t, k.ask(sendRequest("T", 0, fmt.Sprintf("TAGS\x01Tag%d", i%4), "body"))[0], `< 0 `)
			}
			b.growLog(t, 80<<20)
			b.dropCache(t)
			res := engine.NewGetResult()
			b.store.Get(&engine.GetRequest{Queue: b.store.Queue([]byte("T"), 0), MaxMsgs: 32}, res)
			cold, bytes := res.Cold, res.Bytes
			res.Release()
			if !cold {
				t.Skip("the file system keeps what it was told to drop")
			}
			for tag := range 4 {
				k.say(pullRequestOf("c", "T", 0, 0, fmt.Sprintf("Tag%d", tag), 0))
			}
			for range 4 {
				h, _ := k.read(k.conn("c"))
				require.Equal(t, `0 "FOUND" {"maxOffset":"20","minOffset":"0","nextBeginOffset":"20","suggestWhichBrokerId":"0"}`, h.String())
			}
			for tag := range 4 {
				name := fmt.Sprint("alone", tag)
				k.say(pullRequestOf(name, "T", 0, 0, fmt.Sprintf("Tag%d", tag), 0))
				_, body := k.read(k.conn(name))
				require.Equal(t, fmt.Sprintf("binary, %d bytes", bytes/4), body)
			}
			require.Empty(t, b.errors.lines())
		})
	}
}

// growLog stores other messages, so that what was stored before is not taken to be in memory.
func (b *testBroker) growLog(t *testing.T, bytes int) {
	host := netip.MustParseAddrPort("127.0.0.1:1")
	r := message.Record{Topic: []byte("Other"), Body: make([]byte, 1<<20), BornHost: host, StoreHost: host}
	for range bytes >> 20 {
		got, err := b.store.Append(b.store.Queue(r.Topic, 0), &r)
		require.NoError(t, err)
		_, err = b.store.Commit(got.End(), nil)
		require.NoError(t, err)
	}
}

// dropCache empties the page cache of the commit log.
func (b *testBroker) dropCache(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(b.dir, "store", "commitlog", "*"))
	require.NoError(t, err)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		require.NoError(t, f.Close())
	}
}
