package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

var requestBehaviours = []behaviour{
	{"request: the reply comes back to the producer that asked", requestReply},
	{"request: without a reply it times out", requestLost},
	{"light queues: a message is in all queues that it names", lightQueues},
	{"trace: what was sent is in the trace topic", trace},
	{"namespace: topics of the same name in two", namespaces},
	{"order: locks are given up when their owner stops", locksReleased},
}

// replier answers what comes to a topic with "re: " and the same.
func replier(s *stage, topic string) {
	p := s.newProducer(producer.WithGroupName(s.name("PG_replier")))
	c := s.pushConsumer(s.name("CG"))
	must("subscribe", c.Subscribe(topic, tagged("*"),
		func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			for _, m := range messages {
				reply, err := consumer.CreateReplyMessage(m, nil)
				if err != nil {
					return consumer.ConsumeRetryLater, err
				}
				reply.Body = append([]byte("re: "), m.Body...)
				if _, err := p.SendSync(ctx, reply); err != nil {
					return consumer.ConsumeRetryLater, err
				}
			}
			return consumer.ConsumeSuccess, nil
		}))
	must("start of the consumer", c.Start())
}

func requestReply(s *stage) {
	topic := s.topic("request", 2)
	replier(s, topic)
	ask := func(question string, patience time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		answer, err := s.producer().Request(ctx, patience, primitive.NewMessage(topic, []byte(question)))
		if err != nil {
			return "", err
		}
		return string(answer.Body), nil
	}
	// The broker knows a producer of this client only by its next heartbeat; before, replies do not find it.
	await(soon, func() string { return "a first reply" }, func() bool {
		answer, err := ask("first", 3*time.Second)
		return err == nil && answer == "re: first"
	})
	for i := range 3 {
		answer, err := ask(fmt.Sprintf("q%d", i), 30*time.Second)
		must("request", err)
		equal("reply", fmt.Sprintf("re: q%d", i), answer)
	}
}

func requestLost(s *stage) {
	topic := s.topic("requestLost", 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := s.producer().Request(ctx, 2*time.Second, primitive.NewMessage(topic, []byte("anybody?")))
	if err == nil {
		fail("a reply from nowhere: %v", answer)
	}
}

func lightQueues(s *stage) {
	topic := s.topic("light", 2)
	one, two := "%LMQ%"+s.name("one"), "%LMQ%"+s.name("two")
	var broker string
	for i := range 6 {
		m := primitive.NewMessage(topic, fmt.Appendf(nil, "m%d", i))
		m.WithProperty("INNER_MULTI_DISPATCH", []string{one + "," + two, two}[i%2])
		broker = s.send(m).MessageQueue.BrokerName
	}
	reader := s.reader(topic)
	for name, want := range map[string]string{one: "m0 m2 m4", two: "m0 m1 m2 m3 m4 m5"} {
		var got []string
		await(10*time.Second, func() string { return fmt.Sprintf("%q in %s, but there is %q", want, name, got) }, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			r, err := reader.PullFrom(ctx, &primitive.MessageQueue{Topic: name, BrokerName: broker}, int64(len(got)), 32)
			must("pull", err)
			if r.Status == primitive.PullFound {
				got = append(got, bodies(r.GetMessageExts())...)
			}
			return strings.Join(got, " ") == want
		})
	}
}

func trace(s *stage) {
	topic := s.topic("traced", 1)
	p := s.newProducer(producer.WithGroupName(s.name("PG_traced")), producer.WithTrace(&primitive.TraceConfig{
		GroupName: s.name("trace"), Access: primitive.Local, Resolver: primitive.NewPassthroughResolver(s.servers()),
	}))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sent, err := p.SendSync(ctx, primitive.NewMessage(topic, []byte("traced")))
	must("send", err)
	const traces = "RMQ_SYS_TRACE_TOPIC"
	reader := s.reader(traces)
	next := int64(0)
	await(soon, func() string { return fmt.Sprintf("a trace of %s, among %d", sent.MsgID, next) }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r, err := reader.PullFrom(ctx, &primitive.MessageQueue{Topic: traces, BrokerName: sent.MessageQueue.BrokerName}, next, 32)
		must("pull", err)
		if r.Status != primitive.PullFound {
			return false
		}
		next = r.NextBeginOffset
		return slices.ContainsFunc(bodies(r.GetMessageExts()), func(body string) bool {
			return strings.Contains(body, "Pub\x01") && strings.Contains(body, sent.MsgID)
		})
	})
}

func namespaces(s *stage) {
	plain := s.name("spaced")
	for _, space := range []string{"NSa", "NSb"} {
		p := s.newProducer(producer.WithNamespace(space))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := p.SendSync(ctx, primitive.NewMessage(plain, []byte("of "+space)))
		cancel()
		must("send", err)
		awaitRoute(s.namesrv, space+"%"+plain, 4)
	}
	for _, space := range []string{"NSa", "NSb"} {
		got := collect(s.pushConsumer(s.name("CG"), consumer.WithNamespace(space)), plain, "*")
		got.getsExactly("the consumer of "+space, []string{"of " + space})
	}
}

func locksReleased(s *stage) {
	topic := s.topic("released", 2)
	group := s.name("CG")
	for turn := range 2 {
		sent := s.fill(topic, fmt.Sprintf("turn%d-", turn), 6)
		start := time.Now()
		c := s.pushConsumer(group, consumer.WithConsumerOrder(true))
		collect(c, topic, "*").getsExactly(fmt.Sprintf("owner %d", turn), sent)
		if took := time.Since(start); took > 30*time.Second {
			fail("owner %d had its locks after %v; they expire after a minute", turn, took)
		}
		must("shutdown", c.Shutdown())
	}
}
