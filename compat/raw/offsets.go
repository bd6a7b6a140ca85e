package raw

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Offset asks for a number of a queue: [CodeMaxOffset] or [CodeMinOffset].
func (c *Conn) Offset(ctx context.Context, code int, topic string, queue int32) (int64, error) {
	r, err := c.Want(ctx, code, map[string]string{"topic": topic, "queueId": strconv.Itoa(int(queue))}, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(r.Ext["offset"], 10, 64)
}

// AwaitMaxOffset waits until a queue holds so many messages. The Java broker acknowledges a message before
// it has entered it into its consume queue.
func (c *Conn) AwaitMaxOffset(ctx context.Context, topic string, queue int32, count int64) error {
	for {
		hi, err := c.Offset(ctx, CodeMaxOffset, topic, queue)
		if err != nil {
			return fmt.Errorf("%s:%d holds %d messages of %d: %w", topic, queue, hi, count, err)
		}
		if hi >= count {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s:%d holds %d messages of %d: %w", topic, queue, hi, count, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// CommittedOffset returns where a group stands in a queue.
func (c *Conn) CommittedOffset(ctx context.Context, group, topic string, queue int32) (int64, error) {
	r, err := c.Want(ctx, CodeQueryOffset, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)),
	}, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(r.Ext["offset"], 10, 64)
}

// CommitOffset sets where a group stands in a queue.
func (c *Conn) CommitOffset(ctx context.Context, group, topic string, queue int32, offset int64) error {
	_, err := c.Want(ctx, CodeUpdateOffset, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)), "commitOffset": strconv.FormatInt(offset, 10),
	}, nil)
	return err
}
