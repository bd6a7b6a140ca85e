package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkersServeOthersBesideAFlood(t *testing.T) {
	var w workers
	hold := make(chan struct{})
	for range maxWorkers {
		require.True(t, w.put(job{1, func() { <-hold }}))
	}
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) == 0
	}, waitLong, waitStep, "all workers are busy")

	ran := 0 // the pool's; read after close
	done := make(chan struct{})
	for range maxWorkerShare {
		require.True(t, w.put(job{1, func() {}}))
	}
	require.False(t, w.put(job{1, func() { t.Error("more than the share of one connection") }}))
	require.True(t, w.put(job{2, func() { ran++; close(done) }}), "another connection")
	close(hold)
	<-done
	w.close()
	require.Equal(t, 1, ran)
	require.Empty(t, w.shares)
	require.False(t, w.put(job{3, func() { t.Error("a job after the end") }}))
}
