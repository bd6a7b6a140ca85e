package filter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// BenchmarkMatch is what a filter costs per record, as a pull finds it in the log.
func BenchmarkMatch(b *testing.B) {
	r := message.Record{Topic: []byte("T"), Body: make([]byte, 128)}
	r.Properties = r.Properties.Append("UNIQ_KEY", "7F0000010A1B2C3D4E5F6071829304A5").Append("CLUSTER", "DefaultCluster").
		Append("a", "6").Append("b", "x").Append("WAIT", "true").Append("TAGS", "TagA")
	record := r.Append(nil)
	for _, text := range []string{"TRUE", "a > 5", "a > 5 AND b = 'x'", "a BETWEEN 1 AND 10 AND b IN ('x', 'y') OR TAGS = 'TagB'"} {
		match, err := Compile(wire.ExpressionSQL92, text)
		require.NoError(b, err)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				match(record)
			}
		})
	}
}
