package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
)

// TestPace: when the device has what was stored, and that another pace counts while the store is used.
func TestPace(t *testing.T) {
	const never = 1000 * time.Hour
	for _, c := range []struct {
		name  string
		pace  Pace
		bytes int
		after time.Duration // from when on the device has them; never: it does not
	}{
		{"by time", Pace{FlushInterval: time.Second, FlushThoroughInterval: never}, 20_000, time.Second},
		{"too little", Pace{FlushInterval: time.Second, FlushThoroughInterval: never}, 10_000, never},
		{"fewer pages", Pace{FlushInterval: time.Second, FlushLeastPages: 2, FlushThoroughInterval: never}, 10_000, time.Second},
		{"anything", Pace{FlushInterval: time.Second, FlushLeastPages: -1, FlushThoroughInterval: never}, 1, time.Second},
		{"little, after a long while", Pace{FlushInterval: time.Second, FlushThoroughInterval: time.Minute}, 1, time.Second},
		{"early", Pace{FlushInterval: never, FlushEarly: true}, 20_000, 0},
		{"too little for early", Pace{FlushInterval: never, FlushEarly: true}, 10_000, never},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.pace.CheckpointInterval = never // a checkpoint syncs the log, too
				s, err := Open(Options{FS: mapfile.NewMem(), CommitLogFileSize: 64 << 10, NoIndex: true, Pace: Pace{FlushInterval: time.Minute, CheckpointInterval: never}, Clock: clock.Real{}})
				require.NoError(t, err)
				s.SetPace(c.pace)
				time.Sleep(time.Minute) // what the flusher waited for
				synctest.Wait()
				send(t, s, "A", "x "+strings.Repeat("x", c.bytes))
				synctest.Wait()
				if c.after > 0 {
					require.Less(t, s.log.Durable(), s.Visible())
					time.Sleep(min(c.after, time.Hour) - time.Millisecond)
					synctest.Wait()
					require.Less(t, s.log.Durable(), s.Visible())
				}
				if c.after < never {
					time.Sleep(2 * time.Millisecond)
					synctest.Wait()
					require.Equal(t, s.Visible(), s.log.Durable())
				}
				require.NoError(t, s.Close())
			})
		})
	}
}
