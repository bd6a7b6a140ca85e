package engine

import (
	"fmt"
	"sync"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// GetResult is what a Get found: messages as pieces of the commit log's mapping, to be sent
// from there. Its life:
//
//	NewGetResult ──► Get ──► (Warm, on a worker, if Cold) ──► Buffers ──► Release, once, by the last user
type GetResult struct {
	Status GetStatus
	// Next is the offset to continue with.
	Next     message.QueueOffset
	Min, Max message.QueueOffset // of the queue
	Count    int                 // messages
	Bytes    int                 // of all messages
	// Cold tells that touching the messages may wait for the device, and that they were not
	// checked yet: Warm does both.
	Cold bool
	// SuggestSlave tells that the consumer lags so far behind that RocketMQ sends it to a slave.
	SuggestSlave bool
	// Behind is the number of bytes between the last message looked at and the end of the log.
	Behind int64

	pieces  [][]byte // adjacent messages are one piece
	end     message.LogOffset
	places  []place
	match   func(record []byte) bool // the request's, for Warm
	repair  repair                   // what Warm has to do instead
	files   []*commitlog.File        // pinned
	entries [64]consumequeue.Entry
}

// place is where a message lies; kept for Warm.
type place struct {
	file *commitlog.File
	off  message.LogOffset
	size int
}

var results = sync.Pool{New: func() any { return new(GetResult) }}

// NewGetResult returns an empty result.
func NewGetResult() *GetResult { return results.Get().(*GetResult) }

// Buffers lists the messages' bytes in order; valid until Release.
func (r *GetResult) Buffers() [][]byte { return r.pieces }

// Release gives the result back: neither it nor its bytes may be used any more.
func (r *GetResult) Release() {
	for _, f := range r.files {
		f.Unpin()
	}
	clear(r.pieces)
	clear(r.places)
	clear(r.files)
	*r = GetResult{pieces: r.pieces[:0], places: r.places[:0], files: r.files[:0]}
	results.Put(r)
}

// add appends a message of a pinned file.
func (r *GetResult) add(f *commitlog.File, off message.LogOffset, size int) {
	r.Count++
	r.Bytes += size
	r.places = append(r.places, place{f, off, size})
	r.join(f, off, size)
}

// join appends bytes to the pieces, to the last one when they follow it.
func (r *GetResult) join(f *commitlog.File, off message.LogOffset, size int) {
	n := len(r.pieces)
	if n > 0 && r.end == off && f.Holds(off-message.LogOffset(len(r.pieces[n-1])), size+len(r.pieces[n-1])) {
		whole := len(r.pieces[n-1])
		r.pieces[n-1] = f.Bytes(off-message.LogOffset(whole), whole+size)
	} else {
		r.pieces = append(r.pieces, f.Bytes(off, size))
	}
	r.end = off + message.LogOffset(size)
}

// Warm does what Get must not wait for. It brings the messages into memory and leaves out what
// turns out not to be a message, or not one that the request's Match wants. Or, where the first entry is damaged, it makes the queue's
// damaged entries again from the commit log; the result is empty then, MessageWasRemoving, and its Next the
// offset asked for. An error is the device's; the result is empty then, too.
func (r *GetResult) Warm() error {
	if rep := r.repair; rep.queue != nil {
		r.repair, r.Cold = repair{}, false
		return rep.run()
	}
	places, unmatched := r.places, false
	clear(r.pieces)
	r.pieces, r.Count, r.Bytes, r.Cold = r.pieces[:0], 0, 0, false
	for _, p := range places {
		if err := p.file.Populate(p.off, p.size); err != nil {
			clear(r.pieces)
			r.pieces, r.Count, r.Bytes, r.Status = r.pieces[:0], 0, 0, MessageWasRemoving
			return fmt.Errorf("messages at log offset %d cannot be read: %w", p.off, err)
		}
		record := p.file.Bytes(p.off, p.size)
		switch {
		case !isRecord(record, p.off):
		case r.match != nil && !r.match(record):
			unmatched = true
		default:
			r.Count++
			r.Bytes += p.size
			r.join(p.file, p.off, p.size)
		}
	}
	switch {
	case r.Count > 0 || r.Status != Found:
	case unmatched:
		r.Status = NoMatchedMessage
	default:
		r.Status = MessageWasRemoving
	}
	return nil
}
