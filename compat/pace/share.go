package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"ringmq/compat/raw"
)

// member is a consumer of the group, as far as sharing goes: told that the group has changed, it asks who is in it, one question
// at a time. What it would consume follows from the list alone.
type member struct {
	f    *flow
	sees atomic.Int64 // members of the last list
}

// share measures how long a group takes until each of its members knows all, in ms: from nobody to all at once, which is
// returned, and when one of them goes.
func (l *lab) share(ctx context.Context) (ms float64, err error) {
	err = l.with(ctx, func(addr string) error {
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		if err := errors.Join(c.CreateTopic(ctx, paceTopic, l.members), c.Close()); err != nil {
			return err
		}
		group := make([]*member, l.members)
		for i := range group {
			f, err := dialFlow(ctx, addr)
			if err != nil {
				return err
			}
			defer f.nc.Close()
			group[i] = &member{f: f}
		}
		begin := time.Now()
		failed := make(chan error, l.members)
		for i, m := range group {
			go func() { failed <- m.run(i) }()
		}
		if err := stable(ctx, group, failed); err != nil {
			return err
		}
		ms = float64(time.Since(begin).Microseconds()) / 1000
		begin = time.Now()
		if err := group[0].f.nc.Close(); err != nil {
			return err
		}
		<-failed // of the one that goes
		if err := stable(ctx, group[1:], failed); err != nil {
			return err
		}
		fmt.Printf("%-14s when one goes: %d ms\n", "", time.Since(begin).Milliseconds())
		return nil
	})
	return ms, err
}

// stable waits until all members of a group see just each other.
func stable(ctx context.Context, group []*member, failed <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 150*time.Second)
	defer cancel()
	for i := 0; i < len(group); {
		if group[i].sees.Load() == int64(len(group)) {
			i++
			continue
		}
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("member %d sees %d of %d: %w", i, group[i].sees.Load(), len(group), ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (m *member) run(number int) error {
	beat := fmt.Appendf(nil, `{"clientID":"client-%04d","producerDataSet":[],"consumerDataSet":[{"groupName":"CG_share","consumeType":"CONSUME_PASSIVELY",`+
		`"messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","unitMode":false,"subscriptionDataSet":[{"topic":"%s",`+
		`"subString":"*","subVersion":1,"expressionType":"TAG","classFilterMode":false,"tagsSet":[],"codeSet":[]}]}]}`, number, paceTopic)
	m.f.request(raw.CodeHeartbeat, false, []byte("{}"), beat)
	asking, changed := false, true
	for {
		if changed && !asking {
			m.f.request(raw.CodeConsumerList, false, []byte(`{"consumerGroup":"CG_share"}`), nil)
			asking, changed = true, false
		}
		if len(m.f.out) > 0 {
			if err := m.f.flush(); err != nil {
				return err
			}
		}
		header, body, err := m.f.answer()
		switch {
		case err != nil:
			return err
		case bytes.Contains(header, []byte(`"code":40,`)): // NOTIFY_CONSUMER_IDS_CHANGED
			changed = true
		case len(body) > 0:
			asking = false
			m.sees.Store(int64(bytes.Count(body, []byte(`"client-`))))
		case bytes.Contains(header, []byte(`"code":1,`)): // nobody yet
			asking, changed = false, true
		}
	}
}
