package main

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// Where consumers begin and what the broker remembers of it.
var offsetBehaviours = []behaviour{
	{"offsets: a restarted consumer goes on where it stopped", restartPush},
	{"offsets: a restarted orderly consumer too", restartOrderly},
	{"offsets: a broadcasting consumer keeps its own", restartBroadcasting},
	{"offsets: a new group on a young topic begins at 0, also from the last offset", youngTopic},
	{"offsets: a broadcasting consumer from the last offset gets only new messages", fromLast},
	{"offsets: a broadcasting consumer from a time", fromTime},
	{"offsets: an offset that was set is where the consumer begins", setOffset},
	{"offsets: what is committed last counts, also backwards", committed},
	{"offsets: examineConsumeStats counts what is left", consumeStats},
	{"pull: an offset that is not there leaves an event", offsetMoved},
}

const (
	queryOffset  = 14
	updateOffset = 15
	getStats     = 208
)

func restartBroadcasting(s *stage) {
	topic, group := s.topic("restartBroadcast", 2), s.name("CG")
	for _, round := range []string{"a", "b"} {
		sent := s.fill(topic, round, 30)
		c := s.pushConsumer(group, consumer.WithConsumerModel(consumer.BroadCasting), consumer.WithInstance(s.name("kept")))
		collect(c, topic, "*").getsExactly("the consumer of round "+round, sent)
		time.Sleep(500 * time.Millisecond)
		must("shutdown", c.Shutdown())
	}
}

// youngTopic: request 14 answers 0 for an unknown group while the queue's first message is still at hand.
func youngTopic(s *stage) {
	topic := s.topic("young", 2)
	sent := s.fill(topic, "y", 20)
	for i, where := range []consumer.ConsumeFromWhere{consumer.ConsumeFromFirstOffset, consumer.ConsumeFromLastOffset} {
		c := s.pushConsumer(fmt.Sprint(s.name("CG"), i), consumer.WithConsumeFromWhere(where))
		collect(c, topic, "*").getsExactly(fmt.Sprint("a consumer from ", where), sent)
	}
}

func fromLast(s *stage) {
	topic := s.topic("last", 1)
	s.fill(topic, "old", 20)
	got := collect(s.pushConsumer(s.name("CG"), consumer.WithConsumerModel(consumer.BroadCasting),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset)), topic, "*")
	// It listens when the first of these has come; it may have been sent before the consumer asked for the end.
	probes := 0
	await(soon, func() string { return "a message of those sent again and again" }, func() bool {
		if len(got.all()) > 0 {
			return true
		}
		probes++
		s.fill(topic, fmt.Sprint("probe", probes, "-"), 1)
		time.Sleep(500 * time.Millisecond)
		return false
	})
	s.fill(topic, "new", 20)
	await(soon, func() string { return "20 new messages" }, func() bool { return len(got.all()) >= 21 })
	for _, text := range got.all() {
		if text[:3] == "old" {
			fail("the consumer got %s", text)
		}
	}
}

func fromTime(s *stage) {
	topic := s.topic("time", 1)
	s.fill(topic, "old", 10)
	time.Sleep(2100 * time.Millisecond) // the client's timestamp has whole seconds
	start := time.Now().Truncate(time.Second)
	sent := s.fill(topic, "new", 10)
	got := collect(s.pushConsumer(s.name("CG"), consumer.WithConsumerModel(consumer.BroadCasting),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp), consumer.WithConsumeTimestamp(start.Format("20060102150405"))), topic, "*")
	await(soon, func() string { return fmt.Sprint("the new messages, but there are ", got.all()) }, func() bool { return len(got.all()) >= len(sent) })
	// Between two messages the nearer one is chosen, so one old message may come with them.
	if n := len(got.all()); n > len(sent)+1 {
		fail("the consumer got %d messages: %v", n, got.all())
	}
}

func (s *stage) commitOffset(group, topic string, queue int, offset int64) {
	s.want(updateOffset, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": fmt.Sprint(queue), "commitOffset": fmt.Sprint(offset)}, nil)
}

func (s *stage) offset(group, topic string, queue int) int64 {
	return s.want(queryOffset, map[string]string{"consumerGroup": group, "topic": topic, "queueId": fmt.Sprint(queue)}, nil).number("offset")
}

func setOffset(s *stage) {
	topic, group := s.topic("set", 1), s.name("CG")
	sent := s.fill(topic, "s", 30)
	for _, from := range []int{20, 5} {
		s.commitOffset(group, topic, 0, int64(from))
		c := s.pushConsumer(group)
		collect(c, topic, "*").getsExactly(fmt.Sprint("the consumer from ", from), sent[from:])
		time.Sleep(500 * time.Millisecond)
		must("shutdown", c.Shutdown())
	}
}

func committed(s *stage) {
	topic, group := s.topic("committed", 2), s.name("CG")
	for _, offset := range []int64{7, 3, 1 << 40, 0} {
		s.commitOffset(group, topic, 1, offset)
		equal("offset", offset, s.offset(group, topic, 1))
	}
}

func consumeStats(s *stage) {
	topic, group := s.topic("stats", 2), s.name("CG")
	for queue := range 2 {
		s.fillQueue(topic, queue, "m", 15)
		s.commitOffset(group, topic, queue, 10)
	}
	var body struct {
		OffsetTable map[string]struct {
			Broker   int64 `json:"brokerOffset"`
			Consumer int64 `json:"consumerOffset"`
		} `json:"offsetTable"`
	}
	// fastjson writes objects as keys: only the values are looked at.
	a := s.want(getStats, map[string]string{"consumerGroup": group, "topic": topic}, nil)
	a.body = objectKey.ReplaceAllFunc(a.body, func(key []byte) []byte { return fmt.Appendf(nil, "%q:", key[:len(key)-1]) })
	a.json(&body)
	equal("queues in the answer", 2, len(body.OffsetTable))
	for queue, o := range body.OffsetTable {
		equal("broker and consumer offset of "+queue, "15 10", fmt.Sprint(o.Broker, " ", o.Consumer))
	}
}

func offsetMoved(s *stage) {
	topic := s.topic("moved", 1)
	var queue *primitive.MessageQueue
	for range 3 {
		queue = s.send(primitive.NewMessage(topic, []byte("m"))).MessageQueue
	}
	c := s.reader(topic)
	s.read(c, queue, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := c.PullFrom(ctx, queue, 1000, 32)
	must("pull", err)
	equal("status", primitive.PullOffsetIllegal, r.Status)
	equal("next offset", 3, r.NextBeginOffset)
	event := byKey(s, "OFFSET_MOVED_EVENT", s.name("CG_reader"), 1, false)[0]
	var body struct{ OffsetNew, OffsetRequest int64 }
	(&answer{body: event.Body}).json(&body)
	equal("new and requested offset in the event", "3 1000", fmt.Sprint(body.OffsetNew, " ", body.OffsetRequest))
}
