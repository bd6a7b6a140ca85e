package topic

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSave60000 writes the file of a broker with 60,000 topics.
func BenchmarkSave60000(b *testing.B) {
	f := &fixture{autoCreate: true}
	o := f.options(b.TempDir() + "/topics.json")
	table, err := Open(o)
	require.NoError(b, err)
	for i := range 60_000 {
		table.replace(newConfig(fmt.Sprint("topic-", i), 8, 6))
	}
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, table.file.Save())
	}
}
