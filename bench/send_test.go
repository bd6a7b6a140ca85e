package bench

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/bench/load"
	"ringmq/internal/ring"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPaceIsEvenAndDoesNotDrift(t *testing.T) {
	const conns = 3
	var all []time.Duration
	for i := range conns {
		p := newPace(time.Second, 7, i, conns)
		for p.k = range 1000 {
			all = append(all, p.due())
		}
		p.k = 7_000_000
		require.InDelta(t, float64(time.Second)*(1+float64(i)/7+3_000_000), float64(p.due()), 10)
	}
	for i := range conns {
		require.Equal(t, time.Second+time.Duration(float64(i)*float64(time.Second)/7), all[i*1000])
	}
	closed := newPace(0, 0, 1, 1)
	require.False(t, closed.open())
}

// answerAll answers what a sender has in flight, in the order of the slots.
func answerAll(t *testing.T, s *sender, now time.Duration) {
	t.Helper()
	for k := range s.slots {
		if s.slots[k].flying {
			frame := wire.AppendResponseTo(nil, wire.JSON, int32(opaqueBase+k), wire.StatusSuccess, "", nil, nil)
			require.NoError(t, s.Frame(now, frame[4:]))
		}
	}
}

// A sender on a clock of our own: a server that stops for a second is charged for all requests that were due meanwhile, from
// when they were due, though the window let only a few leave.
func TestOpenLoopMeasuresFromTheIntendedTime(t *testing.T) {
	o := options(t, "64")
	o.Rate, o.InFlight, o.Conns, o.Window = 1000, 4, 1, time.Second
	r := &run{o: &o.Common}
	r.since.Store(1)
	tl := &tally{run: r}
	s, err := newSender(r, o, 0, tl)
	require.NoError(t, err)
	var out load.Out
	now := time.Duration(1)
	for tick := range 10 { // on time: answered half a millisecond after it was due
		next := s.Pump(now, &out)
		require.Equal(t, time.Duration(tick+1)*time.Millisecond, next)
		answerAll(t, s, now+500*time.Microsecond)
		now = next
	}
	require.Equal(t, load.Never, s.Pump(now+time.Second, &out), "the window is full and everything is late")
	now += time.Second
	for s.pace.due() <= now {
		answerAll(t, s, now)
		s.Pump(now, &out)
	}
	rep := &Report{Seconds: 2}
	r.tallies = []*tally{tl}
	rep.gather(r)
	require.Greater(t, rep.Latency.Count, uint64(1000))
	require.InDelta(t, 500, rep.Latency.P50, 15, "half of the requests were due in the first half of the stop")
	require.InDelta(t, 1000, rep.Latency.Max, 1)
	require.InDelta(t, 500, rep.Lag.P50, 15, "this is how late they left")
	require.Less(t, rep.Histogram.Quantile(0.005), 510*time.Microsecond)
}

func TestClosedLoopKeepsTheWindowFull(t *testing.T) {
	o := options(t, "64")
	r := &run{o: &o.Common}
	tl := &tally{run: r}
	s, err := newSender(r, o, 0, tl)
	require.NoError(t, err)
	var out load.Out
	flying := func() (n int) {
		for k := range s.slots {
			if s.slots[k].flying {
				n++
			}
		}
		return n
	}
	for range 5 {
		require.Equal(t, load.Never, s.Pump(0, &out))
		require.Equal(t, o.InFlight, flying())
		answerAll(t, s, 0)
		require.Zero(t, flying())
	}
	require.EqualValues(t, 4*o.InFlight, tl.done.Load(), "published by Pump")
	busy := wire.AppendResponseTo(nil, wire.JSON, opaqueBase, wire.StatusSystemBusy, "later", nil, nil)[4:]
	require.ErrorContains(t, s.Frame(0, busy), "not sent")
	s.Pump(0, &out)
	require.NoError(t, s.Frame(0, busy))
	require.Equal(t, "SYSTEM_BUSY: later", tl.firstRefusal)
	r.until.Store(1)
	answerAll(t, s, 0)
	s.Pump(0, &out)
	require.Zero(t, flying(), "after the run nothing more is sent")
}

