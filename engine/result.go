package engine

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// GetResult is what a Get found: messages as pieces of memory that holds the log, to be sent
// from there. Its life:
//
//	NewGetResult ──► Get ──► (if Cold: Fetch ──► Again ──► if still Cold: Warm, on a worker) ──► Buffers ──► Release, once, by the last user
type GetResult struct {
	Status GetStatus
	// Next is the offset to continue with.
	Next     message.QueueOffset
	Min, Max message.QueueOffset // of the queue
	Count    int                 // messages
	Bytes    int                 // of all messages
	// Cold tells that nothing was looked at, because that may wait for the device: Warm does.
	Cold bool
	// SuggestSlave tells that the consumer lags so far behind that RocketMQ sends it to a slave.
	SuggestSlave bool
	// Behind is the number of bytes between the last message looked at and the end of the log.
	Behind int64

	pieces [][]byte // adjacent messages are one piece
	end    message.LogOffset
	holder message.LogOffset // where the last piece begins
	spans  []commitlog.Span  // pinned
	cold   []commitlog.Range // messages that may have to be read from the device

	// For Warm.
	s      *Store
	req    GetRequest
	repair repair           // what it has to do instead
	fetch  *commitlog.Fetch // nil unless Fetch was called

	entries [64]consumequeue.Entry // scratch
	units   consumequeue.Units
}

var results = sync.Pool{New: func() any { return new(GetResult) }}

// NewGetResult returns an empty result.
func NewGetResult() *GetResult { return results.Get().(*GetResult) }

// Buffers lists the messages' bytes in order; valid until Release.
func (r *GetResult) Buffers() [][]byte { return r.pieces }

// Release gives the result back: neither it nor its bytes may be used any more.
func (r *GetResult) Release() {
	if r.fetch != nil {
		r.spans = r.fetch.Spans(r.spans)
	}
	for i := range r.spans {
		r.spans[i].Unpin()
	}
	r.units.Close()
	r.empty()
	r.spans, r.Next, r.Min, r.Max = r.spans[:0], 0, 0, 0
	r.s, r.req, r.repair, r.fetch = nil, GetRequest{}, repair{}, nil
	results.Put(r)
}

// empty forgets the messages.
func (r *GetResult) empty() {
	clear(r.pieces)
	r.pieces, r.cold = r.pieces[:0], r.cold[:0]
	r.Status, r.Count, r.Bytes, r.Cold, r.SuggestSlave, r.Behind = Found, 0, 0, false, false, 0
}

// add appends a message of a pinned span: to the last piece when it follows it.
func (r *GetResult) add(s *commitlog.Span, off message.LogOffset, size int) {
	r.Count++
	r.Bytes += size
	if n := len(r.pieces); n > 0 && r.end == off && s.Holds(r.holder, int(off-r.holder)+size) {
		r.pieces[n-1] = s.Bytes(r.holder, int(off-r.holder)+size)
	} else {
		r.pieces = append(r.pieces, s.Bytes(off, size))
		r.holder = off
	}
	r.end = off + message.LogOffset(size)
}

// later notes a message for Warm, which will probably find it.
func (r *GetResult) later(off message.LogOffset, size int) {
	r.Status, r.Cold = Found, true
	r.Count++
	r.Bytes += size
	r.cold = append(r.cold, commitlog.Range{Off: off, Size: size})
}

// Fetch begins to read what a Cold result needs from the device and returns at once. ready is called when Again
// should find it, and Warm need not wait for it: once, on any goroutine, or before Fetch returns; it must not block.
func (r *GetResult) Fetch(ready func()) {
	if len(r.cold) == 0 {
		ready()
		return
	}
	slices.SortFunc(r.cold, func(a, b commitlog.Range) int { return cmp.Compare(a.Off, b.Off) })
	r.fetch = r.s.log.NewFetch()
	r.fetch.Start(r.cold, ready) // from here on r may be in other hands
}

// Refilter replaces the filter of a Cold result's request, which Warm asks: by one that still says the same then.
func (r *GetResult) Refilter(filter func(tagsCode int64) bool) { r.req.Filter = filter }

// Again does the same Get once more, for a Cold result whose Fetch is over. It does not wait either: the result may
// still be Cold, as something else than messages was missing, or what was read is gone again.
func (r *GetResult) Again() {
	if r.fetch != nil {
		_ = r.run(false) // only who waits reads from the device
	}
}

// run does the request anew, with what was fetched; an error is the device's.
func (r *GetResult) run(wait bool) error {
	if r.fetch != nil {
		r.spans, r.fetch = r.fetch.Spans(r.spans), nil
	}
	r.empty()
	g := getter{s: r.s, req: &r.req, res: r, end: r.s.Visible(), limits: r.s.limits.Load(), wait: wait}
	g.run()
	return g.err
}

// Warm does what Get must not wait for: it is the same Get, and waits for what is not in memory. Or, where the
// first entry is damaged, it makes the queue's damaged entries again from the commit log; the result is empty
// then, MessageWasRemoving, and its Next the offset asked for. An error is the device's; the result is empty then, too.
func (r *GetResult) Warm() error {
	if rep := r.repair; rep.queue != nil {
		r.repair, r.Cold = repair{}, false
		return rep.run()
	}
	err := r.run(true)
	if rep := r.repair; rep.queue != nil {
		return r.Warm()
	}
	if err != nil && r.Count == 0 {
		return fmt.Errorf("messages of %s queue %d from offset %d on cannot be read: %w", r.req.Queue.Topic(), r.req.Queue.ID(), r.req.Offset, err)
	}
	return nil
}
