package raw

import (
	"context"
	"fmt"
)

// ReadQueue visits every message of a queue in order and returns the queue's bounds. That the
// messages stand at consecutive offsets, in the right queue, is checked on the way.
func (c *Conn) ReadQueue(ctx context.Context, group, topic string, queue int32, visit func(Record) error) (lo, hi int64, err error) {
	if lo, err = c.Offset(ctx, CodeMinOffset, topic, queue); err != nil {
		return 0, 0, err
	}
	if hi, err = c.Offset(ctx, CodeMaxOffset, topic, queue); err != nil {
		return 0, 0, err
	}
	const perPull = 32
	for next := lo; next < hi; {
		p, err := c.Pull(ctx, group, topic, queue, next, perPull)
		if err != nil {
			return lo, hi, err
		}
		if p.Code != Success || len(p.Records) == 0 {
			return lo, hi, fmt.Errorf("pull of %s:%d at %d, below the maximum %d, answered with code %d %q and %d messages",
				topic, queue, next, hi, p.Code, p.Remark, len(p.Records))
		}
		for _, r := range p.Records {
			if r.Topic != topic || r.Queue != queue || r.QueueOffset != next {
				return lo, hi, fmt.Errorf("pull of %s:%d at %d returned %s:%d@%d where %d is next",
					topic, queue, next, r.Topic, r.Queue, r.QueueOffset, next)
			}
			if err := visit(r); err != nil {
				return lo, hi, err
			}
			next++
		}
		if p.Next != next {
			return lo, hi, fmt.Errorf("pull of %s:%d says that %d is next after message %d", topic, queue, p.Next, next-1)
		}
	}
	return lo, hi, nil
}
