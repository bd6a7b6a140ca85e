package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestSound: a record that is not the entry's ends a pull, whoever wrote it; one whose lengths do not fit does where that can have
// happened, which is on the device.
func TestSound(t *testing.T) {
	const (
		logOffset  = 28 // places in a record
		bodyLength = 84
	)
	found := func(s *Store) int {
		res := NewGetResult()
		defer res.Release()
		s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32}, res)
		return res.Count
	}
	s, mem := openSmall(t, nil)
	send(t, s, "T", "one")
	second, _ := send(t, s, "T", "two")
	send(t, s, "T", "three")
	require.Equal(t, 3, found(s))
	spoil := func(at message.LogOffset) (mend func()) {
		pokeLog(t, s, mem, second.LogOffset+at, 0x7F)
		return func() { pokeLog(t, s, mem, second.LogOffset+at, 0) }
	}

	mend := spoil(logOffset)
	require.Equal(t, 1, found(s))
	mend()
	mend = spoil(bodyLength)
	require.Equal(t, 3, found(s), "nobody looks")
	mend()
	require.NoError(t, s.Close())

	s = reopen(t, s, mem)
	require.Equal(t, 3, found(s))
	spoil(bodyLength)
	require.Equal(t, 1, found(s))
	require.NoError(t, s.Close())
}
