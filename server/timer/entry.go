package timer

import "ringmq/internal/message"

// entry is a message that waits. Entries are ordered by (due, at).
type entry struct {
	due int64               // ms
	at  message.QueueOffset // in the timer queue
}

// noEntry is none that is in the queue.
var noEntry = entry{at: -1}

func (e entry) before(o entry) bool { return e.due < o.due || e.due == o.due && e.at < o.at }

func (e entry) compare(o entry) int {
	switch {
	case e.before(o):
		return -1
	case o.before(e):
		return 1
	}
	return 0
}

// entryHeap has the first entry in front; its shape is container/heap's, without the interface's
// allocation per entry.
type entryHeap []entry

func (h *entryHeap) push(e entry) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(s[up]) {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = e
}

func (h *entryHeap) pop() entry {
	s := *h
	first := s[0]
	last := s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) > 0 {
		s.sink(0, last)
	}
	return first
}

// sink puts e where i is, or below.
func (h entryHeap) sink(i int, e entry) {
	for {
		low := 2*i + 1
		if low >= len(h) {
			break
		}
		if low+1 < len(h) && h[low+1].before(h[low]) {
			low++
		}
		if !h[low].before(e) {
			break
		}
		h[i] = h[low]
		i = low
	}
	h[i] = e
}

// add pushes many entries at once.
func (h *entryHeap) add(entries []entry) {
	if len(entries) < len(*h)/8 {
		for _, e := range entries {
			h.push(e)
		}
		return
	}
	*h = append(*h, entries...)
	for i := len(*h)/2 - 1; i >= 0; i-- {
		h.sink(i, (*h)[i])
	}
}
