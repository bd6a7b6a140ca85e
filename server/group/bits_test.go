package group

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryBit: whichever bit of subscriptionGroup.json is wrong, the broker starts, and no other group suffers.
func TestEveryBit(t *testing.T) {
	path := file(t)
	table := open(t, path, true)
	own := []string{"GroupA", "GroupB", "GroupD"}
	for _, name := range own {
		_, _, err := table.add(name)
		require.NoError(t, err)
	}
	require.NoError(t, table.file.Save())
	require.NoError(t, table.file.Save()) // .bak has them all, too
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	bak, err := os.ReadFile(path + ".bak")
	require.NoError(t, err)
	stride := 1
	if testing.Short() {
		stride = 11
	}
	for bit := 0; bit < 8*len(data); bit += stride {
		data[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		require.NoError(t, os.WriteFile(path+".bak", bak, 0o600))
		data[bit/8] ^= 1 << (bit % 8)
		again := open(t, path, false)
		wrong := 0
		for _, name := range append(own, preset...) {
			if got := again.Find(name); got == nil || *got != *table.Find(name) {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, 1, "bit %d of byte %d", bit%8, bit/8)
	}
}

// FuzzDecode reads anything as subscriptionGroup.json: what is taken can be written, and is the same again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"dataVersion":{"counter":3,"timestamp":1},"subscriptionGroupTable":{"G":{"groupName":"other","retryMaxTimes":2}}}`))
	f.Add([]byte(`{"subscriptionGroupTable":{"a/../x":{"retryQueueNums":1},"wide":{"retryQueueNums":2147483647},"null":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first := open(t, file(t), false)
		if first.decode(data) != nil {
			return
		}
		text, err := first.encode()
		require.NoError(t, err)
		second := open(t, file(t), false)
		require.NoError(t, second.decode(text))
		again, err := second.encode()
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again))
	})
}
