package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/target"
)

// fullDisk: the store says that the disk is full, and which; what it has can be read; it takes messages again
// when there is room, by itself.
func fullDisk(ctx context.Context, s *site) (string, error) {
	b, err := s.first(ctx)
	if err != nil {
		return "", err
	}
	defer b.Kill()
	l, stop := s.load(ctx, b)
	ballast := filepath.Join(s.disk.mount, "ballast")
	if err := fill(ballast, s.disk.mount); err != nil {
		_, errStop := stop()
		return "", errors.Join(err, errStop)
	}
	err = until(15*time.Second, "a full disk is told of", func() bool { return l.LastRefusal() != nil })
	refusal := l.LastRefusal()
	acked, errStop := stop()
	if err := errors.Join(err, errStop); err != nil {
		return "", err
	}
	if !strings.Contains(refusal.Error(), s.disk.mount) {
		return "", fmt.Errorf("the answer does not name the disk %s: %w", s.disk.mount, refusal)
	}
	if _, err := s.verify(ctx, b); err != nil {
		return "", fmt.Errorf("while the disk is full: %w", err)
	}
	if err := os.Remove(ballast); err != nil {
		return "", err
	}
	err = until(10*time.Second, "the store takes messages again", func() bool {
		n, errLoad := s.loadFor(ctx, b, 50*time.Millisecond)
		err = errLoad
		return n > 0 || err != nil
	})
	if err != nil {
		return "", err
	}
	found, err := s.restart(ctx, b)
	return fmt.Sprintf("%d acknowledged, %d found; %q", acked, found, short(refusal)), err
}

// fill takes what is free of a disk.
func fill(name, mount string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var st syscall.Statfs_t
	if err := syscall.Statfs(mount, &st); err != nil {
		return err
	}
	const left = 6 << 20 // a file or two
	size := int64(st.Bavail)*st.Bsize - left
	return syscall.Fallocate(int(f.Fd()), 0, 0, size)
}

// failingSync: writes fail when they reach the device. From the first failure on nothing is acknowledged, the
// answers say why, and what was acknowledged before is there when the disk works again.
func failingSync(ctx context.Context, s *site) (string, error) {
	b, err := s.first(ctx)
	if err != nil {
		return "", err
	}
	defer b.Kill()
	l, stop := s.load(ctx, b)
	err = until(30*time.Second, "a failing disk is told of", func() bool { return l.LastRefusal() != nil || !b.Alive() })
	if !b.Alive() {
		_, errStop := stop()
		return "", errors.Join(fmt.Errorf("the broker ended by itself: %s", b.Tail()), errStop)
	}
	time.Sleep(200 * time.Millisecond) // would a later sync "succeed"?
	refusal := l.LastRefusal()
	acked, errStop := stop()
	if err := errors.Join(err, errStop); err != nil {
		return "", err
	}
	if !strings.Contains(refusal.Error(), "read-only") {
		return "", fmt.Errorf("the answer does not say that the store is read-only: %w", refusal)
	}
	b.Kill()
	if err := s.disk.unmount(); err != nil {
		return "", err
	}
	if err := command("mount", "-o", "remount,size=400m", s.disk.dir); err != nil {
		return "", err
	}
	if _, err := output("e2fsck", "-fy", s.disk.device); err != nil && !strings.Contains(err.Error(), "exit status 1") {
		return "", err
	}
	if err := s.disk.mountAgain(); err != nil {
		return "", err
	}
	if b, err = s.start(ctx); err != nil {
		return "", err
	}
	found, err := s.restart(ctx, b)
	return fmt.Sprintf("%d acknowledged, %d found; %q", acked, found, short(refusal)), err
}

// slowDisk: requests are answered in the time that syncFlushTimeout allows, and all is well when the disk is.
func slowDisk(ctx context.Context, s *site) (string, error) {
	b, err := s.first(ctx)
	if err != nil {
		return "", err
	}
	defer b.Kill()
	slow, err := newThrottle(s.disk.device, b.PID())
	if err != nil {
		return "", skip{err}
	}
	defer func() { b.Kill(); err = errors.Join(err, slow.close()) }()
	if err := slow.set(64 << 10); err != nil {
		return "", skip{err}
	}
	l, stop := s.load(ctx, b)
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	if err := until(8*time.Second, "sends over time are answered", func() bool { return l.LastRefusal() != nil }); err != nil {
		_, errStop := stop()
		return "", errors.Join(err, errStop)
	}
	waited := time.Since(began)
	longest, err := s.longestLook(ctx, b)
	if err == nil {
		err = slow.set(0)
	}
	acked, errStop := stop()
	if err := errors.Join(err, errStop); err != nil {
		return "", err
	}
	if limit := 3 * time.Second; waited > limit || longest > limit {
		return "", fmt.Errorf("a send was answered after %v and a look-up after %v, want at most %v", waited, longest, limit)
	}
	n, err := s.loadFor(ctx, b, 100*time.Millisecond)
	if err != nil {
		return "", err
	}
	found, err := s.restart(ctx, b)
	return fmt.Sprintf("%d acknowledged while slow, %d after, %d found, a look-up took %v; %q", acked, n, found, longest.Round(time.Millisecond), short(l.LastRefusal())), err
}

// longestLook is how long the slowest of some look-ups takes.
func (s *site) longestLook(ctx context.Context, b *target.Server) (longest time.Duration, err error) {
	for range 5 {
		began := time.Now()
		if _, err := s.maxOffset(ctx, b, promise.Queue{Topic: topics[0]}); err != nil {
			return 0, err
		}
		longest = max(longest, time.Since(began))
	}
	return longest, nil
}

func short(err error) string {
	text := err.Error()
	return text[:min(len(text), 160)]
}
