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

var sharingBehaviours = []behaviour{
	{"sharing: queues are shared anew on join and leave, nothing is lost", joinAndLeave},
}

// told is well below the 20 s after which a client looks by itself: the broker has to have told it.
const told = 12 * time.Second

// shared notes which queues each consumer of a group gets messages of.
type shared struct {
	mu     sync.Mutex
	queues [3]map[int]bool // under mu; cleared by reset
	bodies map[string]bool // under mu
}

func (h *shared) listen(s *stage, group, topic string, number int) func() error {
	c := s.pushConsumer(group)
	must("subscribe", c.Subscribe(topic, tagged("*"),
		func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, m := range messages {
				h.queues[number][m.Queue.QueueId] = true
				h.bodies[string(m.Body)] = true
			}
			return consumer.ConsumeSuccess, nil
		}))
	must("start of the consumer", c.Start())
	return c.Shutdown
}

// settles waits until, for a second, each consumer gets messages of as many queues as told and no
// queue goes to two.
func (h *shared) settles(within time.Duration, sizes ...int) {
	var got []int
	await(within, func() string { return fmt.Sprintf("queues shared in sizes %v, but they are shared as %v", sizes, got) }, func() bool {
		h.mu.Lock()
		for i := range h.queues {
			h.queues[i] = map[int]bool{}
		}
		h.mu.Unlock()
		time.Sleep(time.Second) // every queue gets tens of messages in this time
		h.mu.Lock()
		defer h.mu.Unlock()
		got = got[:0]
		for _, queues := range h.queues {
			if len(queues) > 0 {
				got = append(got, len(queues))
			}
		}
		slices.Sort(got)
		return slices.Equal(got, sizes)
	})
}

// stream sends a message every few milliseconds, round over the queues, until its context ends.
func stream(ctx context.Context, s *stage, topic string, queues int) <-chan []string {
	done := make(chan []string, 1)
	p := s.newProducer()
	go func() {
		var sent []string
		defer func() { done <- sent }()
		for i := 0; ctx.Err() == nil; i++ {
			body := fmt.Sprintf("s%d", i)
			m := primitive.NewMessage(topic, []byte(body)).WithShardingKey(fmt.Sprint(i % queues))
			if _, err := p.SendSync(context.Background(), m); err != nil {
				sent = append(sent, "send failed: "+err.Error()) // is not consumed, so the behaviour fails with it
				return
			}
			sent = append(sent, body)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return done
}

func joinAndLeave(s *stage) {
	topic := s.topic("join", 4)
	group := s.name("CG")
	h := &shared{bodies: map[string]bool{}}
	for i := range h.queues {
		h.queues[i] = map[int]bool{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	streamed := stream(ctx, s, topic, 4)

	leave := h.listen(s, group, topic, 0)
	h.settles(soon, 4)
	h.listen(s, group, topic, 1)
	h.settles(told, 2, 2)
	h.listen(s, group, topic, 2)
	h.settles(told, 1, 1, 2)
	must("shutdown", leave())
	h.settles(told, 2, 2)

	cancel()
	sent := <-streamed
	missing := ""
	await(soon, func() string { return "every message sent during the changes has come, but " + missing + " has not" }, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		i := slices.IndexFunc(sent, func(body string) bool { return !h.bodies[body] })
		if i >= 0 {
			missing = sent[i]
		}
		return i < 0
	})
}
