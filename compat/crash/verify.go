package crash

import (
	"context"
	"fmt"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// verify compares everything that a restarted broker holds with the ledger.
func (t *torture) verify(ctx context.Context, broker *target.Server) error {
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	topics, err := c.Topics(ctx)
	if err != nil {
		return err
	}
	t.report.Found = 0
	for _, topic := range t.topics {
		if topics[topic].Read != queuesPerTopic {
			return fmt.Errorf("topic %s, whose creation was acknowledged, has %d queues, want %d", topic, topics[topic].Read, queuesPerTopic)
		}
		for id := range int32(queuesPerTopic) {
			if err := t.verifyQueue(ctx, c, Queue{topic, id}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *torture) verifyQueue(ctx context.Context, c *raw.Conn, q Queue) error {
	var found []place
	lo, _, err := c.ReadQueue(ctx, "CG_crash", q.Topic, q.ID, func(r raw.Record) error {
		id, err := readBody(r.Body)
		if err != nil {
			return fmt.Errorf("%v@%d: %w", q, r.QueueOffset, err)
		}
		if key := fmt.Sprintf("%x", id); r.Properties["UNIQ_KEY"] != key || r.Properties["TAGS"] != "crash" {
			return fmt.Errorf("%v@%d: message %s has the properties %q", q, r.QueueOffset, key, r.Properties)
		}
		found = append(found, place{id, r.Offset})
		return nil
	})
	if err != nil {
		return err
	}
	if lo != 0 {
		return fmt.Errorf("%v begins at offset %d, want 0", q, lo)
	}
	t.report.Found += len(found)
	return t.ledger.Settle(q, found)
}
