package server

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/invariant"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// puller is the consuming side of a turn in memory: connections with pulls that follow each other through a queue.
type puller struct {
	memory *transport.Memory
	conns  []*transport.MemoryConn
	next   []int64 // offset of each connection's queue
	end    int64   // of each queue
	step   int64   // messages of a pull
	each   int     // pulls of a connection in a turn
	frames []byte
	header wire.PullMessageRequest
	s      wire.Serialize
}

func newPuller(b *Broker, s wire.Serialize, conns, each int, step, end int64) *puller {
	p := &puller{memory: transport.NewMemory(&port{b, false}), next: make([]int64, conns), end: end, step: step, each: each, s: s}
	for range conns {
		p.conns = append(p.conns, p.memory.Dial())
	}
	p.header = wire.PullMessageRequest{
		ConsumerGroup: []byte("order-consumer"), Topic: []byte("BenchmarkTest"), MaxMsgNums: int32(step),
		SysFlag: pullHasExpression | pullCommitsOffset, Subscription: []byte("*"), ExpressionType: []byte("TAG"),
	}
	return p
}

// turn pulls on every connection.
func (p *puller) turn(sent func(c *transport.MemoryConn, answers []byte)) error {
	p.frame()
	return p.memory.Turn(p.conns, sent)
}

// frame gives every connection its pulls; they are made where the last ones were.
func (p *puller) frame() {
	p.frames = p.frames[:0]
	cuts := make([]int, 0, len(p.conns)+1)
	for i := range p.conns {
		cuts = append(cuts, len(p.frames))
		for range p.each {
			p.header.QueueID, p.header.QueueOffset = int32(i), p.next[i]
			p.frames = wire.AppendRequest(p.frames, p.s, wire.CodePullMessage, 7, 0, &p.header, nil)
			if p.next[i] += p.step; p.next[i]+p.step > p.end {
				p.next[i] = 0
			}
		}
	}
	cuts = append(cuts, len(p.frames))
	for i, c := range p.conns {
		c.Frames = p.frames[cuts[i]:cuts[i+1]]
	}
}

// BenchmarkPull is the broker's part of a turn of pulls from 8 connections, 4 each, of messages of 1 KiB in the
// page cache: from frames to what would be sent, copied once as the kernel would. An op is a message. "behind" are
// pulls so far behind the end that RocketMQ gives 8 messages at a time.
func BenchmarkPull(b *testing.B) {
	const queues, depth = 8, 4096
	for _, s := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		for _, load := range []struct {
			name string
			step int64
		}{{"near", 32}, {"behind", 8}} {
			b.Run(fmt.Sprintf("header=%d/%s", s, load.name), func(b *testing.B) {
				broker := startBroker(b, "off", benchFlags)
				_, err := broker.topics.CreateOnSend("BenchmarkTest", "TBW102", queues, false)
				require.NoError(b, err)
				_, err = broker.groups.FindOrCreate("order-consumer")
				require.NoError(b, err)
				send := newSender(broker.Broker, s, queues, 64, 1, 1024)
				for range depth / 64 {
					require.NoError(b, send.turn(nil))
				}
				p := newPuller(broker.Broker, s, queues, 4, load.step, depth)
				bytes := 0
				for range depth / int(load.step) { // once through, so that the pages are mapped
					require.NoError(b, p.turn(func(_ *transport.MemoryConn, answers []byte) { bytes = len(answers) }))
				}
				require.Greater(b, bytes, 4*1024*int(load.step))
				messages := queues * 4 * int(load.step)
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

// steadyBroker has what senders and pullers need, so that turns make nothing.
func steadyBroker(t *testing.T) *testBroker {
	if invariant.Race {
		t.Skip("sync.Pool drops results at random under the race detector")
	}
	b := startBroker(t, "off", nil)
	_, err := b.topics.CreateOnSend("BenchmarkTest", "TBW102", 8, false)
	require.NoError(t, err)
	_, err = b.groups.FindOrCreate("order-consumer")
	require.NoError(t, err)
	return b
}

// TestPullsDoNotAllocate: from frame to answer, in steady state.
func TestPullsDoNotAllocate(t *testing.T) {
	b := steadyBroker(t)
	send := newSender(b.Broker, wire.JSON, 8, 64, 1, 1024)
	require.NoError(t, send.turn(nil))
	p := newPuller(b.Broker, wire.JSON, 8, 4, 8, 64)
	turn := func() {
		if err := p.turn(nil); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	const pulls = 8 * 4
	require.Less(t, testing.AllocsPerRun(50, turn), 0.2*pulls, "now and then something of the broker's other parts")
}

// TestWokenPullsDoNotAllocate: consumers wait at the end of their queues, producers send, and the answers with the messages leave in
// the same turn.
func TestWokenPullsDoNotAllocate(t *testing.T) {
	b := steadyBroker(t)
	const queues, each = 8, 16
	send := newSender(b.Broker, wire.JSON, queues, each, 1, 128)
	p := newPuller(b.Broker, wire.JSON, queues, 1, each, 1<<40)
	p.memory, p.header.SuspendTimeoutMillis = send.memory, 20_000
	p.header.SysFlag |= pullMaySuspend
	pulled := 0
	conns := slices.Concat(p.conns, send.conns)
	turn := func() {
		p.frame()
		send.frame()
		if err := send.memory.Turn(conns, func(c *transport.MemoryConn, answers []byte) {
			if slices.Contains(p.conns, c) && len(answers) > each*128 {
				pulled++
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		turn()
	}
	require.Equal(t, 20*queues, pulled, "each pull waited and was answered in its turn")
	require.Less(t, testing.AllocsPerRun(100, turn), 0.1*queues*each, "now and then something of the broker's other parts")
}
