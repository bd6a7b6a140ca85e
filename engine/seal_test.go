package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestSealedRecords: with a seal every changed bit costs its message, and only that.
func TestSealedRecords(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Seal = true })
	q := s.Queue([]byte("A"), 0)
	var places []Receipt
	for i := range 5 {
		r := testRecord("A", numbered("A", i, i+1)+" x")
		// What a client says is no seal.
		r.Properties = append(r.Properties.Append("TAGS", "a"), "\x02__CRC32#\x010123456789\x02"...)
		got, err := s.Append(q, r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
		places = append(places, got)
	}
	raw, err := s.ReadRecord(places[2].LogOffset)
	require.NoError(t, err)
	var r message.Record
	require.NoError(t, message.Decode(raw, &r))
	require.NoError(t, message.CheckSeal(raw, r.Properties))
	require.True(t, r.Properties.Sealed())
	require.False(t, r.Properties.Unsealed().Sealed(), "the client's is gone")
	require.NoError(t, s.queues.Flush())
	killed := mem.Kill()
	name, at := logName(places[2].LogOffset, s.o.CommitLogFileSize)
	for i := range raw {
		image := killed.Kill()
		poke(t, image, name, at+int64(i), raw[i]^0x10)
		again := reopen(t, s, image)
		want := numbered("A", 0, 2) + " - " + numbered("A", 3, 5)
		if frame := len(raw) - 20; i >= frame && i < frame+9 || i == len(raw)-1 {
			want = numbered("A", 0, 5) // it is no seal any more
		}
		require.Equal(t, want, words(t, again, "A"), "byte %d", i)
		require.NoError(t, again.Close())
	}
	require.NoError(t, s.Close())
}
