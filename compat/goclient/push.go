package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var pushBehaviours = []behaviour{
	{"push, orderly: order within each queue", pushOrderly},
	{"push, clustering: every message once", pushClustering},
	{"push, broadcasting: every consumer gets all", pushBroadcasting},
	{"push: a message wakes a held pull at once", pushWake},
	{"tags: only those asked for", pushTags},
}

func pushClustering(s *stage) {
	topic := s.topic("clustering", 4)
	sent := s.fill(topic, "before", 50)
	got := collect(s.pushConsumer(s.name("CG")), topic, "*")
	got.getsExactly("the consumer", sent)
	sent = append(sent, s.fill(topic, "after", 50)...)
	got.getsExactly("the consumer", sent)
}

func pushBroadcasting(s *stage) {
	topic := s.topic("broadcasting", 4)
	sent := s.fill(topic, "x", 40)
	var got []*inbox
	for range 2 {
		got = append(got, collect(s.pushConsumer(s.name("CG"), consumer.WithConsumerModel(consumer.BroadCasting)), topic, "*"))
	}
	for _, one := range got {
		one.getsExactly("a broadcasting consumer", sent)
	}
	sent = append(sent, s.fill(topic, "y", 40)...)
	for _, one := range got {
		one.getsExactly("a broadcasting consumer", sent)
	}
}

// orderly has a consumer note the bodies of each queue in the order in which its listener sees them.
func orderly(s *stage, group, topic string) func(queue int) []string {
	var mu sync.Mutex
	seen := map[int][]string{} // under mu
	c := s.pushConsumer(group, consumer.WithConsumerOrder(true))
	must("subscribe", c.Subscribe(topic, tagged("*"),
		func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range messages {
				seen[m.Queue.QueueId] = append(seen[m.Queue.QueueId], string(m.Body))
			}
			return consumer.ConsumeSuccess, nil
		}))
	must("start of the consumer", c.Start())
	return func(queue int) []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen[queue])
	}
}

func pushOrderly(s *stage) {
	topic := s.topic("orderly", 3)
	sent := make([][]string, 3)
	for queue := range sent {
		sent[queue] = s.fillQueue(topic, queue, "early", 30)
	}
	seen := orderly(s, s.name("CG"), topic)
	for queue := range sent {
		sent[queue] = append(sent[queue], s.fillQueue(topic, queue, "late", 30)...)
	}
	for queue, want := range sent {
		await(soon, func() string {
			return fmt.Sprintf("60 messages of queue %d, but there are %d", queue, len(seen(queue)))
		},
			func() bool { return len(seen(queue)) >= len(want) })
		equal(fmt.Sprintf("order in queue %d", queue), fmt.Sprint(want), fmt.Sprint(seen(queue)))
	}
}

func pushWake(s *stage) {
	topic := s.topic("wake", 1)
	sent := s.fill(topic, "first", 1)
	got := collect(s.pushConsumer(s.name("CG")), topic, "*")
	got.getsExactly("the consumer", sent)
	slowest := time.Duration(0)
	for i := range 5 {
		time.Sleep(300 * time.Millisecond) // the consumer's next pull is on its way and is held
		sent = append(sent, s.fill(topic, fmt.Sprintf("m%d-", i), 1)...)
		start := time.Now()
		got.getsExactly("the consumer", sent)
		slowest = max(slowest, time.Since(start))
	}
	// A broker that does not wake held pulls answers at its next scan, up to 5 s later.
	if slowest > 1500*time.Millisecond {
		fail("a message came %v after it was acknowledged", slowest)
	}
}

// pushTags keeps to ASCII: this client's hash code of other tags is not Java's.
func pushTags(s *stage) {
	topic := s.topic("tags", 2)
	got := collect(s.pushConsumer(s.name("CG")), topic, "TagA || TagC||TagD")
	var wanted []string
	for i := range 50 {
		tag := []string{"TagA", "TagB", "TagC", "TagD", "tagA"}[i%5]
		body := fmt.Sprintf("%s%d", tag, i)
		if tag != "TagB" && tag != "tagA" {
			wanted = append(wanted, body)
		}
		s.send(primitive.NewMessage(topic, []byte(body)).WithTag(tag))
	}
	s.send(primitive.NewMessage(topic, []byte("no tag")))
	got.getsExactly("the consumer", wanted)
}
