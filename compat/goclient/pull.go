package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var pullBehaviours = []behaviour{
	{"pull consumer: poll and acknowledge", pullPoll},
	{"pull consumer: status and next offset at every position", pullPositions},
}

func pullPoll(s *stage) {
	topic := s.topic("poll", 2)
	sent := s.fill(topic, "p", 40)
	got := poll(s.reader(topic), 40)
	sameTexts("the consumer", sent, got)
}

// poll gets so many messages from a pull consumer and acknowledges them.
func poll(c rocketmq.PullConsumer, count int) []string {
	var got []string
	await(soon, func() string { return fmt.Sprintf("%d messages, but there are %d", count, len(got)) }, func() bool {
		r, err := c.Poll(context.Background(), 200*time.Millisecond)
		if errors.Is(err, consumer.ErrNoNewMsg) {
			return false
		}
		must("poll", err)
		got = append(got, bodies(r.GetMsgList())...)
		c.ACK(context.Background(), r, consumer.ConsumeSuccess)
		return len(got) >= count
	})
	return got
}

func pullPositions(s *stage) {
	topic := s.topic("positions", 1)
	var queue *primitive.MessageQueue
	for range 10 {
		queue = s.send(primitive.NewMessage(topic, []byte("x"))).MessageQueue
	}
	c := s.reader(topic)
	s.read(c, queue, 10)
	for _, want := range []struct {
		offset int64
		status primitive.PullStatus
		next   int64
	}{
		{0, primitive.PullFound, 10},
		{4, primitive.PullFound, 10},
		{10, primitive.PullNoNewMsg, 10},
		{11, primitive.PullOffsetIllegal, 10},
		{1 << 40, primitive.PullOffsetIllegal, 10},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		r, err := c.PullFrom(ctx, queue, want.offset, 32)
		cancel()
		must("pull", err)
		equal(fmt.Sprintf("status at %d", want.offset), want.status, r.Status)
		equal(fmt.Sprintf("next offset at %d", want.offset), want.next, r.NextBeginOffset)
		equal(fmt.Sprintf("maximum offset at %d", want.offset), int64(10), r.MaxOffset)
	}
}

func restartPush(s *stage) {
	topic := s.topic("restart", 4)
	group := s.name("CG")
	for _, round := range []string{"a", "b"} {
		sent := s.fill(topic, round, 40)
		c := s.pushConsumer(group)
		collect(c, topic, "*").getsExactly("the consumer of round "+round, sent)
		time.Sleep(500 * time.Millisecond) // its listener has returned, the client has yet to note the offset
		must("shutdown", c.Shutdown())
	}
}

func restartOrderly(s *stage) {
	topic := s.topic("restartOrderly", 1)
	group := s.name("CG")
	for _, round := range []string{"a", "b"} {
		sent := s.fillQueue(topic, 0, round, 30)
		seen := orderly(s, group, topic)
		await(soon, func() string { return fmt.Sprintf("30 messages in round %s, but there are %d", round, len(seen(0))) },
			func() bool { return len(seen(0)) >= 30 })
		equal("messages of round "+round, fmt.Sprint(sent), fmt.Sprint(seen(0)))
		time.Sleep(500 * time.Millisecond)
		must("shutdown", s.opened[len(s.opened)-1]())
	}
}
