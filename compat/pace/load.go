package main

import (
	"context"
	"encoding/binary"
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
			done <- parallel(ctx, commitFlows, func(ctx context.Context, worker int) error { return commits(ctx, addr, worker, end) })
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

// The load of transactions: connections, and how many half messages wait for their answers on each.
const (
	commitFlows = 4
	commitDepth = 32
)

// commits sends half messages and commits each as soon as it is answered, until a time.
func commits(ctx context.Context, addr string, worker int, end time.Time) error {
	f, err := dialFlow(ctx, addr)
	if err != nil {
		return err
	}
	defer f.nc.Close()
	body := make([]byte, 128)
	var ext []byte
	next := 0
	send := func() {
		ext = fmt.Appendf(ext[:0], `{"producerGroup":"PG_pace","topic":"%s","defaultTopic":"TBW102","defaultTopicQueueNums":"4","queueId":"%d",`+
			`"sysFlag":"4","bornTimestamp":"%d","flag":"0","reconsumeTimes":"0","unitMode":"false","batch":"false",`+
			`"properties":"UNIQ_KEY\u0001%016d%016d\u0002TRAN_MSG\u0001true\u0002PGROUP\u0001PG_pace"}`,
			paceTopic, next%paceQueues, time.Now().UnixMilli(), worker, next)
		f.request(raw.CodeSend, false, ext, body)
		next++
	}
	for range commitDepth {
		send()
	}
	for waiting := commitDepth; waiting > 0; {
		if f.in.Buffered() == 0 {
			if err := f.flush(); err != nil {
				return err
			}
		}
		header, _, err := f.answer()
		if err != nil {
			return err
		}
		waiting--
		offset, err := number(header, "queueOffset")
		if err != nil {
			return err
		}
		id, err := field(header, "msgId")
		if err != nil {
			return err
		}
		at, err := strconv.ParseInt(id[16:], 16, 64)
		if err != nil {
			return err
		}
		ext = fmt.Appendf(ext[:0], `{"producerGroup":"PG_pace","tranStateTableOffset":"%d","commitLogOffset":"%d","commitOrRollback":"8",`+
			`"fromTransactionCheck":"false","msgId":"","transactionId":""}`, offset, at)
		f.request(raw.CodeEndTransaction, true, ext, nil)
		if time.Now().Before(end) {
			send()
			waiting++
		}
	}
	return f.flush()
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
		f, err := dialFlow(ctx, addr)
		if err != nil {
			return err
		}
		defer f.nc.Close()
		for range l.passes {
			begin := time.Now()
			got, err := scan(f, count)
			if err != nil {
				return err
			}
			if got != count/100 {
				return fmt.Errorf("%d messages match, want %d", got, count/100)
			}
			rate = max(rate, float64(count)/time.Since(begin).Seconds())
		}
		return nil
	})
	return rate, err
}

// scan pulls what an expression matches, to the end of the queue.
func scan(f *flow, count int64) (got int64, err error) {
	var ext []byte
	for next := int64(0); next < count; {
		ext = fmt.Appendf(ext[:0], `{"consumerGroup":"CG_pace","topic":"%s","queueId":"0","queueOffset":"%d","maxMsgNums":"32","sysFlag":"4",`+
			`"commitOffset":"0","suspendTimeoutMillis":"0","subVersion":"0","subscription":"a > 98 AND b = 'y'","expressionType":"SQL92"}`, paceTopic, next)
		f.request(raw.CodePull, false, ext, nil)
		if err := f.flush(); err != nil {
			return got, err
		}
		header, body, err := f.answer()
		if err != nil {
			return got, err
		}
		for len(body) > 4 {
			body = body[min(len(body), int(binary.BigEndian.Uint32(body))):]
			got++
		}
		to, err := number(header, "nextBeginOffset")
		if err != nil || to <= next {
			return got, fmt.Errorf("a pull at %d goes on at %d: %s", next, to, header)
		}
		next = to
	}
	return got, nil
}
