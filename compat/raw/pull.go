package raw

import (
	"context"
	"fmt"
	"strconv"
)

// Pulled is the answer to one pull.
type Pulled struct {
	Code           int
	Remark         string
	Next, Min, Max int64
	Records        []Record
}

// Pull asks once, without waiting for messages, with the subscription in the request.
func (c *Conn) Pull(ctx context.Context, group, topic string, queue int32, offset int64, limit int) (Pulled, error) {
	const subscriptionInRequest = "4"
	r, err := c.Call(ctx, CodePull, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)), "queueOffset": strconv.FormatInt(offset, 10),
		"maxMsgNums": strconv.Itoa(limit), "sysFlag": subscriptionInRequest, "commitOffset": "0", "suspendTimeoutMillis": "0",
		"subscription": "*", "subVersion": "0", "expressionType": "TAG",
	}, nil)
	if err != nil {
		return Pulled{}, err
	}
	p := Pulled{Code: r.Code, Remark: r.Remark}
	for name, into := range map[string]*int64{"nextBeginOffset": &p.Next, "minOffset": &p.Min, "maxOffset": &p.Max} {
		if text, ok := r.Ext[name]; ok {
			if *into, err = strconv.ParseInt(text, 10, 64); err != nil {
				return p, fmt.Errorf("%s of a pull answer: %w", name, err)
			}
		}
	}
	if p.Code == Success {
		p.Records, err = Records(r.Body)
	}
	return p, err
}

// View returns the record at an offset of the commit log.
func (c *Conn) View(ctx context.Context, offset int64) (Record, error) {
	r, err := c.Want(ctx, CodeViewMessage, map[string]string{"offset": strconv.FormatInt(offset, 10)}, nil)
	if err != nil {
		return Record{}, err
	}
	records, err := Records(r.Body)
	if err != nil {
		return Record{}, err
	}
	if len(records) != 1 {
		return Record{}, fmt.Errorf("view at %d returned %d records", offset, len(records))
	}
	return records[0], nil
}

// QueryKey returns the messages of a topic that carry a key, as the index finds them.
func (c *Conn) QueryKey(ctx context.Context, topic, key string, limit int) ([]Record, error) {
	r, err := c.Call(ctx, CodeQueryMessage, map[string]string{
		"topic": topic, "key": key, "maxNum": strconv.Itoa(limit), "beginTimestamp": "0",
		"endTimestamp": strconv.FormatInt(1<<62, 10),
	}, nil)
	switch {
	case err != nil:
		return nil, err
	case r.Code == QueryNotFound:
		return nil, nil
	case r.Code != Success:
		return nil, &CodeError{CodeQueryMessage, r.Code, r.Remark}
	}
	return Records(r.Body)
}
