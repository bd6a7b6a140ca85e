package thread

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// nice is the calling thread's value. The system call gives 20 less it, so that it is never negative.
func nice(t *testing.T) int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	assert.NoError(t, err)
	return 20 - n
}

// TestStandBack: the thread of the goroutine stands back, those of goroutines that it starts do not.
func TestStandBack(t *testing.T) {
	if nice(t) > behind {
		t.Skip("the test runs behind others itself")
	}
	before := nice(t)
	child, own := make(chan int), make(chan int)
	var granted uint64
	go func() {
		assert.NoError(t, StandBack())
		go func() { child <- nice(t) }()
		attr, err := unix.SchedGetAttr(0, 0)
		assert.NoError(t, err)
		granted = attr.Runtime
		own <- nice(t)
	}()
	assert.Equal(t, behind, <-own)
	assert.Equal(t, before, <-child)
	assert.Contains(t, []uint64{0, uint64(slice)}, granted, "0 before Linux 6.12")
}
