package flush

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"ringmq/bench/latency"
	"ringmq/bench/usage"
	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/ring"
)

// Cell is one place in the table.
type Cell struct {
	Mode    commitlog.Mode
	Type    engine.FlushType
	Bytes   int // of a body
	Waiters int
}

// String is the cell in words.
func (c Cell) String() string {
	return fmt.Sprintf("%s %s %d B %d waiters", c.Mode, TypeName(c.Type), c.Bytes, c.Waiters)
}

// TypeName is flushDiskType's value.
func TypeName(t engine.FlushType) string {
	if t == engine.SyncFlush {
		return "SYNC_FLUSH"
	}
	return "ASYNC_FLUSH"
}

// driver appends for the waiters of one cell.
type driver struct {
	cell  Cell
	store *engine.Store
	queue *consumequeue.Queue
	rec   message.Record
	room  *room
	loop  *loop    // nil: the store's own committer writes
	acks  chan ack // has room for all groups
	hist  latency.Histogram
	done  uint64
}

// ack is a group of waiters whose messages are stored.
type ack struct {
	waiters int
	since   time.Time
	err     error
}

// measure runs a cell in a new folder below dir.
func measure(ctx context.Context, o *Options, room *room, c Cell) (r Result, err error) {
	dir, err := os.MkdirTemp(o.Dir, "ringmq-flush-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := &driver{cell: c, room: room, acks: make(chan ack, 2)}
	if d.loop, err = ringFor(o, c.Mode); err != nil {
		return r, err
	}
	if d.loop != nil {
		defer func() { err = errors.Join(err, d.loop.close()) }()
	}
	ringIO := map[string]string{"ring": "on", "calls": "off"}[o.IO]
	d.store, err = engine.Open(engine.Options{Dir: dir, Flush: c.Type, FlushMode: c.Mode, RingIO: ringIO, NoIndex: o.NoIndex,
		Pace: engine.Pace{PrewriteRate: prewriteRate}, Retention: briefly, CommitLogFileSize: room.file})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	d.queue = d.store.Queue([]byte("BenchFlush"), 0)
	d.rec = record(c.Bytes)
	if err := d.run(ctx, min(o.Each/4, time.Second)); err != nil {
		return r, err
	}
	d.hist, d.done = latency.Histogram{}, 0
	before, err := usage.Read(os.Getpid())
	if err != nil {
		return r, err
	}
	begin := time.Now()
	if err := d.run(ctx, o.Each); err != nil {
		return r, err
	}
	took := time.Since(begin)
	after, err := usage.Read(os.Getpid())
	if err != nil {
		return r, err
	}
	return d.result(took, usage.CostOf(before, after, d.done, took)), nil
}

// briefly removes files as soon as the device has them, so that a long measurement needs no more space than a short one. How
// full the disk is does not matter: the run keeps to its room.
var briefly = engine.Retention{Reserved: 1, Hours: everyHour(), Every: 100 * time.Millisecond, FullPercent: 100}

func everyHour() (hours []int) {
	for h := range 24 {
		hours = append(hours, h)
	}
	return hours
}

const prewriteRate = 32 << 20 // prewriteBytesPerSecond's default

// ringFor is a loop of the driver's own where batches are best written by one.
func ringFor(o *Options, m commitlog.Mode) (*loop, error) {
	if o.IO == "calls" || !m.ByRing() || ring.Probe() != nil {
		return nil, nil
	}
	return newLoop()
}

// record is a message as a client sends it.
func record(bytes int) message.Record {
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	var p message.Properties
	p = p.Append("UNIQ_KEY", "7F0000010D5C18B4AAC21A2B3C4D0001").Append("WAIT", "true")
	return message.Record{Topic: []byte("BenchFlush"), Body: make([]byte, bytes), Properties: p, BornHost: host, StoreHost: host}
}

// run lets the waiters append for a time, and waits for the last of them.
func (d *driver) run(ctx context.Context, t time.Duration) error {
	groups := []int{d.cell.Waiters}
	if d.cell.Waiters > 1 {
		groups = []int{d.cell.Waiters / 2, d.cell.Waiters - d.cell.Waiters/2}
	}
	var err error
	out := 0
	begin := func(waiters int) {
		if err = d.append(ctx, waiters); err == nil {
			out++
		}
	}
	for _, n := range groups {
		if err == nil {
			begin(n)
		}
	}
	for end := time.Now().Add(t); out > 0; {
		a, failed := d.wait()
		if failed != nil {
			return errors.Join(err, failed)
		}
		out--
		now := time.Now()
		for range a.waiters {
			d.hist.Add(now.Sub(a.since))
		}
		d.done += uint64(a.waiters)
		if err = errors.Join(err, a.err); err == nil && now.Before(end) {
			begin(a.waiters)
		}
	}
	return err
}

// append stores a message for each of n waiters and commits them together, which ack ends unless there is an error.
func (d *driver) append(ctx context.Context, n int) error {
	since := time.Now()
	if err := errors.Join(ctx.Err(), d.room.want(ctx, int64(n*d.rec.Size()), d.held)); err != nil {
		return err
	}
	d.rec.BornTimestamp = since.UnixMilli()
	d.rec.StoreTimestamp = d.rec.BornTimestamp
	var end message.LogOffset
	for range n {
		got, err := d.store.Append(d.queue, &d.rec)
		if err != nil {
			return err
		}
		end = got.End()
	}
	if !d.store.Deferred() {
		_, err := d.store.Commit(end, nil)
		d.acks <- ack{n, since, err}
		return nil
	}
	var on ring.Submitter
	if d.loop != nil {
		on = d.loop
	}
	d.store.CommitOn(on, end, func(err error) { d.acks <- ack{n, since, err} }) // its own error comes by ack
	return nil
}

// held is what the log has, in bytes.
func (d *driver) held() int64 {
	st := d.store.Stats()
	return int64(st.Staged - st.Min)
}

// wait returns the next group that is done.
func (d *driver) wait() (ack, error) {
	for {
		if d.loop == nil || d.loop.count == 0 {
			return <-d.acks, nil
		}
		select {
		case a := <-d.acks:
			return a, nil
		default:
		}
		if err := d.loop.turn(); err != nil {
			return ack{}, err
		}
	}
}

// result is what was measured.
func (d *driver) result(took time.Duration, cost usage.Cost) Result {
	q := func(share float64) float64 { return float64(d.hist.Quantile(share)) / 1e3 }
	perSecond := float64(d.done) / took.Seconds()
	return Result{Mode: d.cell.Mode.String(), Type: TypeName(d.cell.Type), Bytes: d.cell.Bytes, Waiters: d.cell.Waiters,
		PerSecond: perSecond, MB: perSecond * float64(d.rec.Size()) / 1e6, P50: q(0.5), P99: q(0.99), P999: q(0.999), CPUMicros: cost.CPUMicros}
}
