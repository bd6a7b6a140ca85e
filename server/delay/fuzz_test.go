package delay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/fastjson"
	"ringmq/internal/mapfile"
	"ringmq/internal/wire"
)

// FuzzOffsets: whatever stands in delayOffset.json, delivery begins within the queues.
func FuzzOffsets(f *testing.F) {
	for _, text := range []string{
		"", "{}", "{\n\t\"offsetTable\":{1:1,3:1\n\t}\n}", `{"offsetTable":{"1":-5,"2":9223372036854775807}}`,
		`{"offsetTable":{0:1,-1:1,19:1,2147483647:1}}`, `{"offsetTable":{1:9223372036854775808}}`, `{"offsetTable":null}`, `{"offsetTable":{1:1`,
	} {
		f.Add([]byte(text))
	}
	store, err := engine.Open(engine.Options{FS: mapfile.NewMem(), NoIndex: true, CommitLogFileSize: 64 << 10})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, store.Close()) })
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Open(Options{Store: store, Levels: []time.Duration{time.Second, time.Minute}, Read: func(parse func([]byte) error) error { return parse(data) }})
		if err != nil {
			return
		}
		for i, at := range s.offsets {
			require.GreaterOrEqual(t, at, s.queues[i].Min())
			require.LessOrEqual(t, at, s.queues[i].Max())
		}
		again, err := fastjson.MarshalPretty(&wire.DelayOffsetSerializeWrapper{OffsetTable: s.saved})
		require.NoError(t, err)
		var saved wire.DelayOffsetSerializeWrapper
		require.NoError(t, fastjson.Unmarshal(again, &saved))
		require.Equal(t, len(s.saved), len(saved.OffsetTable))
	})
}
