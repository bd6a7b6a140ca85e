package server

import (
	"ringmq/consumequeue"
	"ringmq/server/topic"
)

// run is the turn's messages of one topic that follow each other. What is found for the first of them serves the
// others, and they are counted together. It ends with its turn: a topic deleted meanwhile is not found again.
type run struct {
	topic *topic.Topic
	queue *consumequeue.Queue // of the last message
	// Not counted yet: requests, and their messages and bytes.
	requests, messages, bytes int64
}

// queueOf is the queue of the message at hand.
func (b *Broker) queueOf(s *sendState) *consumequeue.Queue {
	r := &s.record
	if q := s.run.queue; q != nil && q.ID() == r.QueueID && q.Topic() == string(r.Topic) {
		return q
	}
	s.run.queue = b.store.Queue(r.Topic, r.QueueID)
	return s.run.queue
}

// count counts a request that stored messages of a topic.
func (b *Broker) count(s *sendState, t *topic.Topic, messages, bytes int64) {
	if t != s.run.topic {
		queue := s.run.queue
		b.endRun(s)
		s.run.topic, s.run.queue = t, queue
	}
	s.run.requests++
	s.run.messages += messages
	s.run.bytes += bytes
}

// endRun forgets the topic, once its messages are counted.
func (b *Broker) endRun(s *sendState) {
	if r := &s.run; r.requests > 0 {
		r.topic.Put(r.requests, r.messages, r.bytes)
		b.stats.BrokerPut(r.requests, r.messages)
	}
	s.run = run{}
}
