package ring

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEventWakesTheOwner lets many goroutines fill an inbox while the owner sleeps whenever
// it is empty: every item is seen, or the test times out.
func TestEventWakesTheOwner(t *testing.T) {
	r := newRing(t, 8, 64)
	e, err := NewEvent()
	require.NoError(t, err)
	const producers, each = 8, 2000
	var mu sync.Mutex
	var inbox int
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for range each {
				mu.Lock()
				inbox++
				mu.Unlock()
				e.Wake()
				runtime.Gosched()
			}
		})
	}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		n := inbox
		inbox = 0
		return n
	}
	e.PrepareRead(r.sqe(t, 1))
	deadline := time.Now().Add(30 * time.Second)
	for total := 0; total < producers*each; total += take() {
		require.True(t, time.Now().Before(deadline), "a wake-up was lost")
		e.Sleep()
		mu.Lock()
		empty := inbox == 0
		mu.Unlock()
		if empty && total < producers*each {
			_, err := r.SubmitAndWait(1, 10*time.Second)
			require.NoError(t, err)
		}
		e.Awake()
		r.AdvanceCQ(r.ForEachCQE(func(*CQE) { e.PrepareRead(r.sqe(t, 1)) }))
	}
	wg.Wait()
	r.sqe(t, 2).PrepareCancel(1, false)
	for done := false; !done; {
		require.True(t, time.Now().Before(deadline), "the read of the event does not end")
		_, err := r.SubmitAndWait(1, time.Second)
		require.NoError(t, err)
		r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) { done = done || cqe.UserData == 1 }))
	}
	require.NoError(t, e.Close())
	e.Sleep()
	e.Wake() // does nothing, to nobody's descriptor
}
