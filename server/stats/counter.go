package stats

import "sync/atomic"

// Counter counts messages and bytes, and how often something was added (an add may stand for a
// batch). Its methods may be called from any goroutine; the zero value is ready.
type Counter struct {
	messages, bytes, times atomic.Int64

	// history belongs to the sampler: under Table.mu.
	history [windowCount][]sample
}

// Add counts one operation on some messages with so many bytes.
func (c *Counter) Add(messages, bytes int64) { c.AddTimes(1, messages, bytes) }

// AddTimes counts several operations on together some messages with so many bytes.
func (c *Counter) AddTimes(times, messages, bytes int64) {
	c.messages.Add(messages)
	c.bytes.Add(bytes)
	c.times.Add(times)
}

// Messages is the number of messages counted since start.
func (c *Counter) Messages() int64 { return c.messages.Load() }

// Bytes is the number of bytes counted since start.
func (c *Counter) Bytes() int64 { return c.bytes.Load() }

// sample is a counter at one tick.
type sample struct{ messages, bytes, times int64 }

func (c *Counter) now() sample {
	return sample{c.messages.Load(), c.bytes.Load(), c.times.Load()}
}

// record appends the counter's present state to a window's history. A counter that
// was never fed keeps no history; its first sample gets a zero one before it, for the tick before.
func (c *Counter) record(w window) {
	s := c.now()
	if s.times == 0 {
		return
	}
	h := c.history[w]
	if len(h) == 0 {
		h = append(h, sample{})
	}
	if len(h) == spans[w].keep {
		h = h[:copy(h, h[1:])]
	}
	c.history[w] = append(h, s)
}
