package flush

import (
	"time"

	"ringmq/internal/ring"
)

// loop is a ring that belongs to the driver's thread and carries out the store's writes, as a network loop's does.
type loop struct {
	ring   *ring.Ring
	flying []ring.Operation // by user data; nil: free
	count  int
	onCQE  func(*ring.CQE)
}

const loopEntries = 64

// newLoop makes a loop for the calling, locked thread.
func newLoop() (*loop, error) {
	r, err := ring.Setup(loopEntries, 2*loopEntries)
	if err != nil {
		return nil, err
	}
	l := &loop{ring: r, flying: make([]ring.Operation, loopEntries)}
	l.onCQE = func(c *ring.CQE) {
		op := l.flying[c.UserData]
		l.flying[c.UserData] = nil
		l.count--
		op.Completed(c.Res)
	}
	return l, nil
}

// Submit implements [ring.Submitter]. The engine has one commit in flight, so there is always room.
func (l *loop) Submit(op ring.Operation) {
	for i := range l.flying {
		if l.flying[i] == nil {
			s := l.ring.GetSQE()
			op.Prepare(s)
			s.UserData = uint64(i)
			l.flying[i] = op
			l.count++
			return
		}
	}
}

// turn hands over what was submitted and waits until something is completed, or not if nothing is in flight.
func (l *loop) turn() error {
	if l.count == 0 {
		return nil
	}
	if _, err := l.ring.SubmitAndWait(1, time.Second); err != nil {
		return err
	}
	l.ring.AdvanceCQ(l.ring.ForEachCQE(l.onCQE))
	return nil
}

func (l *loop) close() error { return l.ring.Close() }
