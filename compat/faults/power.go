package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// powerCutSync: three times the power goes under load; nothing acknowledged is lost.
func powerCutSync(ctx context.Context, s *site) (string, error) {
	rng := rand.New(rand.NewPCG(s.seed, 2))
	b, err := s.first(ctx)
	if err != nil {
		return "", err
	}
	acked, found := 0, 0
	for range 3 {
		n, err := s.cutUnderLoad(ctx, b, 100*time.Millisecond+time.Duration(rng.Int64N(int64(400*time.Millisecond))))
		if err != nil {
			return "", err
		}
		acked += n
		if b, err = s.start(ctx); err != nil {
			return "", err
		}
		if found, err = s.verify(ctx, b); err != nil {
			b.Kill()
			return "", err
		}
	}
	b.Kill()
	return fmt.Sprintf("3 cuts, %d acknowledged, %d found", acked, found), nil
}

// cutUnderLoad cuts the power after a while and brings the disk back.
func (s *site) cutUnderLoad(ctx context.Context, b *target.Server, after time.Duration) (acked int, err error) {
	defer b.Kill()
	l, stop, err := s.loaded(ctx, b, after)
	if err != nil {
		return 0, err
	}
	// A sync that is under way at this moment may succeed although the file system is gone: ext4 looks for that when a sync
	// begins only. No disk that loses its power says so.
	l.Doubt(true)
	if err := s.disk.powerCut(); err != nil {
		_, errStop := stop()
		return 0, errors.Join(err, errStop)
	}
	time.Sleep(300 * time.Millisecond)
	l.Doubt(false)
	// A promise that the broker makes now, on a disk that is gone, would be found out.
	time.Sleep(100 * time.Millisecond)
	if acked, err = stop(); err != nil {
		return acked, err
	}
	b.Kill()
	if err := s.disk.unmount(); err != nil {
		return acked, err
	}
	return acked, s.disk.mountAgain()
}

// powerCutAsync: what was acknowledged a second ago is there; of the rest an end may be lost, and nothing
// stands in another's place.
func powerCutAsync(ctx context.Context, s *site) (string, error) {
	b, err := s.first(ctx)
	if err != nil {
		return "", err
	}
	flushed, err := s.loadFor(ctx, b, 200*time.Millisecond)
	if err != nil {
		b.Kill()
		return "", err
	}
	time.Sleep(1500 * time.Millisecond) // the flusher's interval is 200 ms
	safe := s.ledger.End()
	acked, err := s.cutUnderLoad(ctx, b, 300*time.Millisecond)
	if err != nil {
		return "", err
	}
	if b, err = s.start(ctx); err != nil {
		return "", err
	}
	defer b.Kill()
	left := promise.Left{FirstLost: 1 << 62, LastFound: -1}
	err = s.with(ctx, b, func(c *raw.Conn) error {
		return eachQueue(func(q promise.Queue) error {
			one, err := s.ledger.VerifyLeft(ctx, c, q, safe)
			left.Found += one.Found
			left.Lost += one.Lost
			left.FirstLost, left.LastFound = min(left.FirstLost, one.FirstLost), max(left.LastFound, one.LastFound)
			return err
		})
	})
	if err == nil {
		_, err = s.loadFor(ctx, b, 50*time.Millisecond)
	}
	return fmt.Sprintf("%d flushed and %d more acknowledged: %v", flushed, acked, left), err
}
