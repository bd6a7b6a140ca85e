package commitlog

import (
	"errors"

	"ringmq/internal/message"
)

// A long scan has two halves that run side by side: one goroutine reads and checks, the caller's visits.
//
//	scanner ── full: a window's records ──► visit
//	   ▲                                      │
//	   └────────── free: its memory ──────────┘
//
// The visitor sees what it would see without.
type pipe struct {
	full, free chan *piece
	stop       chan struct{} // closed when the visitor wants no more
	cur        *piece        // owned by the scanner
}

// piece is what a scan has found in one window. It is owned by the scanner until it is full, then by
// the visiting goroutine, which gives it back.
type piece struct {
	buf    []byte // what the events lie in
	events []event
}

// event is one call of a [Visitor].
type event struct {
	raw    []byte
	rec    message.Record // of raw, or of bad
	bad    *CorruptError
	hasRec bool // bad has one
}

const (
	pieces = 4
	// pipeFrom is how much there must be to scan for it to be worth a goroutine.
	pipeFrom = 16 << 20
)

// errStopped ends a scan whose visitor wants no more.
var errStopped = errors.New("commitlog: scan stopped")

// scanPiped is Scan with a goroutine that reads and checks ahead.
func (l *Log) scanPiped(from, to message.LogOffset, v Visitor) (ScanResult, error) {
	p := &pipe{full: make(chan *piece, pieces), free: make(chan *piece, pieces+1), stop: make(chan struct{}), cur: new(piece)}
	for range pieces {
		p.free <- new(piece)
	}
	s := scanner{log: l, visitor: p, pos: from, to: to, result: ScanResult{End: from}}
	s.w.turn = p.turn
	var err error
	go func() {
		defer close(p.full)
		if err = s.run(); len(p.cur.events) > 0 {
			p.full <- p.cur // room for all of them
		}
	}()
	visited := p.visit(v)
	if visited != nil {
		err = visited
	}
	return s.result, err
}

// turn is called by the window before it reads elsewhere: what was found in its memory goes on, with it.
func (p *pipe) turn(buf []byte) []byte {
	if len(p.cur.events) == 0 {
		return buf
	}
	p.cur.buf = buf
	p.full <- p.cur
	p.cur = <-p.free
	return p.cur.buf[:0]
}

// Record implements [Visitor].
func (p *pipe) Record(raw []byte, r *message.Record) error {
	p.cur.events = append(p.cur.events, event{raw: raw, rec: *r})
	return p.stopped()
}

// Damage implements [Visitor].
func (p *pipe) Damage(e *CorruptError, r *message.Record) error {
	ev := event{bad: e}
	if r != nil {
		ev.rec, ev.hasRec = *r, true
	}
	p.cur.events = append(p.cur.events, ev)
	return p.stopped()
}

func (p *pipe) stopped() error {
	select {
	case <-p.stop:
		return errStopped
	default:
		return nil
	}
}

// visit hands everything to v until the scan has ended, or v wants no more.
func (p *pipe) visit(v Visitor) error {
	var err error
	for piece := range p.full {
		for i := range piece.events {
			if err != nil {
				break
			}
			if err = piece.events[i].tell(v); err != nil {
				close(p.stop)
			}
		}
		clear(piece.events)
		piece.events = piece.events[:0]
		p.free <- piece // room for all of them
	}
	return err
}

func (e *event) tell(v Visitor) error {
	switch {
	case e.bad == nil:
		return v.Record(e.raw, &e.rec)
	case e.hasRec:
		return v.Damage(e.bad, &e.rec)
	}
	return v.Damage(e.bad, nil)
}
