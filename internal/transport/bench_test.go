package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

// BenchmarkEcho answers requests of 1 KiB with 150 B, load generator and server in one
// process. ns/op is per request and has both sides; B/op and allocs/op should be 0 on the
// ring path.
func BenchmarkEcho(b *testing.B) {
	for _, path := range []string{"on", "off"} {
		for _, load := range []struct{ conns, window int }{{16, 32}, {64, 1}, {1, 1}} {
			b.Run(fmt.Sprintf("ringIO=%s/%dx%d", path, load.conns, load.window), func(b *testing.B) {
				if err := ring.Probe(); err != nil && path == "on" {
					b.Skip(err)
				}
				benchmarkEcho(b, Options{RingIO: path}, load.conns, load.window)
			})
		}
	}
}

func benchmarkEcho(b *testing.B, o Options, conns, window int) {
	tr, err := New(o)
	require.NoError(b, err)
	defer tr.Close(b.Context())
	body := make([]byte, 120)
	ln, err := tr.Listen("127.0.0.1:0", &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
		buf := t.Buf(c)
		*buf = wire.AppendResponse(*buf, cmd, wire.StatusSuccess, "", nil, body)
	}})
	require.NoError(b, err)

	frame := wire.AppendRequest(nil, wire.RocketMQ, wire.CodeSendMessage, 1, 0, nil, make([]byte, 995))
	var burst []byte
	for range window {
		burst = append(burst, frame...)
	}
	peers := make([]net.Conn, conns)
	for i := range peers {
		peers[i], err = net.Dial("tcp", ln.Addr().String())
		require.NoError(b, err)
		defer peers[i].Close()
	}
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, p := range peers {
		n := b.N / conns
		if i < b.N%conns {
			n++
		}
		wg.Go(func() { exchange(b, p, burst, len(frame), n) })
	}
	wg.Wait()
}

// exchange has n requests answered, as many in flight as burst has frames of size bytes.
func exchange(b *testing.B, p net.Conn, burst []byte, size, n int) {
	buf := make([]byte, 64<<10)
	have, answered := 0, 0
	sent := min(n, len(burst)/size)
	_, err := p.Write(burst[:sent*size])
	for err == nil && answered < n {
		var k int
		k, err = p.Read(buf[have:])
		have += k
		done := 0
		for have >= 4 && have >= 4+int(binary.BigEndian.Uint32(buf)) {
			end := 4 + int(binary.BigEndian.Uint32(buf))
			have = copy(buf, buf[end:have])
			done++
		}
		answered += done
		if more := min(done, n-sent); more > 0 && err == nil {
			sent += more
			_, err = p.Write(burst[:more*size])
		}
	}
	if err != nil && err != io.EOF {
		b.Error(err)
	}
}
