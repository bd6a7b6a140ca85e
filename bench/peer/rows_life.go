package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"ringmq/bench"
	"ringmq/bench/usage"
	"ringmq/internal/client"
	"ringmq/internal/wire"
)

func lifeRows() []row {
	return []row{
		{groupLife, "empty store", storing, emptyStore},
		{groupLife, "full store", storing, fullStore},
	}
}

// emptyStore is a start to the first stored message, the memory then, and a stop.
func emptyStore(ctx context.Context, l *lab, who contestant) (figures, error) {
	s, err := l.fresh(who, asyncFlush)
	if err != nil {
		return nil, err
	}
	defer s.end()
	start, err := l.startToMessage(ctx, s)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // what a start leaves to do is done
	u, err := usage.Read(s.Pid())
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	err = s.Stop()
	f := figures{"start": start, "idle rss": mib(u.RSSBytes), "idle anon": mib(u.AnonBytes), "stop": millis(time.Since(begin)), "threads": float64(u.Threads)}
	return f, errors.Join(err, os.RemoveAll(s.dir))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fullStore is a stop under a full store, a start after it, and one after a kill under load.
func fullStore(ctx context.Context, l *lab, who contestant) (figures, error) {
	s, err := l.fresh(who, asyncFlush)
	if err != nil {
		return nil, err
	}
	f := figures{}
	err = func() error {
		if err := l.start(ctx, s); err != nil {
			return err
		}
		if err := l.fill(ctx, s, "BenchFill", int(l.o.lifeGiB*(1<<20))); err != nil { // each is somewhat over 1 KiB
			return err
		}
		return l.restarts(ctx, s, f)
	}()
	s.end()
	return f, errors.Join(err, os.RemoveAll(s.dir))
}

// end kills what may still run.
func (s *server) end() {
	if s.Process != nil {
		s.Kill()
	}
}

// restarts measures a stop, and how long starts take: after a clean stop, and after a kill under load.
func (l *lab) restarts(ctx context.Context, s *server, f figures) error {
	begin := time.Now()
	if err := s.Stop(); err != nil {
		return err
	}
	f["stop"] = millis(time.Since(begin))
	settle()
	var err error
	if f["clean"], err = l.startToMessage(ctx, s); err != nil {
		return err
	}
	var rep bench.Report
	if err := l.bench(ctx, s, &rep, "send", "--warmup", "0s", "--duration", "2s"); err != nil {
		return err
	}
	s.Kill()
	settle()
	f["killed"], err = l.startToMessage(ctx, s)
	return err
}

// startToMessage is how many milliseconds pass from the launch of a broker to the first message that it has stored.
func (l *lab) startToMessage(ctx context.Context, s *server) (float64, error) {
	begin := time.Now()
	if err := l.launch(s); err != nil {
		return 0, err
	}
	for {
		if err := sendOne(ctx, s.addr); err == nil {
			return millis(time.Since(begin)), nil
		} else if time.Since(begin) > 2*time.Minute {
			return 0, fmt.Errorf("no message was stored in two minutes: %w; its output: %s", err, s.Tail())
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-s.Exited():
			return 0, errors.New("the broker ended: " + s.Tail())
		case <-time.After(time.Millisecond):
		}
	}
}

// sendOne stores a message on a connection of its own.
func sendOne(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	h := &wire.SendMessageRequest{ProducerGroup: []byte("ringmq_bench"), Topic: []byte("BenchmarkTest"), DefaultTopic: []byte("TBW102"),
		DefaultTopicQueueNums: 4, BornTimestamp: time.Now().UnixMilli(), Properties: []byte("UNIQ_KEY\x01" + strconv.Itoa(os.Getpid()))}
	answer, err := c.Call(ctx, wire.CodeSendMessageV2, h.V2(), []byte("first"))
	if err != nil {
		return err
	}
	return client.Failure(answer)
}