// With a number of messages to send, one that is refused as busy is sent again; any other refusal counts.
func TestBusyIsTriedAgain(t *testing.T) {
	o := options(t, "64")
	o.Messages, o.Conns = 10, 1
	r := &run{o: &o.Common}
	s, err := newSender(r, o, 0, &tally{run: r})
	require.NoError(t, err)
	end := newEndOfAll()
	s.limit(end)
	var out load.Out
	refuse := func(k int, status wire.Status) {
		require.NoError(t, s.Frame(0, wire.AppendResponseTo(nil, wire.JSON, int32(opaqueBase+k), status, "", nil, nil)[4:]))
	}
	s.Pump(0, &out)
	refuse(0, wire.StatusSystemBusy)
	refuse(1, wire.StatusNoPermission)
	for range 3 {
		answerAll(t, s, 0)
		s.Pump(0, &out)
	}
	require.EqualValues(t, 9, s.tally.done.Load())
	<-end.over
}

// Through sockets: every way to send against the server that stores nothing, on both paths of both sides.
func TestSendToNull(t *testing.T) {
	for _, server := range []string{"on", "off"} {
		for _, io := range []string{"ring", "net"} {
			t.Run("server "+server+" tool "+io, func(t *testing.T) {
				if err := ring.Probe(); err != nil && (server == "on" || io == "ring") {
					t.Skip(err)
				}
				addr := startNull(t, server)
				for name, change := range map[string]func(*SendOptions){
					"closed": func(*SendOptions) {},
					"open":   func(o *SendOptions) { o.Rate, o.Messages = 2000, 203 },
					"binary": func(o *SendOptions) { o.Serialize = wire.RocketMQ },
					"batch":  func(o *SendOptions) { o.Batch = 4 },
					"topics": func(o *SendOptions) { o.Topics = 10 },
				} {
					t.Run(name, func(t *testing.T) {
						o := options(t, "10-5000")
						o.Broker, o.IO, o.Threads, o.Duration, o.Window = addr, io, 2, time.Minute, 50*time.Millisecond
						o.Conns, o.Messages = 4, 2003
						change(o)
						rep, err := Send(t.Context(), *o)
						require.NoError(t, err)
						require.Empty(t, rep.Refusal)
						require.Equal(t, io, rep.Path)
						require.Positive(t, rep.MB)
						require.Equal(t, (o.Messages+uint64(o.Batch)-1)/uint64(o.Batch)*uint64(o.Batch), rep.Messages)
						if o.Rate > 0 {
							require.NotNil(t, rep.Lag)
						}
					})
				}
			})
		}
	}
}

func startNull(t *testing.T, ringIO string) string {
	t.Helper()
	tr, err := transport.New(transport.Options{RingIO: ringIO})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close(context.Background())) })
	ln, err := ListenNull(tr, "127.0.0.1:0")
	require.NoError(t, err)
	return ln.Addr().String()
}

// Requests share sends where there are many, unless it is said otherwise.
func TestTickByRate(t *testing.T) {
	for _, c := range []struct {
		o    SendOptions
		want time.Duration
	}{
		{SendOptions{}, 0}, {SendOptions{Rate: 99_999}, 0}, {SendOptions{Rate: 100_000}, fastTick},
		{SendOptions{Rate: 100_000, Batch: 10}, 0}, {SendOptions{Rate: 1e6, Batch: 10}, fastTick},
		{SendOptions{Rate: 1e6, Tick: 1}, 1}, {SendOptions{Rate: 1, Tick: time.Millisecond}, time.Millisecond},
	} {
		require.Equal(t, c.want, c.o.tick(), c.o)
	}
}

func TestSendRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*SendOptions)
	}{
		{"at least 1", func(o *SendOptions) { o.Conns = 0 }},
		{"at least 1", func(o *SendOptions) { o.InFlight = -1 }},
		{"at most 1000000", func(o *SendOptions) { o.Topics = 1_000_001 }},
		{"negative", func(o *SendOptions) { o.Batch = -3 }},
		{"negative", func(o *SendOptions) { o.Keys = -1 }},
		{"negative", func(o *SendOptions) { o.Warmup = -time.Second }},
		{"a measurement of 0s", func(o *SendOptions) { o.Duration = 0 }},
		{"a rate of -5", func(o *SendOptions) { o.Rate = -5 }},
		{"a rate of NaN", func(o *SendOptions) { o.Rate = math.NaN() }},
		{"ticks of -1ns", func(o *SendOptions) { o.Tick = -1 }},
		{"ticks of 1m0s", func(o *SendOptions) { o.Tick = time.Minute }},
		{"tag", func(o *SendOptions) { o.Tags = []string{"", ""} }},
		{"property", func(o *SendOptions) { o.Properties = map[string]string{"a": "b\x02c"} }},
		{"requests of up to", func(o *SendOptions) { o.Batch = 17 << 20 / 64 }},
		{"GiB of memory", func(o *SendOptions) { o.Conns, o.InFlight = 80, 1_000_000 }},
		{"io is", func(o *SendOptions) { o.IO = "quick" }},
		{"nobody listens", func(o *SendOptions) { o.Broker = "127.0.0.1:1" }},
	} {
		o := options(t, "64")
		o.Duration = time.Millisecond
		c.change(o)
		_, err := Send(t.Context(), *o)
		require.ErrorContains(t, err, c.want)
	}
}

