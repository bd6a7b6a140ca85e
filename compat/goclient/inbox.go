package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// inbox holds the messages that a listener got, in its order.
type inbox struct {
	mu   sync.Mutex
	seen []*primitive.MessageExt // under mu
}

// tagged selects by tags, as clients do unless they are told otherwise.
func tagged(tags string) consumer.MessageSelector {
	return consumer.MessageSelector{Type: consumer.TAG, Expression: tags}
}

// collect starts a consumer that keeps what it gets.
func collect(c listening, topic, tags string) *inbox { return listen(c, topic, tagged(tags), 0) }

// listening is what every push consumer is.
type listening interface {
	Subscribe(string, consumer.MessageSelector, func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)) error
	Start() error
}

// listen starts a consumer that keeps what it gets and refuses each message as often as told, for the shortest delay.
func listen(c listening, topic string, wanted consumer.MessageSelector, refusals int32) *inbox {
	b := new(inbox)
	must("subscribe", c.Subscribe(topic, wanted,
		func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.seen = append(b.seen, messages...)
			if messages[0].ReconsumeTimes >= refusals {
				return consumer.ConsumeSuccess, nil
			}
			if concurrent, ok := primitive.GetConcurrentlyCtx(ctx); ok {
				concurrent.DelayLevelWhenNextConsume = 1
			}
			return consumer.ConsumeRetryLater, nil
		}))
	must("start of the consumer", c.Start())
	return b
}

func (b *inbox) messages() []*primitive.MessageExt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

// all are the bodies of what came.
func (b *inbox) all() []string { return bodies(b.messages()) }

// tries are the reconsume times of what came.
func (b *inbox) tries() []int32 {
	var times []int32
	for _, m := range b.messages() {
		times = append(times, m.ReconsumeTimes)
	}
	return times
}

// getsExactly waits for as many messages as were sent and checks that they are those, each once.
func (b *inbox) getsExactly(what string, sent []string) {
	await(soon, func() string { return fmt.Sprintf("%s has %d messages, but it has %d", what, len(sent), len(b.all())) },
		func() bool { return len(b.all()) >= len(sent) })
	sameTexts(what, sent, b.all())
}
