package admin

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"ringmq/internal/client"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// ToolsGroup is the consumer group of RocketMQ's tools; every broker has it.
const ToolsGroup = "TOOLS_CONSUMER"

const (
	permRead = 1 << 2
	// pullSubscription is the pull flag that says that the request carries its subscription.
	pullSubscription = 1 << 2
	// maxBodyBytes bounds a compressed body when it is unpacked.
	maxBodyBytes = 64 << 20
)

// Readable is a queue that can be read and where.
type Readable struct {
	Queue wire.MessageQueue
	Addr  string
}

// Readable lists the queues of a topic that can be read, sorted.
func (c *Cluster) Readable(ctx context.Context, topic string) ([]Readable, error) {
	route, err := c.Route(ctx, topic)
	if err != nil {
		return nil, err
	}
	var queues []Readable
	for i := range route.BrokerDatas {
		b := &route.BrokerDatas[i]
		addr, err := Address(b)
		if err != nil {
			return nil, err
		}
		for _, d := range route.QueueDatas {
			if d.BrokerName != b.BrokerName || d.Perm&permRead == 0 {
				continue
			}
			for id := range min(d.ReadQueueNums, maxQueues) {
				queues = append(queues, Readable{wire.MessageQueue{Topic: topic, BrokerName: d.BrokerName, QueueID: id}, addr})
			}
		}
	}
	slices.SortFunc(queues, func(a, b Readable) int { return compareQueues(a.Queue, b.Queue) })
	return queues, nil
}

// MinOffset is the offset of the oldest message of a queue.
func (c *Cluster) MinOffset(ctx context.Context, q Readable) (int64, error) {
	answer, err := c.ask(ctx, q.Addr, wire.CodeGetMinOffset, &wire.GetMinOffsetRequest{Topic: q.Queue.Topic, QueueID: q.Queue.QueueID}, nil, nil)
	if err != nil {
		return 0, err
	}
	var h wire.GetMinOffsetResponse
	err = h.Decode(answer.Ext)
	return h.Offset, err
}

// MaxOffset is the offset behind the newest message of a queue.
func (c *Cluster) MaxOffset(ctx context.Context, q Readable) (int64, error) {
	answer, err := c.ask(ctx, q.Addr, wire.CodeGetMaxOffset, &wire.GetMaxOffsetRequest{Topic: q.Queue.Topic, QueueID: q.Queue.QueueID}, nil, nil)
	if err != nil {
		return 0, err
	}
	var h wire.GetMaxOffsetResponse
	err = h.Decode(answer.Ext)
	return h.Offset, err
}

// OffsetAt is the offset of the first message of a queue that was stored at t or later.
func (c *Cluster) OffsetAt(ctx context.Context, q Readable, t time.Time) (int64, error) {
	h := &wire.SearchOffsetByTimestampRequest{Topic: q.Queue.Topic, QueueID: q.Queue.QueueID, Timestamp: t.UnixMilli()}
	answer, err := c.ask(ctx, q.Addr, wire.CodeSearchOffsetByTimestamp, h, nil, nil)
	if err != nil {
		return 0, err
	}
	var res wire.SearchOffsetByTimestampResponse
	err = res.Decode(answer.Ext)
	return res.Offset, err
}

// Pulled is the answer to a pull. Without messages Next may still move: over messages that
// are gone, or back into the range that the queue has.
type Pulled struct {
	Messages []message.Record // bodies are unpacked
	Next     int64            // where to go on
	End      bool             // there is nothing at Next yet
}

// Pull reads up to most messages of a queue from an offset on.
func (c *Cluster) Pull(ctx context.Context, q Readable, group string, offset int64, most int32) (*Pulled, error) {
	h := &wire.PullMessageRequest{
		ConsumerGroup:  []byte(group),
		Topic:          []byte(q.Queue.Topic),
		QueueID:        q.Queue.QueueID,
		QueueOffset:    offset,
		MaxMsgNums:     most,
		SysFlag:        pullSubscription,
		Subscription:   []byte("*"),
		ExpressionType: []byte("TAG"),
	}
	answer, err := c.exchange(ctx, q.Addr, wire.CodePullMessage, h, nil)
	if err != nil {
		return nil, err
	}
	var res wire.PullMessageResponse
	switch status := wire.Status(answer.Code); status {
	case wire.StatusSuccess, wire.StatusPullNotFound, wire.StatusPullRetryImmediately, wire.StatusPullOffsetMoved:
		if err := res.Decode(answer.Ext); err != nil {
			return nil, fmt.Errorf("%s: %w", q.Addr, err)
		}
		p := &Pulled{Next: res.NextBeginOffset, End: status == wire.StatusPullNotFound}
		if status == wire.StatusSuccess {
			p.Messages, err = decodeRecords(answer.Body)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Addr, err)
		}
		return p, nil
	}
	return nil, fmt.Errorf("%s: %w", q.Addr, client.Failure(answer))
}

// decodeRecords reads the records of a pull's answer, which they alias, and unpacks their bodies.
func decodeRecords(b []byte) ([]message.Record, error) {
	var records []message.Record
	for len(b) > 0 {
		var r message.Record
		if err := message.Decode(b, &r); err != nil {
			return nil, err
		}
		if err := message.CheckBody(b, &r); err != nil {
			return nil, err
		}
		b = b[r.Size():]
		if r.SysFlag&message.FlagCompressed != 0 {
			body, err := unpack(r.Body)
			if err != nil {
				return nil, fmt.Errorf("message at queue offset %d: body: %w", r.QueueOffset, err)
			}
			r.Body = body
		}
		records = append(records, r)
	}
	return records, nil
}

func unpack(body []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxBodyBytes+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxBodyBytes {
		return nil, fmt.Errorf("more than %d bytes when unpacked", maxBodyBytes)
	}
	return plain, nil
}

// MessageID is the id that the sender gave a message, else the one the broker did.
func MessageID(r *message.Record) string {
	if id := r.Properties.Get(message.PropertyUniqKey); id != nil {
		return string(id)
	}
	return string(message.AppendID(nil, r.StoreHost, r.LogOffset))
}
