package topic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// saved is a topics.json and its .bak with three topics.
func saved(t *testing.T) (*fixture, []byte) {
	t.Helper()
	f := open(t)
	for _, name := range []string{"TopicA", "TopicB", "TopicD"} {
		_, err := f.CreateOnSend(name, "TBW102", 4, false)
		require.NoError(t, err)
	}
	require.NoError(t, f.file.Save()) // .bak has them all, too
	data, err := os.ReadFile(f.o.Path)
	require.NoError(t, err)
	return f, data
}

// TestEveryBit: whichever bit of topics.json is wrong, the broker starts, and no other topic suffers.
func TestEveryBit(t *testing.T) {
	f, data := saved(t)
	dir := t.TempDir()
	bak, err := os.ReadFile(f.o.Path + ".bak")
	require.NoError(t, err)
	stride := 1
	if testing.Short() {
		stride = 7
	}
	for bit := 0; bit < 8*len(data); bit += stride {
		o := f.options(filepath.Join(dir, "topics.json"))
		data[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(o.Path, data, 0o600))
		require.NoError(t, os.WriteFile(o.Path+".bak", bak, 0o600))
		data[bit/8] ^= 1 << (bit % 8)
		again, err := Open(o)
		require.NoError(t, err)
		wrong := 0
		for _, name := range []string{"TopicA", "TopicB", "TopicD"} {
			if show(again.Find(name)) != show(f.Find(name)) {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, 1, "bit %d of byte %d", bit%8, bit/8)
	}
}

// FuzzDecode reads anything as topics.json: what is taken can be written, and is the same again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"dataVersion":{"counter":3,"timestamp":1},"topicConfigTable":{"T":{"perm":6,"readQueueNums":4,"writeQueueNums":4,"topicName":"T"}}}`))
	f.Add([]byte(`{"topicConfigTable":{"a/../x":{"perm":6},"wide":{"readQueueNums":2147483647},"null":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first := open(t)
		if first.decode(data) != nil {
			return
		}
		text, err := first.encode()
		require.NoError(t, err)
		second := open(t)
		require.NoError(t, second.decode(text))
		again, err := second.encode()
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again))
	})
}
