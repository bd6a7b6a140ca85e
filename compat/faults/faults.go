// Package faults lets the disk below a broker fail, on the real kernel, and checks what it promised.
//
// Core idea: each fault has a small ext4 file system of its own on a loop device, which can lose its power, fill
// up, fail or be slow while a broker runs on it under load. Everything acknowledged goes into a ledger (package
// promise), and the broker that starts on what is left is asked for it.
//
//	power cut     EXT4_IOC_SHUTDOWN under load, mounted again
//	full disk     the file system is filled, and gets room again
//	failing sync  the image lies on a tmpfs without room: writes fail when they reach the device
//	slow disk     a cgroup lets few bytes a second through
//
// It needs root, and says so where it is skipped.
package faults

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/raw"
	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

// fault is one line of the report.
type fault struct {
	name string
	// size of the disk, and of the memory behind it, 0 for enough.
	size, room int64
	options    target.Options
	run        func(context.Context, *site) (string, error)
}

// faults are all of them.
var faults = append(powerCuts("mmap-msync", "mmap-fsync", "write-fsync", "write-dsync", "direct"), []fault{
	{"power cut, ASYNC_FLUSH", 400 << 20, 0, target.Options{
		"flushDiskType": "ASYNC_FLUSH", "flushIntervalCommitLog": "200", "flushCommitLogLeastPages": "0",
	}, powerCutAsync},
	{"full disk", 96 << 20, 0, target.Options{
		"flushDiskType": "ASYNC_FLUSH", "cleanFileForciblyEnable": "false", "cleanResourceInterval": "300",
	}, fullDisk},
	{"failing sync, SYNC_FLUSH", 200 << 20, 48 << 20, target.Options{"flushDiskType": "SYNC_FLUSH", "cleanFileForciblyEnable": "false"}, failingSync},
	{"slow disk, SYNC_FLUSH", 200 << 20, 0, target.Options{"flushDiskType": "SYNC_FLUSH", "syncFlushTimeout": "700"}, slowDisk},
}...)

// powerCuts are power cuts with each way to write.
func powerCuts(modes ...string) []fault {
	var all []fault
	for _, mode := range modes {
		o := target.Options{"flushDiskType": "SYNC_FLUSH", "flushMode": mode}
		all = append(all, fault{"power cut, SYNC_FLUSH, " + mode, 400 << 20, 0, o, powerCutSync})
	}
	return all
}

// Run lets all faults happen, side by side: most of the time is waiting.
func Run(ctx context.Context, name string, servers *target.Target, board *verdict.Board, seed uint64) error {
	if why := unable(servers.Dir); why != nil {
		board.Skip(name, why.Error())
		return nil
	}
	var wg sync.WaitGroup
	for i, f := range faults {
		port, err := servers.Ports.Take()
		if err != nil {
			return err
		}
		wg.Go(func() {
			s := &site{Target: servers, fault: f, port: port, seed: seed + uint64(i), ledger: promise.NewLedger()}
			note, err := s.play(ctx, filepath.Join(servers.Dir, fmt.Sprintf("disk-%d", i)))
			var skipped skip
			if errors.As(err, &skipped) {
				board.Skip(name+": "+f.name, skipped.Error())
				return
			}
			board.Result(name+": "+f.name+" ("+note+")", err)
		})
	}
	wg.Wait()
	return nil
}

// skip is why a fault cannot be made here.
type skip struct{ error }

// site is where one fault happens.
type site struct {
	*target.Target
	fault  fault
	port   int
	seed   uint64
	disk   *disk
	ledger *promise.Ledger
	round  int
}

func (s *site) play(ctx context.Context, dir string) (note string, err error) {
	if s.disk, err = newDisk(dir, s.fault.size, s.fault.room); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.disk.close()) }()
	return s.fault.run(ctx, s)
}

// topics are those of the load; the first is the store's oldest.
var topics = []string{"faults_a", "faults_b"}

func (s *site) start(ctx context.Context) (*target.Server, error) {
	return s.Broker(ctx, s.disk.store(), "", s.port, s.fault.options.With(target.Options{
		"mappedFileSizeCommitLog": fmt.Sprint(4 << 20), "mappedFileSizeConsumeQueue": fmt.Sprint(20 * 5000),
		"maxHashSlotNum": "2000", "maxIndexNum": "8000",
	}))
}

// first starts the broker on the empty disk and makes the topics.
func (s *site) first(ctx context.Context) (*target.Server, error) {
	b, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	err = s.with(ctx, b, func(c *raw.Conn) error {
		for _, topic := range topics {
			if err := c.CreateTopic(ctx, topic, promise.QueuesPerTopic); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Kill()
		return nil, err
	}
	return b, nil
}

func (s *site) with(ctx context.Context, b *target.Server, fn func(*raw.Conn) error) error {
	c, err := raw.Dial(ctx, b.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}

// load sends until stop is called, which books what was acknowledged.
func (s *site) load(ctx context.Context, b *target.Server) (l *promise.Load, stop func() (int, error)) {
	ctx, cancel := context.WithCancel(ctx)
	s.round++
	l = promise.Start(ctx, b.Addr, s.round, topics, s.seed)
	return l, func() (int, error) {
		cancel()
		receipts, _, err := l.Wait()
		for _, r := range receipts {
			if err == nil {
				err = s.ledger.Promise(r)
			}
		}
		return len(receipts), err
	}
}

// loadFor sends for a while.
func (s *site) loadFor(ctx context.Context, b *target.Server, d time.Duration) (int, error) {
	_, stop, err := s.loaded(ctx, b, d)
	if err != nil {
		return 0, err
	}
	return stop()
}

// loaded has the broker under load for a while since its first answer; the load goes on until stop.
func (s *site) loaded(ctx context.Context, b *target.Server, d time.Duration) (l *promise.Load, stop func() (int, error), err error) {
	l, stop = s.load(ctx, b)
	select {
	case <-l.First:
	case <-time.After(20 * time.Second):
		_, err := stop()
		return nil, nil, errors.Join(fmt.Errorf("nothing acknowledged in 20 s; the last refusal: %v", l.LastRefusal()), err)
	}
	time.Sleep(d)
	return l, stop, nil
}

// until polls for something that takes a while.
func until(limit time.Duration, what string, ok func() bool) error {
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %v", what, limit)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// verify asks for everything promised.
func (s *site) verify(ctx context.Context, b *target.Server) (found int, err error) {
	err = s.with(ctx, b, func(c *raw.Conn) error {
		return eachQueue(func(q promise.Queue) error {
			n, err := s.ledger.Verify(ctx, c, q)
			found += n
			return err
		})
	})
	return found, err
}

func eachQueue(fn func(promise.Queue) error) error {
	for _, topic := range topics {
		for id := range int32(promise.QueuesPerTopic) {
			if err := fn(promise.Queue{Topic: topic, ID: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

// restart kills the broker, if it runs, and verifies what the next one has.
func (s *site) restart(ctx context.Context, old *target.Server) (found int, err error) {
	old.Kill()
	b, err := s.start(ctx)
	if err != nil {
		return 0, err
	}
	defer b.Kill()
	if found, err = s.verify(ctx, b); err != nil {
		return found, err
	}
	_, err = s.loadFor(ctx, b, 50*time.Millisecond)
	return found, err
}

func (s *site) maxOffset(ctx context.Context, b *target.Server, q promise.Queue) (end int64, err error) {
	err = s.with(ctx, b, func(c *raw.Conn) error {
		end, err = c.Offset(ctx, raw.CodeMaxOffset, q.Topic, q.ID)
		return err
	})
	return end, err
}
