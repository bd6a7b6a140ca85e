package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"ringmq/compat/raw"
)

var crowdAttacks = []attack{
	{name: "1,500 idle connections", run: both(idle)},
	{name: "100,000 requests on one connection whose answers are never read", run: both(deaf)},
	{name: "100 readers that never read what they pull", javaFails: "takes 2 GiB and then serves no one", run: lazyReaders},
	{name: "20,000 held pulls of one connection", run: heldPulls},
	{name: "3,000 connections that open and close", run: both(comeAndGo)},
}

func idle(ctx context.Context, s *suite, addr string) error {
	for range 1500 {
		c, err := socket(addr)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	return s.unharmed(ctx)
}

func comeAndGo(ctx context.Context, s *suite, addr string) error {
	var wg sync.WaitGroup
	errs := make([]error, 30)
	for i := range errs {
		wg.Go(func() {
			for n := range 100 {
				c, err := socket(addr)
				if err != nil {
					errs[i] = err
					return
				}
				if n%2 == 0 { // half of them in the middle of a frame, which ends in a reset
					if _, err := c.Write(question(nil)[:50]); err != nil {
						errs[i] = err
					}
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// flood writes the same bytes again and again, until the server has stopped reading for a second or closed.
func (s *suite) flood(addr string, data []byte, times int) (net.Conn, error) {
	c, err := socket(addr)
	if err != nil {
		return nil, err
	}
	for range times {
		if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			return c, err
		}
		n, err := c.Write(data)
		s.sent.add(n)
		if err != nil {
			return c, nil // it reads no more, or has closed: both are fair
		}
	}
	return c, nil
}

func deaf(ctx context.Context, s *suite, addr string) error {
	var requests []byte
	for range 100 {
		requests = append(requests, question(nil)...)
	}
	c, err := s.flood(addr, requests, 1000)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.unharmed(ctx)
}

// pullFrame is a pull of the big messages of lazyReaders.
func pullFrame(topic string, offset int64, hold bool, opaque int32) ([]byte, error) {
	flags := "4"
	if hold {
		flags = "6"
	}
	return raw.AppendFrame(nil, raw.Header{
		Code: raw.CodePull, Language: "JAVA", Opaque: opaque, Serialize: "JSON", Version: 409, Ext: map[string]string{
			"consumerGroup": "CG_hostile", "topic": topic, "queueId": "0", "queueOffset": strconv.FormatInt(offset, 10), "maxMsgNums": "32",
			"sysFlag": flags, "commitOffset": "0", "suspendTimeoutMillis": "15000", "subscription": "*", "subVersion": "0", "expressionType": "TAG",
		},
	}, nil)
}

// lazyReaders ask for 50 MB each and read none of it.
func lazyReaders(ctx context.Context, s *suite) error {
	const topic = "hostile_big"
	c := s.honest[s.broker]
	if err := c.CreateTopic(ctx, topic, 1); err != nil {
		return err
	}
	body := make([]byte, 250<<10)
	binary.BigEndian.PutUint64(body, 1)
	if _, err := c.Send(ctx, topic, 0, "", body); err != nil {
		return err
	}
	if err := c.AwaitMaxOffset(ctx, topic, 0, 1); err != nil {
		return err
	}
	pull, err := pullFrame(topic, 0, false, 1)
	if err != nil {
		return err
	}
	var pulls []byte
	for range 200 {
		pulls = append(pulls, pull...)
	}
	for range 100 {
		c, err := s.flood(s.broker.Addr, pulls, 1)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	return s.unharmed(ctx)
}

// heldPulls wait for messages on a connection that then goes away.
func heldPulls(ctx context.Context, s *suite) error {
	const topic = "hostile_held"
	if err := s.honest[s.broker].CreateTopic(ctx, topic, 1); err != nil {
		return err
	}
	var pulls []byte
	for i := range int32(20_000) {
		pull, err := pullFrame(topic, 0, true, i)
		if err != nil {
			return err
		}
		pulls = append(pulls, pull...)
	}
	c, err := s.flood(s.broker.Addr, pulls, 1)
	if err != nil {
		return err
	}
	if err := s.unharmed(ctx); err != nil {
		return errors.Join(fmt.Errorf("while they are held: %w", err), c.Close())
	}
	if err := c.Close(); err != nil {
		return err
	}
	// The message that all of them waited for.
	_, err = s.honest[s.broker].Send(ctx, topic, 0, "", []byte("x"))
	return err
}
