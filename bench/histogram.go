package bench

import (
	"math/bits"
	"time"
)

// subBits is the resolution of a histogram: 2^subBits steps per power of two.
const subBits = 5

// Histogram counts durations in logarithmic steps. It is owned by one goroutine; Merge joins several.
type Histogram struct {
	counts [64 << subBits]uint64
	total  uint64
	max    time.Duration
}

func bucketOf(n uint64) int {
	if n < 1<<subBits {
		return int(n)
	}
	exp := bits.Len64(n) - 1 - subBits
	return exp<<subBits + int(n>>exp)
}

func bucketCeil(b int) uint64 {
	if b < 1<<subBits {
		return uint64(b)
	}
	exp := b>>subBits - 1
	return (uint64(b&(1<<subBits-1)+1<<subBits)+1)<<exp - 1
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.total++
	h.max = max(h.max, d)
}

// Merge adds o's counts to h.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// Count is the number of durations added.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile is the duration that a share q of all did not exceed; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen > want {
			return min(time.Duration(bucketCeil(i)), h.max)
		}
	}
	return h.max
}
