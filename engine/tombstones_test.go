package engine

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestTombstonesAfterAFault: a deletion that was confirmed lasts, also when the file was about to be replaced before
// it, and any one operation of that failed.
func TestTombstonesAfterAFault(t *testing.T) {
	for failing := int64(1); ; failing++ {
		mem := mapfile.NewMem()
		require.NoError(t, mem.MkdirAll(ringmqName))
		ts, err := openTombstones(mem)
		require.NoError(t, err)
		require.NoError(t, ts.add("gone", 10))
		require.NoError(t, ts.add("kept", 30))

		before, failed := mem.Ops(), false
		mem.Fault = func(op mapfile.Op) error {
			if op.N != before+failing {
				return nil
			}
			failed = true
			return syscall.EIO
		}
		err = ts.fit(20, 100)
		mem.Fault = nil
		require.Equal(t, failed, err != nil, "operation %d of fit: %v", failing, err)
		require.NoError(t, ts.add("new", 40))

		for keep := range 3 {
			image := mem.CrashKeeping(rand.New(rand.NewPCG(uint64(failing), 0)), float64(keep)/2)
			found, err := openTombstones(image)
			require.NoError(t, err)
			require.Equal(t, message.LogOffset(30), found.offsets["kept"], "operation %d of fit failed", failing)
			require.Equal(t, message.LogOffset(40), found.offsets["new"], "operation %d of fit failed", failing)
		}
		if !failed {
			require.Greater(t, failing, int64(7), "fit replaces with as many operations")
			return
		}
	}
}