// deaf is a broker that refuses every request, or does not answer at all.
type deaf struct{ refuses bool }

func (d *deaf) Serve(t *transport.Turn, c *transport.Conn, cmd *wire.Command) {
	if d.refuses {
		buf := t.Buf(c)
		*buf = wire.AppendResponse(*buf, cmd, wire.StatusNoPermission, "not\nyou", nil, nil)
	}
}
func (*deaf) EndTurn(*transport.Turn) {}
func (*deaf) Closed(*transport.Conn)  {}

// A run that nobody served is no result of zero messages a second.
func TestNothingMeasuredIsAnError(t *testing.T) {
	tr, err := transport.New(transport.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close(context.Background())) })
	for want, d := range map[string]*deaf{"NO_PERMISSION: not you": {refuses: true}, "answered nothing": {}} {
		ln, err := tr.Listen("127.0.0.1:0", d)
		require.NoError(t, err)
		o := options(t, "64")
		o.Broker, o.Duration = ln.Addr().String(), 50*time.Millisecond
		_, err = Send(t.Context(), *o)
		require.ErrorContains(t, err, want)
	}
}

func TestIdleConnections(t *testing.T) {
	rep, err := Idle(t.Context(), IdleOptions{Broker: startNull(t, "off"), Conns: 100, Register: true})
	require.NoError(t, err)
	require.Equal(t, 100, rep.Conns)
	require.Zero(t, rep.Lost)
	_, err = Idle(t.Context(), IdleOptions{Broker: "127.0.0.1:1", Conns: 3})
	require.ErrorContains(t, err, "127.0.0.1:1")
}

func TestOverloadToNull(t *testing.T) {
	o := options(t, "64")
	o.Broker = startNull(t, "auto")
	rep, err := Overload(t.Context(), OverloadOptions{SendOptions: *o, Step: 100 * time.Millisecond, Factor: 3, Flood: 64})
	require.NoError(t, err)
	require.Positive(t, rep.Peak.PerSecond)
	require.Positive(t, rep.Kept)
	_, err = Overload(t.Context(), OverloadOptions{SendOptions: *o, Factor: 1})
	require.ErrorContains(t, err, "factor")
}

func TestTrend(t *testing.T) {
	for want, rates := range map[float64][]float64{1: {5, 1}, 0.5: {4, 4, 9, 9, 9, 2, 2}, 2: {1, 7, 2}} {
		rep := &Report{}
		for _, r := range rates {
			rep.Series = append(rep.Series, Slice{PerSecond: r})
		}
		require.Equal(t, want, rep.Trend())
	}
	require.Equal(t, 1.0, (&Report{}).Trend())
}

// Latencies are back when a second is as seconds were before, which may have had slow windows, too.
func TestRecovery(t *testing.T) {
	// series is p99s of windows, in ms: those given, then as many of 1 as make it n.
	series := func(n int, p99 ...float64) (s []Slice) {
		for i := range n {
			s = append(s, Slice{P99: 1})
			if i < len(p99) {
				s[i].P99 = p99[i]
			}
		}
		return s
	}
	calm, uneasy := series(40), series(40, 1, 9)
	for _, c := range []struct {
		before, after []Slice
		millis        float64
		recovered     bool
	}{
		{calm, series(40), 0, true},
		{calm, series(40, 9), 50, true},
		{calm, series(40, 9, 1, 9), 150, true},
		{uneasy, series(40, 9, 1, 9), 50, true},
		{uneasy, series(40, 1, 9, 9), 100 + 50, true},
		{uneasy, series(40, 1, 9), 0, true},
		{calm, append(series(19), series(21, 9, 9, 9)...), 22 * 50, false},
		{calm, nil, 0, false},
	} {
		millis, recovered := recovery(c.before, c.after, 2)
		require.Equal(t, c.recovered, recovered, c)
		if recovered {
			require.Equal(t, c.millis, millis, c)
		}
	}
}
