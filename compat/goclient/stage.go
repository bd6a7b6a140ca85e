package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// cluster is what is under test: a name server and a broker.
type cluster struct{ namesrv, broker, run string }

// stage is what one behaviour works with: clients of its own, which end with it, and names that nobody
// else has. It belongs to one goroutine. What goes wrong ends the behaviour by a panic with a failure.
type stage struct {
	cluster
	number int
	opened []func() error
	sender rocketmq.Producer
}

// failure is the panic value that ends a behaviour.
type failure string

// skipped is the panic value that ends a behaviour which the broker does not have.
type skipped string

func fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func must(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func equal[T comparable](what string, want, got T) {
	if want != got {
		fail("%s is %v, want %v", what, got, want)
	}
}

// soon is a wait that covers the client's own timers (heartbeat, rebalance 20 s).
const soon = 40 * time.Second

// await polls a condition; what says in the report what did not come true.
func await(within time.Duration, what func() string, condition func() bool) {
	end := time.Now().Add(within)
	for !condition() {
		if time.Now().After(end) {
			fail("not within %v: %s", within, what())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *stage) close() {
	for _, end := range slices.Backward(s.opened) {
		must("shutdown", end())
	}
}

// name returns a name for a topic or group of this behaviour.
func (s *stage) name(what string) string { return fmt.Sprintf("%s_go_%s_%d", what, s.run, s.number) }

func (s *stage) servers() primitive.NamesrvAddr { return primitive.NamesrvAddr{s.namesrv} }

// topic creates a topic and waits until messages to it find a queue.
func (s *stage) topic(what string, queues int) string {
	topic := s.name(what)
	a, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver(s.servers())))
	must("admin", err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must("create "+topic, a.CreateTopic(ctx, admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(s.broker),
		admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues)))
	must("close admin", a.Close())
	awaitRoute(s.namesrv, topic, queues)
	return topic
}

func (s *stage) newProducer(options ...producer.Option) rocketmq.Producer {
	p, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNameServer(s.servers()), producer.WithGroupName(s.name("PG")),
		producer.WithInstanceName(fmt.Sprintf("%s_%d", s.name("producer"), len(s.opened))),
		producer.WithSendMsgTimeout(10 * time.Second),
		producer.WithQueueSelector(perMessage{round: producer.NewRoundRobinQueueSelector()}),
	}, options...)...)
	must("producer", err)
	must("start of the producer", p.Start())
	s.opened = append(s.opened, p.Shutdown)
	return p
}

// perMessage sends a message to the queue that its shard key names, others round over the queues.
type perMessage struct{ round producer.QueueSelector }

func (p perMessage) Select(m *primitive.Message, queues []*primitive.MessageQueue, last string) *primitive.MessageQueue {
	if key := m.GetShardingKey(); key != "" {
		for _, q := range queues {
			if fmt.Sprint(q.QueueId) == key {
				return q
			}
		}
	}
	return p.round.Select(m, queues, last)
}

func (s *stage) producer() rocketmq.Producer {
	if s.sender == nil {
		s.sender = s.newProducer()
	}
	return s.sender
}

func (s *stage) send(messages ...*primitive.Message) *primitive.SendResult {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := s.producer().SendSync(ctx, messages...)
	must("send", err)
	equal("send status", primitive.SendOK, r.Status)
	return r
}

// fill sends messages with the bodies prefix0 …, round over the queues.
func (s *stage) fill(topic, prefix string, count int) []string {
	var bodies []string
	for i := range count {
		bodies = append(bodies, fmt.Sprintf("%s%d", prefix, i))
		s.send(primitive.NewMessage(topic, []byte(bodies[i])).WithTag("fill"))
	}
	return bodies
}

// fillQueue sends messages to one queue.
func (s *stage) fillQueue(topic string, queue int, prefix string, count int) []string {
	var bodies []string
	for i := range count {
		bodies = append(bodies, fmt.Sprintf("%s%d", prefix, i))
		s.send(primitive.NewMessage(topic, []byte(bodies[i])).WithShardingKey(fmt.Sprint(queue)))
	}
	return bodies
}

// sameTexts checks that two lists hold the same texts equally often, and says what the difference is.
func sameTexts(what string, want, got []string) {
	difference := map[string]int{}
	for _, text := range want {
		difference[text]++
	}
	for _, text := range got {
		difference[text]--
	}
	var wrong []string
	for text, times := range difference {
		if times != 0 {
			wrong = append(wrong, fmt.Sprintf("%s:%+d", text, times))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		fail("%s, %d texts missing (+) or too many (-): %s", what, len(wrong), strings.Join(wrong[:min(10, len(wrong))], " "))
	}
}

// pushConsumer makes a consumer from the first offset; it is to be subscribed and started.
func (s *stage) pushConsumer(group string, options ...consumer.Option) rocketmq.PushConsumer {
	c, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNameServer(s.servers()), consumer.WithGroupName(group),
		consumer.WithInstance(fmt.Sprintf("%s_%d", s.name("push"), len(s.opened))),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithConsumeGoroutineNums(4),
	}, options...)...)
	must("push consumer", err)
	s.opened = append(s.opened, c.Shutdown)
	return c
}

// reader makes a pull consumer for one topic.
func (s *stage) reader(topic string) rocketmq.PullConsumer {
	c, err := rocketmq.NewPullConsumer(
		consumer.WithNameServer(s.servers()), consumer.WithGroupName(s.name("CG_reader")),
		consumer.WithInstance(fmt.Sprintf("%s_%d", s.name("reader"), len(s.opened))),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	must("pull consumer", err)
	must("subscribe", c.Subscribe(topic, tagged("*")))
	must("start of the pull consumer", c.Start())
	s.opened = append(s.opened, c.Shutdown)
	return c
}

// read returns the messages of one queue, so many, in order; the queue is checked to be without gap.
func (s *stage) read(c rocketmq.PullConsumer, queue *primitive.MessageQueue, count int) []*primitive.MessageExt {
	var out []*primitive.MessageExt
	await(10*time.Second, func() string { return fmt.Sprintf("%d messages in %v, but there are %d", count, queue, len(out)) },
		func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			r, err := c.PullFrom(ctx, queue, int64(len(out)), 32)
			must("pull", err)
			if r.Status == primitive.PullFound {
				for _, m := range r.GetMessageExts() {
					equal("queue offset", int64(len(out)), m.QueueOffset)
					out = append(out, m)
				}
			}
			return len(out) >= count
		})
	equal("messages of the queue", count, len(out))
	return out
}

func bodies(messages []*primitive.MessageExt) []string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Body))
	}
	return out
}
