package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ringmq/compat/raw"
)

func (l *lab) transactions(ctx context.Context) (rate float64, err error) {
	err = l.with(ctx, func(addr string) error {
		if err := l.createTopic(ctx, addr); err != nil {
			return err
		}
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		end := time.Now().Add(time.Duration(l.seconds+2) * time.Second)
		done := make(chan error, 1)
		go func() {
			done <- side(ctx, addr, 4, 32, func(ctx context.Context, c *raw.Conn, worker int) error { return commits(ctx, c, worker, end) })
		}()
		select {
		case <-time.After(2 * time.Second): // the JVM is warm
		case <-ctx.Done():
		}
		begin := time.Now()
		before, err := ends(ctx, c)
		if err != nil {
			return err
		}
		if err := <-done; err != nil {
			return err
		}
		n, err := ends(ctx, c)
		rate = float64(n-before) / time.Since(begin).Seconds()
		return err
	})
	return rate, err
}

// commits sends half messages and commits each, until a time.
func commits(ctx context.Context, c *raw.Conn, worker int, end time.Time) error {
	body := make([]byte, 128)
	for i := 0; time.Now().Before(end); i++ {
		props := raw.Properties("UNIQ_KEY", fmt.Sprintf("%016d%016d", worker, i), "TRAN_MSG", "true", "PGROUP", "PG_pace")
		r, err := c.Send(ctx, paceTopic, int32(i%paceQueues), props, body)
		if err != nil {
			return err
		}
		at, err := strconv.ParseInt(r.IDs[0][16:], 16, 64)
		if err != nil {
			return err
		}
		err = c.Oneway(raw.CodeEndTransaction, map[string]string{
			"producerGroup": "PG_pace", "tranStateTableOffset": strconv.FormatInt(r.QueueOffset, 10), "commitLogOffset": strconv.FormatInt(at, 10),
			"commitOrRollback": "8", "fromTransactionCheck": "false", "msgId": "", "transactionId": "",
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) filter(ctx context.Context) (rate float64, err error) {
	count := int64(l.messages) * 10
	err = l.with(ctx, func(addr string) error {
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.CreateTopic(ctx, paceTopic, paceQueues); err != nil {
			return err
		}
		const perBatch = 100
		for n := int64(0); n < count; n += perBatch {
			batch := make([]raw.BatchMessage, perBatch)
			for i := range batch {
				batch[i] = raw.BatchMessage{
					Properties: raw.Properties("UNIQ_KEY", fmt.Sprintf("%032d", n+int64(i)), "a", strconv.Itoa(i), "b", []string{"x", "y"}[i%2], "TAGS", "TagA"),
					Body:       make([]byte, 128),
				}
			}
			if _, err := c.SendBatch(ctx, paceTopic, 0, batch); err != nil {
				return err
			}
		}
		if err := c.AwaitMaxOffset(ctx, paceTopic, 0, count); err != nil {
			return err
		}
		for range 2 { // the second time, the JVM is warm
			begin := time.Now()
			got, err := scan(ctx, c, count)
			if err != nil {
				return err
			}
			if got != int(count/100) {
				return fmt.Errorf("%d messages match, want %d", got, count/100)
			}
			rate = float64(count) / time.Since(begin).Seconds()
		}
		return nil
	})
	return rate, err
}

// scan pulls what an expression matches, to the end of the queue.
func scan(ctx context.Context, c *raw.Conn, count int64) (got int, err error) {
	for next := int64(0); next < count; {
		reply, err := c.Call(ctx, raw.CodePull, map[string]string{
			"consumerGroup": "CG_pace", "topic": paceTopic, "queueId": "0", "queueOffset": strconv.FormatInt(next, 10), "maxMsgNums": "32",
			"sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "0",
			"subscription": "a > 98 AND b = 'y'", "expressionType": "SQL92",
		}, nil)
		if err != nil {
			return got, err
		}
		records, err := raw.Records(reply.Body)
		if err != nil {
			return got, err
		}
		got += len(records)
		to, err := strconv.ParseInt(reply.Ext["nextBeginOffset"], 10, 64)
		if err != nil || to <= next {
			return got, fmt.Errorf("pull at %d answers %d %q and goes on at %q", next, reply.Code, reply.Remark, reply.Ext["nextBeginOffset"])
		}
		next = to
	}
	return got, nil
}
