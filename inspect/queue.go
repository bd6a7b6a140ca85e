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

	// Of the records met so far; owned by the matcher. The records since the topic was made (anew)
	// are those from lo to next-1, gaps left out.
	met      bool
	lo, next message.QueueOffset
	gaps     []span
	missing  []span // records whose entry is not there
	held     []Problem
	heldMore int64 // that are not in held
	stale    int64 // records from before the topic was made anew
	odd      int64 // ms that messages wait here, when that is not the level of RocketMQ's own
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
func (q *queue) hold(p Problem) {
	if len(q.held) >= maxHeld {
		q.heldMore++
		return
	}
	q.held = append(q.held, p)
}

// holdSpan appends a queue offset to a list of runs.
func (q *queue) holdSpan(list *[]span, s span) {
	if n := len(*list); n > 0 && (*list)[n-1].to == s.from {
		(*list)[n-1].to = s.to
		return
	}
	if len(*list) >= maxHeld {
		q.heldMore++
		return
	}
	*list = append(*list, s)
}

// restart forgets the records met so far: the topic was deleted, and made anew.
func (q *queue) restart() {
	q.stale += int64(q.next - q.lo)
	q.lo, q.next = 0, 0
	q.gaps, q.missing, q.held, q.heldMore = nil, nil, nil, 0
}
