package server

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// sender is the producing side of a turn in memory: connections whose requests differ from turn to turn as those of
// stock producers do.
type sender struct {
	memory *transport.Memory
	conns  []*transport.MemoryConn
	frames [][]byte // of each connection, one request behind the other
	keys   [][]byte // the places of the unique keys in frames
	count  int
}

const uniqueKey = "7F00000100015D5B4AAC000000000000"

// newSender has conns connections with each requests of one message, or batches of them, of size bytes.
func newSender(b *Broker, s wire.Serialize, conns, each, batch, size int) *sender {
	p := &sender{memory: transport.NewMemory(&port{b, false})}
	for i := range conns {
		var frames []byte
		for k := range each {
			h := &wire.SendMessageRequest{
				ProducerGroup: []byte("order-producer"), Topic: []byte("BenchmarkTest"), DefaultTopic: []byte("TBW102"),
				DefaultTopicQueueNums: 4, QueueID: int32(i), BornTimestamp: time.Now().UnixMilli(),
				Properties: []byte("UNIQ_KEY\x01" + uniqueKey + "\x02WAIT\x01true"),
			}
			code, body := wire.CodeSendMessageV2, bytes.Repeat([]byte("x"), size)
			if batch > 1 {
				h.Batch, h.HasBatch, h.Properties = true, true, []byte("WAIT\x01true")
				code, body = wire.CodeSendBatchMessage, batchBody(batch, size)
			}
			frames = wire.AppendRequest(frames, s, code, int32(1_000_000_000+k), 0, h.V2(), body)
		}
		for rest := frames; ; {
			at := bytes.Index(rest, []byte(uniqueKey))
			if at < 0 {
				break
			}
			p.keys = append(p.keys, rest[at:at+len(uniqueKey)])
			rest = rest[at+len(uniqueKey):]
		}
		p.conns = append(p.conns, p.memory.Dial())
		p.frames = append(p.frames, frames)
	}
	return p
}

// batchBody is n messages of size bytes, each with a unique key.
func batchBody(n, size int) (out []byte) {
	be := func(v int) { out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v)) }
	properties := "UNIQ_KEY\x01" + uniqueKey
	for range n {
		be(4*5 + size + 2 + len(properties))
		be(0)
		be(0)
		be(0)
		be(size)
		out = append(append(out, make([]byte, size)...), 0, byte(len(properties)))
		out = append(out, properties...)
	}
	return out
}

// turn sends everything once, with new keys, and counts the answered requests that succeeded.
func (p *sender) turn(sent func(c *transport.MemoryConn, answers []byte)) error {
	p.frame()
	return p.memory.Turn(p.conns, sent)
}

// frame gives every connection its requests, with new keys.
func (p *sender) frame() {
	for _, key := range p.keys {
		p.count++
		for i, n := len(key)-1, p.count; i >= len(key)-8; i, n = i-1, n>>4 {
			key[i] = "0123456789ABCDEF"[n&15]
		}
	}
	for i, c := range p.conns {
		c.Frames = p.frames[i]
	}
}

// benchFlags are those of a broker as it is delivered, but for its ports and folders.
var benchFlags = map[string]string{"mappedFileSizeCommitLog": "1073741824", "maxHashSlotNum": "5000000", "maxIndexNum": "20000000"}

// BenchmarkTurn is the broker's part of a loop's turn, from frames to answers, of 128 messages from 16 connections.
// An op is a message. wall time has the write to the page cache in it, cpu the indexer, the flusher and the rest, too.
func BenchmarkTurn(b *testing.B) {
	for _, s := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		for _, load := range []struct{ each, batch, size int }{{8, 1, 128}, {8, 1, 1024}, {1, 32, 128}} {
			b.Run(fmt.Sprintf("header=%d/batch=%d/%d", s, load.batch, load.size), func(b *testing.B) {
				broker := startBroker(b, "off", benchFlags)
				p := newSender(broker.Broker, s, 16, load.each, load.batch, load.size)
				messages := 16 * load.each * load.batch
				require.NoError(b, p.turn(func(_ *transport.MemoryConn, answers []byte) { requireStored(b, answers, load.each) }))
				b.ReportAllocs()
				begin := cpuTime(b)
				b.ResetTimer()
				for range (b.N + messages - 1) / messages {
					if err := p.turn(nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-begin)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// requireStored wants n answers of success.
func requireStored(t testing.TB, answers []byte, n int) {
	var d wire.Decoder
	var c wire.Command
	for range n {
		size := int(answers[1])<<16 | int(answers[2])<<8 | int(answers[3])
		require.NoError(t, d.Decode(answers[4:4+size], &c))
		require.Equal(t, wire.StatusSuccess, wire.Status(c.Code), "%s", c.Remark)
		answers = answers[4+size:]
	}
	require.Empty(t, answers)
}

func cpuTime(t testing.TB) time.Duration {
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestTurnDoesNotAllocate: from frames to answers, messages leave nothing to collect.
func TestTurnDoesNotAllocate(t *testing.T) {
	if invariant.Race {
		t.Skip("the race detector allocates")
	}
	for _, s := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		for _, load := range []struct{ conns, each, batch int }{{16, 8, 1}, {2, 2, 32}} {
			broker := startBroker(t, "off", map[string]string{"mappedFileSizeCommitLog": "268435456"})
			p := newSender(broker.Broker, s, load.conns, load.each, load.batch, 128)
			turn := func() { require.NoError(t, p.turn(nil)) }
			for range 100 { // until every buffer has its size and every queue its file
				turn()
			}
			// The count has other goroutines in it: timers, files of queues. One for each message would be 128.
			require.Less(t, testing.AllocsPerRun(300, turn), 8.0, "serialization %d, %v", s, load)
		}
	}
}
