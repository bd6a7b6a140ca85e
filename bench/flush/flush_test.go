package flush

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every mode with both flush types, on both ways to the disk, leaves figures and an empty folder behind.
func TestEveryMode(t *testing.T) {
	for _, io := range []string{"ring", "calls"} {
		t.Run(io, func(t *testing.T) {
			if err := ring.Probe(); err != nil && io == "ring" {
				t.Skip(err)
			}
			o := Options{Dir: t.TempDir(), Modes: commitlog.Modes, Types: []engine.FlushType{engine.SyncFlush, engine.AsyncFlush},
				Sizes: []int{100}, Waiters: []int{1, 33}, Each: 8 * time.Millisecond, IO: io, NoIndex: true, Room: leastRoom}
			told := 0
			o.Progress = func(done, all int, what string) {
				require.Equal(t, told, done)
				require.Equal(t, 20, all)
				told++
			}
			rep, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, 20, told)
			require.Len(t, rep.Results, 20)
			for _, r := range rep.Results {
				if r.Mode == "direct" && r.Refused != "" {
					t.Log(r.Refused) // a file system without O_DIRECT
					continue
				}
				require.Empty(t, r.Refused, "%+v", r)
				require.Positive(t, r.PerSecond, "%+v", r)
				require.Positive(t, r.Bare, "%+v", r)
				require.LessOrEqual(t, r.P50, r.P999)
			}
			left, err := os.ReadDir(o.Dir)
			require.NoError(t, err)
			require.Empty(t, left)
			var table strings.Builder
			require.NoError(t, rep.WriteTable(&table))
			require.Equal(t, 1+20+2, strings.Count(table.String(), "\n"))
			require.Len(t, rep.Chart().Groups, 4)
		})
	}
}

func TestAdvice(t *testing.T) {
	results := []Result{
		{Mode: "direct", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 1, PerSecond: 4000},
		{Mode: "write-dsync", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 1, PerSecond: 2000},
		{Mode: "direct", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 256, PerSecond: 400_000},
		{Mode: "write-dsync", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 256, PerSecond: 500_000},
		{Mode: "mmap-msync", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 1, PerSecond: 9000},
		{Mode: "mmap-msync", Type: "SYNC_FLUSH", Bytes: 1, Waiters: 256, Refused: "no"},
	}
	lines := advice(results)
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "flushMode=direct with flushDiskType=SYNC_FLUSH")
	require.Empty(t, advice(nil))
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Dir: t.TempDir(), Modes: commitlog.Modes[:1], Types: []engine.FlushType{engine.SyncFlush}, Sizes: []int{1}, Waiters: []int{1}, Each: 1, IO: "auto"}
	require.NoError(t, good.check())
	for want, change := range map[string]func(*Options){
		"want modes": func(o *Options) { o.Modes = nil }, "sizes go": func(o *Options) { o.Sizes = []int{0} }, "waiters": func(o *Options) { o.Waiters = []int{1 << 30} },
		"io is": func(o *Options) { o.IO = "fast" },
	} {
		bad := good
		change(&bad)
		_, err := Run(t.Context(), bad)
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, good)
	require.ErrorIs(t, err, context.Canceled)

	good.Dir = "/proc/ringmq"
	_, err = Run(t.Context(), good)
	require.ErrorContains(t, err, "/proc/ringmq")
}
