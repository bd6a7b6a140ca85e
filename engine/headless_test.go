package engine

import (
	"fmt"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestFirstQueueFilesMissing: a queue whose first files are lost is made again, whether the log has lost its begin or not;
// one whose first files have expired is not.
func TestFirstQueueFilesMissing(t *testing.T) {
	for _, expired := range []bool{false, true} {
		s, mem := openSmall(t, func(o *Options) { o.ConsumeQueueFileSize = 20 * 10 })
		fill(t, s, 60)
		if expired {
			expireAll(t, s, mem)
			fill(t, s, 60)
		}
		begin := int(s.MinOffset([]byte("A"), 0))
		want := words(t, s, "A")
		require.NoError(t, s.Close())

		for range 2 {
			again := reopen(t, s, mem.Kill())
			require.EqualValues(t, begin, again.MinOffset([]byte("A"), 0))
			require.False(t, again.remark, "nothing was made again")
			require.NoError(t, again.Close())
		}
		image := mem.Kill()
		files, err := image.ReadDir("consumequeue/A/0")
		require.NoError(t, err)
		for _, f := range files[:2] {
			remove(t, image, path.Join("consumequeue/A/0", f.Name))
		}
		again := reopen(t, s, image)
		require.EqualValues(t, begin, again.MinOffset([]byte("A"), 0), "expired: %v", expired)
		require.Equal(t, want, words(t, again, "A"))
		require.EqualValues(t, again.MaxOffset([]byte("A"), 0), again.MaxOffset([]byte("B"), 0))
		require.NoError(t, again.Close())
	}
}

// TestNoiseInQueueFile: entries that cannot be any do not make those around them expire.
func TestNoiseInQueueFile(t *testing.T) {
	for seed := range uint64(50) {
		s, mem := openSmall(t, func(o *Options) { o.ConsumeQueueFileSize = 20 * 10 })
		fill(t, s, 35)
		require.NoError(t, s.Close())
		noise := make([]byte, 20*10)
		rng := rand.New(rand.NewPCG(seed, 1))
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		poke(t, mem, "consumequeue/A/0/"+fmt.Sprintf("%020d", 0), 0, noise...)
		again := reopen(t, s, mem)
		require.EqualValues(t, 0, again.MinOffset([]byte("A"), 0), seed)
		require.Equal(t, numbered("A", 0, 35), words(t, again, "A"), seed)
		require.NoError(t, again.Close())
	}
}

// TestRecordsThatDoNotFit: a record that nobody could read, or would take for another, is given to nobody, and its neighbours are.
func TestRecordsThatDoNotFit(t *testing.T) {
	for _, at := range []int{27, 87, 88 + len("A7 x"), 88 + len("A7 x") + 1 + len("A") + 1} { // QUEUEOFFSET, BODYLENGTH, TOPICLENGTH, PROPERTIESLENGTH
		s, mem := openSmall(t, nil)
		var places []Receipt
		for i := range 20 {
			_, last := send(t, s, "A", fmt.Sprintf("A%d x", i))
			places = append(places, last)
		}
		require.NoError(t, s.Close())
		pokeLog(t, s, mem, places[7].LogOffset+message.LogOffset(at), 77)
		again := reopen(t, s, mem)
		require.Equal(t, numbered("A", 0, 7)+" - "+numbered("A", 8, 20), words(t, again, "A"), at)
		require.NotZero(t, again.Stats().Damage)
		require.NoError(t, again.Close())
	}
}
