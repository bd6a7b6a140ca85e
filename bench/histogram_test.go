package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 100_000 {
		d := time.Duration(r.ExpFloat64() * float64(time.Millisecond))
		h.Add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))]
		require.InEpsilon(t, float64(want), float64(h.Quantile(q)), 0.04, "quantile %v", q)
	}
	require.Equal(t, all[len(all)-1], h.Quantile(1))
}

func TestBucketsAreOrderedAndCoverEveryValue(t *testing.T) {
	last := -1
	for _, n := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 1 << 20, 1<<20 + 1<<15, 1<<62 - 1} {
		b := bucketOf(n)
		require.GreaterOrEqual(t, b, last)
		require.GreaterOrEqual(t, bucketCeil(b), n)
		if b > 0 {
			require.Less(t, bucketCeil(b-1), n)
		}
		last = b
	}
}
