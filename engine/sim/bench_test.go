package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkWalks is what an image costs: of the bits, of both stores and of each kind of file in turn.
func BenchmarkWalks(b *testing.B) {
	for _, w := range Walks {
		b.Run(w.Name, func(b *testing.B) {
			w.Run(0, false)
			b.ReportAllocs()
			images, end := int64(0), w.Len()
			b.ResetTimer()
			for i := uint64(0); b.Loop(); i++ {
				n := i * 7919
				if end > 0 {
					n %= end
				}
				res := w.Run(n, false)
				require.Nil(b, res.Failure, "%s/%d", w.Name, n)
				images += res.Images
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(images), "ns/image")
		})
	}
}
