// Package damage harms the files of a store that nobody runs, one file in one way at a time, and looks at the broker
// that is started on it.
//
// Core idea: a store is filled once, by a broker under load, and copied for each harm, closed and killed. What was acknowledged is in a
// ledger (package promise), so what the harmed store has lost can be counted:
//
//	file × harm ──► start ──┬─► serves: no more is lost than lay in what was harmed; takes messages; a second start
//	                        │           finds what the first one did
//	                        └─► refuses: in a line that names the file, with a status other than 0
//
// Neither may panic.
package damage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/raw"
	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

const (
	topic = "damage"
	group = "CG_damage"
	// consumed is the offset that the group has in each queue of the topic.
	consumed = 5
	// delayed are the messages that wait for delayLevel to pass, longer than the run lasts.
	delayed, delayLevel = 3, 14
)

// options make small files, so that a short load has several of each kind.
var options = target.Options{
	"mappedFileSizeCommitLog": fmt.Sprint(256 << 10), "mappedFileSizeConsumeQueue": fmt.Sprint(20 * 50),
	"enableConsumeQueueExt": "true", "maxHashSlotNum": "200", "maxIndexNum": "800",
	"flushDelayOffsetInterval": "1000", "flushConsumerOffsetInterval": "1000",
}

// Run tries every harm on every kind of file.
func Run(ctx context.Context, name string, servers *target.Target, board *verdict.Board, seed uint64) error {
	port, err := servers.Ports.Take()
	if err != nil {
		return err
	}
	s := &site{Target: servers, port: port, original: filepath.Join(servers.Dir, "original")}
	if err := s.fill(ctx, seed); err != nil {
		return err
	}
	s.tryAll(ctx, name+": closed", board)
	b, err := s.Broker(ctx, s.original, "", s.port, options)
	if err != nil {
		return err
	}
	b.Kill()
	s.tryAll(ctx, name+": killed", board)
	return ctx.Err()
}

func (s *site) tryAll(ctx context.Context, name string, board *verdict.Board) {
	for _, c := range cases() {
		if ctx.Err() != nil {
			return
		}
		note, err := s.try(ctx, c)
		board.Result(fmt.Sprintf("%s, %s, %s (%s)", name, c.file, c.harm.name, note), err)
	}
}

// site is where stores are harmed.
type site struct {
	*target.Target
	port     int
	original string // the store's folder
	receipts []promise.Receipt
}

// fill makes the store: load, messages that wait, offsets of a group, all of it closed in order.
func (s *site) fill(ctx context.Context, seed uint64) error {
	b, err := s.Broker(ctx, s.original, "", s.port, options)
	if err != nil {
		return err
	}
	defer b.Kill()
	c, err := raw.Dial(ctx, b.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.CreateTopic(ctx, topic, promise.QueuesPerTopic); err != nil {
		return err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	l := promise.Start(loading, b.Addr, 1, []string{topic}, seed)
	if err := until(20*time.Second, func() (bool, error) {
		n, err := c.Offset(ctx, raw.CodeMaxOffset, topic, 0)
		return n >= 250, err
	}); err != nil {
		return err
	}
	stop()
	if s.receipts, _, err = l.Wait(); err != nil {
		return err
	}
	for range delayed {
		if _, err := c.Send(ctx, topic, 0, raw.Properties("DELAY", fmt.Sprint(delayLevel)), []byte("later")); err != nil {
			return err
		}
	}
	for id := range int32(promise.QueuesPerTopic) {
		if err := c.CommitOffset(ctx, group, topic, id, consumed); err != nil {
			return err
		}
	}
	if err := c.Heartbeat(ctx, "damage", group, topic); err != nil {
		return err
	}
	return b.Stop()
}

// try harms a copy of the store and judges the broker on it.
func (s *site) try(ctx context.Context, c harmed) (note string, err error) {
	store := filepath.Join(s.Dir, "store")
	if err := os.RemoveAll(store); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", "--sparse=always", s.original, store).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cp: %w: %s", err, out)
	}
	if err := c.do(store); err != nil {
		return "", err
	}
	if c.refused != "" {
		return "refused", s.refused(store, c.refused)
	}
	lost, err := s.judge(ctx, store, c)
	if err != nil {
		return "", err
	}
	again, err := s.judge(ctx, store, c)
	if err == nil && again != lost {
		err = fmt.Errorf("%d messages were lost, now %d", lost, again)
	}
	if err != nil {
		return "", fmt.Errorf("the second start: %w", err)
	}
	if lost > c.loses {
		err = fmt.Errorf("lost %d messages, at most %d were harmed", lost, c.loses)
	}
	return fmt.Sprintf("%d lost", lost), err
}

