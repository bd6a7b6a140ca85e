package offset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryBit: whichever bit of consumerOffset.json is wrong, the broker starts, and no other group's place is lost.
func TestEveryBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	table := open(t, path)
	topics := []string{"TopicA", "TopicB", "TopicD"}
	for i, topic := range topics {
		commit(t, table, "CG", topic, 0, int64(100+i))
		commit(t, table, "CG", topic, 1, int64(200+i))
	}
	require.NoError(t, table.Save())
	commit(t, table, "CG", "TopicA", 0, 100) // the same again, so that .bak has all of them, too
	require.NoError(t, table.Save())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	bak, err := os.ReadFile(path + ".bak")
	require.NoError(t, err)
	stride := 1
	if testing.Short() {
		stride = 3
	}
	for bit := 0; bit < 8*len(data); bit += stride {
		data[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		require.NoError(t, os.WriteFile(path+".bak", bak, 0o600))
		data[bit/8] ^= 1 << (bit % 8)
		again := open(t, path)
		wrong := 0
		for _, topic := range topics {
			want, got := table.Queues("CG", topic), again.Queues("CG", topic)
			if got[0] != want[0] || got[1] != want[1] {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, 1, "bit %d of byte %d", bit%8, bit/8)
	}
}

// FuzzDecode reads anything as consumerOffset.json: what is taken can be written, and is the same again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"offsetTable":{"T@g":{"0":1,2147483647:5,-1:5},"a@b@c":{0:1},"x":{0:2}}}`))
	f.Add([]byte(`{"lmqOffsetTable":{"%LMQ%a@g":7},"offsetTable":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first := open(t, filepath.Join(t.TempDir(), "o.json"))
		if first.decode(data) != nil {
			return
		}
		text, err := first.encode()
		require.NoError(t, err)
		second := open(t, filepath.Join(t.TempDir(), "o.json"))
		require.NoError(t, second.decode(text))
		require.Equal(t, first.Table(), second.Table())
	})
}
