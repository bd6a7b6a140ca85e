package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkersServeOthersBesideAFlood(t *testing.T) {
	var w workers
	hold := make(chan struct{})
	for range maxWorkers {
		require.True(t, w.put(job{1, 10, func() { <-hold }}))
	}
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) == 0
	}, waitLong, waitStep, "all workers are busy")

	ran := 0 // the pool's; read after close
	done := make(chan struct{})
	for range maxWorkerShare {
		require.True(t, w.put(job{1, 10, func() {}}))
	}
	require.False(t, w.put(job{1, 10, func() { t.Error("more than the share of one connection") }}))
	require.True(t, w.put(job{2, 10, func() { ran++; close(done) }}), "another connection")
	close(hold)
	<-done
	w.close()
	require.Equal(t, 1, ran)
	require.Empty(t, w.shares)
	require.Zero(t, w.bytes)
	require.False(t, w.put(job{3, 10, func() { t.Error("a job after the end") }}))
}

func TestWorkersBoundTheMemoryOfWhatWaits(t *testing.T) {
	var w workers
	hold := make(chan struct{})
	for i := range maxWorkers {
		require.True(t, w.put(job{uint64(i), 0, func() { <-hold }}))
	}
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) == 0
	}, waitLong, waitStep, "all workers are busy")
	for conn := range maxWorkerBytes / maxWorkerShareBytes {
		require.True(t, w.put(job{uint64(conn), maxWorkerShareBytes, func() {}}))
		require.False(t, w.put(job{uint64(conn), 1, func() {}}), "more than the connection's share")
	}
	require.False(t, w.put(job{99, 1, func() {}}), "more than all may keep")
	close(hold)
	w.close()
	require.Zero(t, w.bytes)
}