// refused starts a broker that must not come up, and wants the reason in its last line.
func (s *site) refused(store, why string) error {
	output, err := s.Refused(store, s.port, options)
	if err != nil {
		return err
	}
	lines := strings.Split(output, "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, why) {
		return fmt.Errorf("the last line does not say %q: %s", why, last)
	}
	return calm(output)
}

// calm tells an output without panic.
func calm(output string) error {
	for _, word := range []string{"panic", "goroutine ", "fatal error"} {
		if strings.Contains(output, word) {
			return fmt.Errorf("output with %q: %s", word, output)
		}
	}
	return nil
}

// judge starts a broker, looks at everything it has, and ends it in order.
func (s *site) judge(ctx context.Context, store string, h harmed) (lost int, err error) {
	b, err := s.Broker(ctx, store, "", s.port, options)
	if err != nil {
		return 0, err
	}
	defer b.Kill()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; output: %s", err, b.Tail())
		}
	}()
	c, err := raw.Dial(ctx, b.Addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for id := range int32(promise.QueuesPerTopic) {
		n, err := s.count(ctx, c, id)
		if err != nil {
			return lost, err
		}
		lost += n
		at, err := c.CommittedOffset(ctx, group, topic, id)
		if err != nil {
			return lost, err
		}
		if at > consumed || at < consumed && !h.offsets {
			return lost, fmt.Errorf("the group's offset in queue %d is %d, it was %d", id, at, consumed)
		}
	}
	waiting, err := c.Offset(ctx, raw.CodeMaxOffset, "SCHEDULE_TOPIC_XXXX", delayLevel-1)
	if err == nil && waiting != delayed && h.loses == 0 {
		err = fmt.Errorf("%d messages wait, want %d", waiting, delayed)
	}
	if err != nil {
		return lost, err
	}
	if _, err := c.Send(ctx, "TBW102", 0, "", []byte("more")); err != nil {
		return lost, fmt.Errorf("takes no messages: %w", err)
	}
	c.Close()
	if err := b.Stop(); err != nil {
		return lost, err
	}
	if err := b.Wait(); err != nil {
		return lost, fmt.Errorf("ended with %w", err)
	}
	output, err := os.ReadFile(b.Log)
	if err != nil {
		return lost, err
	}
	return lost, calm(string(output))
}

// count tells how many acknowledged messages of a queue are not where they were. None may be where another was. A message
// is known by its body, which has a CRC: nothing protects properties from a flipped bit.
func (s *site) count(ctx context.Context, c *raw.Conn, id int32) (lost int, err error) {
	found := map[int64]raw.Record{}
	hi, err := c.Offset(ctx, raw.CodeMaxOffset, topic, id)
	if err != nil {
		return 0, err
	}
	limit, retries := 32, 0
	for next := int64(0); next < hi; {
		p, err := c.Pull(ctx, group, topic, id, next, limit)
		switch {
		case errors.Is(err, raw.ErrBody) && limit > 1:
			limit = 1 // which one is it?
			continue
		case errors.Is(err, raw.ErrBody):
			next++
			continue
		case err != nil:
			return 0, err
		case p.Next <= next && retries == 3: // a client tries for ever
			return 0, fmt.Errorf("queue %d: a pull at %d, below the maximum %d, leads to %d: code %d %q", id, next, hi, p.Next, p.Code, p.Remark)
		case p.Next <= next:
			retries++
			continue
		}
		for _, r := range p.Records {
			found[r.QueueOffset] = r
		}
		next, retries = p.Next, 0
	}
	for _, r := range s.receipts {
		if r.Queue.ID != id {
			continue
		}
		at, ok := found[r.Offset]
		if !ok {
			lost++
			continue
		}
		has, err := promise.ReadBody(at.Body)
		if err == nil && (at.Offset != r.Log || has != r.ID) {
			err = fmt.Errorf("message %x of commit log offset %d, but %x of %d was acknowledged", has, at.Offset, r.ID, r.Log)
		}
		if err != nil {
			return 0, fmt.Errorf("queue %d offset %d: %w", id, r.Offset, err)
		}
	}
	return lost, nil
}

// until polls for something that takes a while.
func until(limit time.Duration, ok func() (bool, error)) error {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		done, err := ok()
		if done || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v", limit)
		}
	}
}
