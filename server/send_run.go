package server

import (
	"ringmq/consumequeue"
	"ringmq/server/topic"
)

// run is the turn's messages of one topic that follow each other. What is found for the first of them serves the
// others, and they are counted together. It ends with its turn: a topic deleted meanwhile is not found again.
type run struct {
	topic  *topic.Topic
	queues [16]*consumequeue.Queue // those found last, by the lowest bits of their ids
	// Not counted yet: requests, and their messages and bytes.
	requests, messages, bytes int64
}

// queueOf is the queue of the message at hand.
func (b *Broker) queueOf(s *sendState) *consumequeue.Queue {
	r := &s.record
	known := &s.run.queues[uint32(r.QueueID)%uint32(len(s.run.queues))]
	if q := *known; q == nil || q.ID() != r.QueueID || q.Topic() != string(r.Topic) {
		*known = b.store.Queue(r.Topic, r.QueueID)
	}
	return *known
}

// count counts a request that stored messages of a topic.
func (b *Broker) count(s *sendState, t *topic.Topic, messages, bytes int64) {
	if t != s.run.topic {
		b.countRun(s)
		s.run.topic = t
	}
	s.run.requests++
	s.run.messages += messages
	s.run.bytes += bytes
}

// countRun counts the run's messages so far.
func (b *Broker) countRun(s *sendState) {
	if r := &s.run; r.requests > 0 {
		r.topic.Put(r.requests, r.messages, r.bytes)
		b.stats.BrokerPut(r.requests, r.messages)
		r.requests, r.messages, r.bytes = 0, 0, 0
	}
}

// endRun forgets topic and queues, once the messages are counted.
func (b *Broker) endRun(s *sendState) {
	b.countRun(s)
	s.run = run{}
}
