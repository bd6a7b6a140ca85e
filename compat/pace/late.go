package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"ringmq/compat/raw"
)

// late measures how late messages of a level of one second come while many others wait, and returns how many came in time:
// within 50 ms.
func (l *lab) late(ctx context.Context) (share float64, err error) {
	const count, every = 1000, 3 * time.Millisecond
	err = l.with(ctx, func(addr string) error {
		if err := l.createTopic(ctx, addr); err != nil {
			return err
		}
		var sent atomic.Int64
		err := side(ctx, addr, 4, 32, func(ctx context.Context, c *raw.Conn, worker int) error {
			for sent.Add(1) <= int64(l.messages) {
				if _, err := c.Send(ctx, paceTopic, 1, raw.Properties("DELAY", "2"), make([]byte, 128)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		next := time.NewTicker(every)
		defer next.Stop()
		for range count {
			if _, err := c.Send(ctx, paceTopic, 0, raw.Properties("DELAY", "1"), make([]byte, 128)); err != nil {
				return err
			}
			<-next.C
		}
		if err := c.AwaitMaxOffset(ctx, paceTopic, 0, count); err != nil {
			return err
		}
		var lates []int64
		_, _, err = c.ReadQueue(ctx, "CG_pace", paceTopic, 0, func(r raw.Record) error {
			lates = append(lates, r.Stored-r.Born-1000)
			return nil
		})
		if err != nil {
			return err
		}
		slices.Sort(lates)
		if lates[0] < 0 {
			return fmt.Errorf("a message came %d ms before its time", -lates[0])
		}
		inTime, _ := slices.BinarySearch(lates, 51)
		share = 100 * float64(inTime) / count
		fmt.Printf("%-14s late by %d ms (median), %d ms (99 %%), %d ms (most)\n", "", lates[count/2], lates[count*99/100], lates[count-1])
		return nil
	})
	return share, err
}
