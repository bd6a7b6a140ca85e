package bench

import (
	"strings"
	"sync/atomic"
	"time"

	"ringmq/bench/latency"
	"ringmq/internal/wire"
)

// tally is what the flows of one worker have counted. It belongs to the worker, but for the atomics.
type tally struct {
	run *run

	done, refused   atomic.Uint64 // published once per burst
	doneNow         uint64        // what done becomes
	refusedNow      uint64
	bodyBytes       uint64 // of measured messages
	answers         map[wire.Status]uint64
	firstRefusal    string
	windows         []window // of the measured time
	lag             latency.Histogram
	endToEnd        latency.Histogram
	born            [13]byte // the time of the burst in ms since 1970, as text
	bornAt          int64
	pulls           PullChecks
	measuredAnswers uint64
}

// window is a part of the measured time.
type window struct {
	messages uint64
	latency  latency.Histogram
}

// measuring tells whether now lies in the measured time.
func (t *tally) measuring(now time.Duration) bool {
	since, until := t.run.since.Load(), t.run.until.Load()
	return since != 0 && int64(now) >= since && (until == 0 || int64(now) < until)
}

// answered counts n messages of body bytes, answered at now by a request that was sent, or due, at since.
func (t *tally) answered(now, since time.Duration, n, body int) {
	t.doneNow += uint64(n)
	if !t.measuring(now) {
		return
	}
	t.measuredAnswers++
	t.bodyBytes += uint64(body)
	i := int((now - time.Duration(t.run.since.Load())) / t.run.o.Window)
	for len(t.windows) <= i {
		t.windows = append(t.windows, window{})
	}
	w := &t.windows[i]
	w.messages += uint64(n)
	w.latency.Add(now - since)
}

// refusedBy counts a request that was answered with anything but success.
func (t *tally) refusedBy(now time.Duration, status wire.Status, remark []byte) {
	t.refusedNow++
	if t.firstRefusal == "" {
		words := strings.Fields(string(remark[:min(len(remark), 200)])) // some remarks are of several lines
		t.firstRefusal = status.String() + ": " + strings.Join(words, " ")
	}
	if !t.measuring(now) {
		return
	}
	if t.answers == nil {
		t.answers = map[wire.Status]uint64{}
	}
	t.answers[status]++
}

// late notes how far behind its schedule a request of an open loop left.
func (t *tally) late(now, due time.Duration) {
	if t.measuring(now) {
		t.lag.Add(now - due)
	}
}

// publish lets others see the counts; once per burst.
func (t *tally) publish() {
	t.done.Store(t.doneNow)
	t.refused.Store(t.refusedNow)
}

// bornText is the wall clock at now, in ms since 1970, as 13 digits.
func (t *tally) bornText(now time.Duration) *[13]byte {
	ms := t.run.wall + int64(now/time.Millisecond)
	if ms != t.bornAt {
		t.bornAt = ms
		putDecimal(t.born[:], uint64(ms))
	}
	return &t.born
}

// putDecimal fills b with the last digits of n, with leading zeros.
func putDecimal(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}
