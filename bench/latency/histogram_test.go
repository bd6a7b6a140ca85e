package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"exponential": func() float64 { return r.ExpFloat64() * 1e6 },
		"uniform":     func() float64 { return r.Float64() * 1e9 },
		"heavy tail":  func() float64 { return 1e3 / math.Pow(1-r.Float64(), 1.5) },
		"small":       func() float64 { return r.Float64() * 100 },
	} {
		t.Run(name, func(t *testing.T) {
			var h Histogram
			var all []time.Duration
			var sum time.Duration
			for range 100_000 {
				d := time.Duration(draw())
				h.Add(d)
				all = append(all, d)
				sum += d
			}
			slices.Sort(all)
			for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 0.99999} {
				want, got := all[int(q*float64(len(all)))], h.Quantile(q)
				require.GreaterOrEqual(t, got, want, "quantile %v", q)
				require.LessOrEqual(t, float64(got), float64(want)*1.016+1, "quantile %v", q)
			}
			require.Equal(t, all[len(all)-1], h.Quantile(1))
			require.Equal(t, sum/100_000, h.Mean())
		})
	}
}

func TestBucketsAreOrderedAndCoverEveryValue(t *testing.T) {
	last := -1
	for n := uint64(0); n < 1<<40; n += n/97 + 1 {
		b := bucketOf(n)
		require.GreaterOrEqual(t, b, last)
		require.GreaterOrEqual(t, bucketCeil(b), n)
		if b > 0 {
			require.Less(t, bucketCeil(b-1), n)
		}
		last = b
	}
}

func TestExtremes(t *testing.T) {
	var h Histogram
	require.Zero(t, h.Quantile(0.5))
	require.Zero(t, h.Mean())
	require.Empty(t, h.Distribution())
	h.Add(-time.Second)
	h.Add(math.MaxInt64 / 2)
	require.EqualValues(t, 2, h.Count())
	require.Zero(t, h.Quantile(0))
	require.EqualValues(t, math.MaxInt64/2, h.Quantile(1))
}

func TestMergeIsAddition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var parts [4]Histogram
	var whole, merged Histogram
	for i := range 10_000 {
		d := time.Duration(r.ExpFloat64() * 1e5)
		parts[i%4].Add(d)
		whole.Add(d)
	}
	for i := range parts {
		merged.Merge(&parts[i])
	}
	require.Equal(t, whole, merged)
	whole.Reset()
	require.Equal(t, Histogram{}, whole)
}

func TestDistribution(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	points := h.Distribution()
	require.True(t, slices.IsSortedFunc(points, func(a, b Point) int { return int(a.Value - b.Value) }))
	require.Equal(t, 0.5, points[2].Share)
	require.InEpsilon(t, float64(500*time.Millisecond), float64(points[2].Value), 0.02)
	require.Equal(t, Point{Share: 1, Value: time.Second, Count: 1000}, points[len(points)-1])

	var b strings.Builder
	n, err := h.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	require.Equal(t, len(points)+1, strings.Count(b.String(), "\n"))
	require.Contains(t, b.String(), "100.00000%")
}

func BenchmarkAdd(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := range b.N {
		h.Add(time.Duration(i & 0xfffff))
	}
}
