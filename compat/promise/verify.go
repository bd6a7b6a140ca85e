package promise

import (
	"context"
	"fmt"

	"ringmq/compat/raw"
)

// Verify reads a whole queue, compares it with the promises and returns how many messages it holds.
func (l *Ledger) Verify(ctx context.Context, c *raw.Conn, q Queue) (int, error) {
	var found []place
	lo, _, err := c.ReadQueue(ctx, "CG_promise", q.Topic, q.ID, func(r raw.Record) error {
		id, err := ReadBody(r.Body)
		if err != nil {
			return fmt.Errorf("%v@%d: %w", q, r.QueueOffset, err)
		}
		if key := fmt.Sprintf("%x", id); r.Properties["UNIQ_KEY"] != key || r.Properties["TAGS"] != "promise" {
			return fmt.Errorf("%v@%d: message %s has the properties %q", q, r.QueueOffset, key, r.Properties)
		}
		found = append(found, place{id, r.Offset})
		return nil
	})
	if err != nil {
		return 0, err
	}
	if lo != 0 {
		return 0, fmt.Errorf("%v begins at offset %d, want 0", q, lo)
	}
	return len(found), l.settle(q, found)
}
