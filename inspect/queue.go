package inspect

import (
	"cmp"
	"fmt"

	"ringmq/internal/message"
)

// queue is one consume queue, as its files have it and as the log has it.
type queue struct {
	topic  string
	id     int32
	listed bool        // it has a folder
	files  []queueFile // by start

	// Of the files: entries lie from first to max-1; blanks before, zeros behind.
	first, max message.QueueOffset
	window     *window // entries that were read last, nil for none

	// Of the records met so far; owned by the matcher.
	generation
	met   bool
	dead  message.LogOffset // records before it are from before the topic was deleted
	doubt *doubt            // whether the last record was read rightly; nil when it is sure
}

// generation is the records of a queue since its topic was made, or made anew: those from lo to next-1, gaps
// left out.
type generation struct {
	lo, next message.QueueOffset
	began    message.LogOffset // of the first
	gaps     []span
	missing  []span // records whose entry is not there
	held     []Problem
	heldMore int64 // that are not in held
	stale    int64 // records of earlier generations
	odd      int64 // ms that messages wait here, when that is not the level of RocketMQ's own
}

// doubt is about a record that does not follow the one before it, and of which the queue's entries
// tell nothing.
type doubt struct {
	before generation
	at     message.LogOffset
	got    message.QueueOffset // its QUEUEOFFSET
}

// span is a run of queue offsets.
type span struct {
	from, to message.QueueOffset // to is behind the last
	at       message.LogOffset   // of the first's record, or of the record behind a gap
}

// maxHeld is how many problems, gaps and runs are kept for each queue until the scan's end.
const maxHeld = 50

// String is how a queue is called in texts.
func (q *queue) String() string { return fmt.Sprintf("%s queue %d", shortTopic(q.topic), q.id) }

// shortTopic is a topic for people; a damaged one may hold anything.
func shortTopic(topic string) string {
	for _, c := range []byte(topic) {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%.200q", topic)
		}
	}
	return topic
}

func byName(a, b *queue) int { return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.id, b.id)) }

// hold keeps a problem until it is known whether the topic was made anew later.
func (g *generation) hold(p Problem) {
	if len(g.held) >= maxHeld {
		g.heldMore++
		return
	}
	g.held = append(g.held[:len(g.held):len(g.held)], p) // a doubt may still have the old list
}

// holdSpan appends a queue offset, or several, to a list of runs.
func (g *generation) holdSpan(list *[]span, s span) {
	n := len(*list)
	switch {
	case n > 0 && (*list)[n-1].to == s.from:
		last := (*list)[n-1]
		last.to = s.to
		*list = append((*list)[:n-1:n-1], last)
	case n >= maxHeld:
		g.heldMore++
	default:
		*list = append((*list)[:n:n], s)
	}
}

// restart forgets the records met so far: the topic was deleted, and made anew with the record at off.
func (g *generation) restart(off message.LogOffset) {
	*g = generation{began: off, stale: g.stale + g.records(), odd: g.odd}
}

// records is how many there are.
func (g *generation) records() int64 {
	n := int64(g.next - g.lo)
	for _, gap := range g.gaps {
		n -= int64(gap.to - gap.from)
	}
	return n
}
