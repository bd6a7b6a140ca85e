package filter

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// golden is a store of a Java broker that computed bitmaps for three groups: message number i has the properties of
// goldenProperties, and went to queue i%2.
const golden = "../../consumequeue/testdata/java-4.9.7/ext"

func goldenProperties(i int) message.Properties {
	p := message.Properties(nil).Append("TAGS", string(rune('x'+i%3))).Append("a", fmt.Sprint(i%100))
	if i%2 == 0 {
		p = p.Append("b", "1")
	}
	return p
}

// TestBitsAsJava computes the bitmaps that a Java broker has stored, and asks them what it asks.
func TestBitsAsJava(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(golden)))
	fs, err := mapfile.OpenDir(dir)
	require.NoError(t, err)
	defer fs.Close()
	queues, err := consumequeue.Open(consumequeue.Options{FS: fs, FileSize: 2000, Ext: true, ExtFileSize: 8192})
	require.NoError(t, err)
	table := open(t, filepath.Join(dir, "consumerFilter.json"), time.Now())
	var units consumequeue.Units
	defer units.Close()
	wanted := map[string]int{}
	for i := range 900 {
		q := queues.Lookup([]byte("Filtered"), int32(i%2))
		var e [1]consumequeue.Entry
		n, err := q.Read(message.QueueOffset(i/2), e[:])
		require.NoError(t, err)
		require.Equal(t, 1, n)
		u, ok := units.Unit(q, e[0].TagsCode, true)
		require.True(t, ok)
		require.Equal(t, u.Bits, table.Bits([]byte("Filtered"), goldenProperties(i)), "message %d", i)
		for _, group := range []string{"CG_big", "CG_small", "CG_tag"} {
			f := table.Find([]byte(group), []byte("Filtered"))
			require.Greater(t, u.StoreTime, f.Born)
			if f.expression.Match(goldenProperties(i)) {
				require.True(t, f.MayWant(u), "message %d", i)
				wanted[group+" matches"]++
			} else if f.MayWant(u) {
				wanted[group+" by accident"]++
			}
		}
	}
	require.Equal(t, map[string]int{"CG_big matches": 441, "CG_small matches": 54, "CG_tag matches": 600}, wanted)
	require.Nil(t, table.Bits([]byte("Plain"), goldenProperties(0)))
	require.NoError(t, queues.Close())
}

// TestMayWant: without a bitmap of the right shape, from after the filter was known, everything may be wanted.
func TestMayWant(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "consumerFilter.json"), time.Now())
	s := &script{t: t, table: table, now: time.UnixMilli(1000)}
	require.Empty(t, s.step("register g T@1 a > 5"))
	f := table.Find([]byte("g"), []byte("T"))
	none, all := make([]byte, 14), []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
	for _, c := range []struct {
		u    consumequeue.Unit
		want bool
	}{
		{consumequeue.Unit{StoreTime: 1001, Bits: none}, false},
		{consumequeue.Unit{StoreTime: 1001, Bits: all}, true},
		{consumequeue.Unit{StoreTime: 1000, Bits: none}, true},
		{consumequeue.Unit{StoreTime: 1001, Bits: none[:13]}, true},
		{consumequeue.Unit{StoreTime: 1001}, true},
	} {
		require.Equal(t, c.want, f.MayWant(&c.u), "%v", c.u)
	}
	p := goldenProperties(7)
	require.True(t, f.MayWant(&consumequeue.Unit{StoreTime: 1001, Bits: table.Bits([]byte("T"), p)}))
	require.Empty(t, s.step("register g T@2 a > 50"))
	require.Equal(t, none, table.Bits([]byte("T"), p))
	require.Empty(t, s.step("register h T@2 a = 7"))
	require.NotEqual(t, none, table.Bits([]byte("T"), p))
	s.step("sweep")
	require.NotEqual(t, none, table.Bits([]byte("T"), p), "dead filters may return")
	s.step("after 48h")
	s.step("sweep")
	require.Nil(t, table.Bits([]byte("T"), p))
}

// TestBitsOfAForeignFile: positions outside of the bitmap are not those of our options.
func TestBitsOfAForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "consumerFilter.json")
	for _, at := range []string{"-1", "112"} {
		require.NoError(t, os.WriteFile(path, []byte(`{"filterDataByTopic":{"T":{"groupFilterData":{"g":{"bloomFilterData":{"bitNum":112,"bitPos":[1,2,`+at+`]},
			"bornTime":1,"clientVersion":1,"consumerGroup":"g","dead":false,"deadTime":0,"expression":"a > 5","expressionType":"SQL92","topic":"T"}},"topic":"T"}}}`), 0o644))
		bloom, err := NewBloom(20, 32)
		require.NoError(t, err)
		table, err := Open(Options{Path: path, Bloom: bloom, Keep: func() time.Duration { return time.Hour }, Now: time.Now(), Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.Nil(t, table.Find([]byte("g"), []byte("T")))
	}
}
