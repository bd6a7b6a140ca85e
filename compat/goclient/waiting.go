package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var waitingBehaviours = []behaviour{
	{"delay: a level comes at its time", delayed},
	{"retry: a refused message comes again", retry},
	{"retry: after the last try the message is in the dead letter topic", deadLetter},
	{"SQL92, push: only what the expression matches", filtered},
}

// delayed sends messages of two levels and of none.
func delayed(s *stage) {
	topic := s.topic("delayed", 2)
	var mu sync.Mutex
	at := map[string]time.Time{} // under mu
	c := s.pushConsumer(s.name("CG"))
	must("subscribe", c.Subscribe(topic, tagged("*"),
		func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range messages {
				at[string(m.Body)] = time.Now()
			}
			return consumer.ConsumeSuccess, nil
		}))
	must("start of the consumer", c.Start())
	came := func(text string) time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at[text]
	}
	s.fill(topic, "first", 1)
	await(soon, func() string { return "the first message" }, func() bool { return !came("first0").IsZero() })
	delays := []time.Duration{0, time.Second, 5 * time.Second}
	sent := time.Now()
	for level := range delays {
		s.send(primitive.NewMessage(topic, fmt.Append(nil, "level", level)).WithDelayTimeLevel(level))
	}
	for level, delay := range delays {
		text := fmt.Sprint("level", level)
		await(soon, func() string { return text }, func() bool { return !came(text).IsZero() })
		if took := came(text).Sub(sent); took < delay || took > delay+3*time.Second {
			fail("%s came after %v", text, took)
		}
	}
}

// again has a consumer refuse its messages as often as it is told, for the shortest delay, and returns the reconsume times
// it sees.
func again(s *stage, group, topic string, refusals int32, options ...consumer.Option) func() []int32 {
	return listen(s.pushConsumer(group, options...), topic, tagged("*"), refusals).tries
}

func retry(s *stage) {
	topic := s.topic("retry", 1)
	tries := again(s, s.name("CG"), topic, 1)
	s.fill(topic, "r", 1)
	await(soon, func() string { return fmt.Sprint("two tries, but there are ", tries()) }, func() bool { return len(tries()) >= 2 })
	equal("tries", "[0 1]", fmt.Sprint(tries()))
}

func deadLetter(s *stage) {
	topic, group := s.topic("dead", 1), s.name("CG")
	tries := again(s, group, topic, 100, consumer.WithMaxReconsumeTimes(1))
	sent := s.send(primitive.NewMessage(topic, []byte("d0")))
	await(soon, func() string { return fmt.Sprint("two tries, but there are ", tries()) }, func() bool { return len(tries()) >= 2 })
	dead := "%DLQ%" + group
	awaitRoute(s.namesrv, dead, 1)
	got := s.read(s.reader(dead), &primitive.MessageQueue{Topic: dead, BrokerName: sent.MessageQueue.BrokerName}, 1)
	equal("dead letter", "d0", string(got[0].Body))
}

// filtered lets several groups choose among the same messages.
func filtered(s *stage) {
	topic := s.topic("sql", 2)
	wants := map[string]func(a int) bool{
		"a > 5 AND b = 'x'":            func(a int) bool { return a > 5 && a%3 == 0 },
		"a BETWEEN 3 AND 7":            func(a int) bool { return 3 <= a && a <= 7 },
		"b IS NULL OR b IN ('y', 'z')": func(a int) bool { return a%3 != 0 },
	}
	got := map[string]*inbox{}
	for expression := range wants {
		c := s.pushConsumer(fmt.Sprint(s.name("CG"), len(got)))
		got[expression] = listen(c, topic, consumer.MessageSelector{Type: consumer.SQL92, Expression: expression}, 0)
	}
	for a := range 20 {
		m := primitive.NewMessage(topic, []byte(strconv.Itoa(a)))
		m.WithProperty("a", strconv.Itoa(a))
		if a%3 < 2 {
			m.WithProperty("b", []string{"x", "y"}[a%3])
		}
		s.send(m)
	}
	for expression, wanted := range wants {
		var texts []string
		for a := range 20 {
			if wanted(a) {
				texts = append(texts, strconv.Itoa(a))
			}
		}
		got[expression].getsExactly("the consumer of "+expression, texts)
	}
}
