package latency

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Summary is what a report says of a histogram, in milliseconds.
type Summary struct {
	Count  uint64  `json:"count"`
	Mean   float64 `json:"mean"`
	P50    float64 `json:"p50"`
	P90    float64 `json:"p90"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p99.9"`
	P9999  float64 `json:"p99.99"`
	Max    float64 `json:"max"`
	Millis string  `json:"unit"` // always "ms"
}

// Summary computes the usual quantiles.
func (h *Histogram) Summary() Summary {
	q := func(q float64) float64 { return millis(h.Quantile(q)) }
	return Summary{Count: h.total, Mean: millis(h.Mean()), P50: q(0.5), P90: q(0.9), P99: q(0.99),
		P999: q(0.999), P9999: q(0.9999), Max: millis(h.max), Millis: "ms"}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// String is one line for people.
func (s Summary) String() string {
	return fmt.Sprintf("p50 %.3f ms  p99 %.3f ms  p99.9 %.3f ms  max %.3f ms", s.P50, s.P99, s.P999, s.Max)
}

// Point is one line of a distribution: a share of all was no slower than Value.
type Point struct {
	Share float64
	Value time.Duration
	Count uint64 // durations up to Value
}

// Distribution lists quantiles that get denser towards 1, each step halving what is left
// twice over: 0, 25 %, 50 %, 62.5 %, 75 %, … until all that is left are as slow as the slowest.
func (h *Histogram) Distribution() []Point {
	var points []Point
	if h.total == 0 {
		return nil
	}
	for left, step := 1.0, 0; left*float64(h.total) >= 1; step++ {
		share := 1 - left
		p := Point{Share: share, Value: h.Quantile(share), Count: uint64(share * float64(h.total))}
		if p.Value >= h.max {
			break
		}
		if n := len(points); n > 0 && points[n-1].Value == p.Value {
			points = points[:n-1] // more were as fast
		}
		points = append(points, p)
		if step%2 == 0 {
			left *= 0.75
		} else {
			left *= 2.0 / 3
		}
	}
	return append(points, Point{Share: 1, Value: h.max, Count: h.total})
}

// WriteTo prints the distribution with bars whose length is the logarithm of the value, the way tails
// are read best.
func (h *Histogram) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%12s  %10s  %12s\n", "latency", "share", "count")
	for _, p := range h.Distribution() {
		fmt.Fprintf(&b, "%9.3f ms  %9.5f%%  %12d  %s\n", millis(p.Value), 100*p.Share, p.Count, bar(p.Value))
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// bar has four marks per power of two above 1 µs.
func bar(d time.Duration) string {
	n := 0
	for v := time.Microsecond; v < d; v += max(v/5, 1) {
		n++
	}
	return strings.Repeat("▪", min(n, 100))
}
