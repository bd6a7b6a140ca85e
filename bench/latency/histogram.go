// Package latency counts durations so that quantiles of many millions cost a few KiB. A
// [Histogram] belongs to one goroutine; what several have counted is joined by Merge.
//
// A value falls into one of 64 steps of its power of two, so a quantile is at most 1.6 % too
// high, never too low. Values below 128 ns are exact.
//
//	value, binary   1 x x x x x x ? ? ?      step = the 6 bits behind the leading one
//	                │ └────┬────┘ └─ dropped
//	                exponent       64 steps per power of two
package latency

import (
	"math/bits"
	"time"
)

const (
	subBits = 6
	// buckets covers 2^42 ns, 73 minutes; longer durations count as the last bucket.
	buckets = (42 - subBits) << subBits
)

// Histogram counts durations. Its zero value is empty and ready.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	sum    time.Duration
	max    time.Duration
}

// bucketOf is the index of the bucket that n falls into.
func bucketOf(n uint64) int {
	if n < 1<<subBits {
		return int(n)
	}
	exp := bits.Len64(n) - 1 - subBits
	return min(exp<<subBits+int(n>>exp), buckets-1)
}

// bucketCeil is the largest value of a bucket.
func bucketCeil(b int) uint64 {
	if b < 1<<subBits {
		return uint64(b)
	}
	exp := b>>subBits - 1
	return (uint64(b&(1<<subBits-1)+1<<subBits)+1)<<exp - 1
}

// Add counts one duration; a negative one as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.total++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge adds o's counts to h.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count is the number of durations added.
func (h *Histogram) Count() uint64 { return h.total }

// Mean is their arithmetic mean; 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}

// Quantile is a duration that a share q of all did not exceed; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen > want {
			if i == buckets-1 {
				return h.max
			}
			return min(time.Duration(bucketCeil(i)), h.max)
		}
	}
	return h.max
}
