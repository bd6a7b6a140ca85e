package transport

import "ringmq/internal/ring"

// operations are what a loop's ring carries out for handlers, by the index in their user data.
type operations struct {
	flying []ring.Operation // nil: free
	free   []uint32
	count  int // in flight
}

// Ring is the ring of the turn's loop, which carries out operations for the handler: nil on the net
// path. Only who runs on the loop may submit: Serve, EndTurn, and the ends of such operations.
func (t *Turn) Ring() ring.Submitter {
	if t.desk.loop == nil {
		return nil
	}
	return t.desk.loop
}

// Submit implements [ring.Submitter].
func (l *loop) Submit(op ring.Operation) {
	o := &l.operations
	if len(o.free) == 0 {
		o.free = append(o.free, uint32(len(o.flying)))
		o.flying = append(o.flying, nil)
	}
	last := len(o.free) - 1
	index := o.free[last]
	o.free = o.free[:last]
	o.flying[index] = op
	o.count++
	op.Prepare(l.sqe(opOther, 0, index))
}

// operated ends an operation.
func (l *loop) operated(index uint32, res int32) {
	o := &l.operations
	op := o.flying[index]
	o.flying[index] = nil
	o.free = append(o.free, index)
	o.count--
	op.Completed(res)
}
