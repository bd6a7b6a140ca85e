package bench

import (
	"context"
	"fmt"
	"sync"

	"ringmq/internal/client"
	"ringmq/internal/wire"
)

// creators is how many requests to create topics are in flight.
const creators = 64

// CreateTopics makes the topics of a run exist with its number of queues.
func CreateTopics(ctx context.Context, o *SendOptions) error {
	c, err := client.Dial(ctx, o.Broker, client.Options{Serialize: o.Serialize})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer c.Close()
	var wg sync.WaitGroup
	var once sync.Once
	var failed error
	next := make(chan string)
	for range creators {
		wg.Go(func() {
			for name := range next {
				if err := createTopic(ctx, c, name, o.Queues); err != nil {
					once.Do(func() { failed = fmt.Errorf("bench: create topic %s: %w", name, err) })
				}
			}
		})
	}
	if o.Topics <= 1 {
		next <- o.Topic
	}
	for i := range o.Topics {
		if o.Topics > 1 {
			next <- fmt.Sprintf("%s_%06d", o.Topic, i)
		}
		if o.Progress != nil && i%1000 == 0 {
			o.Progress(Progress{Phase: "topics", Done: uint64(i)})
		}
	}
	close(next)
	wg.Wait()
	return failed
}

func createTopic(ctx context.Context, c *client.Client, name string, queues int) error {
	answer, err := c.Call(ctx, wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
		Topic: name, DefaultTopic: "TBW102", ReadQueueNums: int32(queues), WriteQueueNums: int32(queues),
		Perm: 6, TopicFilterType: "SINGLE_TAG",
	}, nil)
	if err != nil {
		return err
	}
	return client.Failure(answer)
}
