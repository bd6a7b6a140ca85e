package server

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// heldDisk is a disk where a sync of the commit log's first file can be held up.
type heldDisk struct {
	*mapfile.Mem
	holds   atomic.Bool   // the next one
	waiting chan struct{} // gets one then
	goOn    chan struct{} // … and it goes on with one from here
}

func newHeldDisk() *heldDisk {
	d := &heldDisk{Mem: mapfile.NewMem(), waiting: make(chan struct{}, 1), goOn: make(chan struct{})}
	first := engine.CommitLogName + "/" + strings.Repeat("0", 20)
	d.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpSync && op.Name == first && d.holds.CompareAndSwap(true, false) {
			d.waiting <- struct{}{}
			<-d.goOn
		}
		return nil
	}
	return d
}

// brokerOn is a broker that was not started, but takes messages of a topic T into a store in SYNC_FLUSH on a disk.
func brokerOn(t *testing.T, disk mapfile.FS) *Broker {
	t.Helper()
	tr, err := transport.New(transport.Options{RingIO: "off"})
	require.NoError(t, err)
	b, err := New(Options{
		Config:    testConfig(t, t.TempDir(), freePort(t), map[string]string{"flushDiskType": "SYNC_FLUSH"}),
		Transport: tr, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NoError(t, b.topics.Update(newTopic("T", 1)))
	b.accepting.Store(true)
	own := b.store
	b.store, err = engine.Open(engine.Options{
		FS: disk, Flush: engine.SyncFlush, FlushMode: commitlog.WriteFsync, CommitLogFileSize: 1 << 20, NoIndex: true, Pace: engine.Pace{CheckpointInterval: time.Hour},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.store.Close())
		b.store = own
		require.NoError(t, b.Close(context.Background()))
		require.NoError(t, tr.Close(context.Background()))
	})
	return b
}

// TestWaitFalseIsAnsweredWithItsBatch: with SYNC_FLUSH no message is acknowledged before the device has it, also where
// its producer does not ask for that.
func TestWaitFalseIsAnsweredWithItsBatch(t *testing.T) {
	disk := newHeldDisk()
	defer close(disk.goOn)
	b := brokerOn(t, disk)
	safe := make(chan error, 1)
	commit := func() { // what is staged; when it is safe, all that was staged before it is, too, and is answered
		got, err := b.store.Append(b.store.Queue([]byte("other"), 0), &message.Record{Topic: []byte("other"), Body: []byte("x"), StoreHost: b.storeHost, BornHost: b.storeHost})
		require.NoError(t, err)
		_, err = b.store.Commit(got.End(), func(err error) { safe <- err })
		require.NoError(t, err)
	}
	commit() // the file is there from now on
	require.NoError(t, <-safe)

	memory := transport.NewMemory(&port{b, false})
	conn := memory.Dial()
	answers := func(frames []byte) (all []wire.Command) {
		conn.Frames = frames
		require.NoError(t, memory.Turn([]*transport.MemoryConn{conn}, func(_ *transport.MemoryConn, p []byte) { all = answersOf(t, p) }))
		return all
	}
	for _, properties := range []string{"WAIT\x01true", "WAIT\x01false"} {
		h := &wire.SendMessageRequest{
			ProducerGroup: []byte("PG"), Topic: []byte("T"), DefaultTopic: []byte("TBW102"), DefaultTopicQueueNums: 4,
			BornTimestamp: time.Now().UnixMilli(), Properties: []byte(properties),
		}
		disk.holds.Store(true)
		require.Empty(t, answers(wire.AppendRequest(nil, wire.JSON, wire.CodeSendMessageV2, 7, 0, h.V2(), []byte("body"))), properties)
		<-disk.waiting
		require.Empty(t, answers(nil), "%q is answered while its batch is on its way", properties)
		disk.goOn <- struct{}{}
		commit()
		require.NoError(t, <-safe)
		all := answers(nil)
		require.Len(t, all, 1, properties)
		require.EqualValues(t, wire.StatusSuccess, all[0].Code, "%s", all[0].Remark)
	}
}
