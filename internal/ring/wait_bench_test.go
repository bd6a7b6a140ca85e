package ring

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkWait is a loop that waits 200 µs at a time, as one that serves 5,000 requests a second does. What a wait costs is the
// processor time of all threads, Go's own included; see Ring.yield.
//
//	go test -run '^$' -bench Wait -benchtime 1s ./internal/ring
func BenchmarkWait(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := Setup(8, 8)
	require.NoError(b, err)
	defer r.Close()
	before := processorTime(b)
	for b.Loop() {
		_, err = r.SubmitAndWait(1, 200*time.Microsecond)
		require.NoError(b, err)
	}
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	require.NoError(b, unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts))
	return time.Duration(ts.Nano())
}
