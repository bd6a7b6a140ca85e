package inspect

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/index"
	"ringmq/internal/layout"
	"ringmq/internal/mapfile"
)

// memStore is a store with one file.
func memStore(t testing.TB, name string, content []byte) *Store {
	mem := mapfile.NewMem()
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		require.NoError(t, mem.MkdirAll(name[:i]))
	}
	f, err := mem.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return &Store{root: mem}
}

// dumped is what DumpFile tells of a file: titles, and the values of the fields.
func dumped(t testing.TB, name string, content []byte, from int64, limit int) []string {
	var rows []string
	err := memStore(t, name, content).DumpFile(name, from, limit, func(r Row) error {
		row := fmt.Sprintf("%d %s:", r.At, r.What)
		for _, c := range r.Fields {
			row += " " + c.Value
		}
		rows = append(rows, row)
		return nil
	})
	require.NoError(t, err)
	return rows
}

func be(width int, values ...int64) (b []byte) {
	for _, v := range values {
		for i := width - 1; i >= 0; i-- {
			b = append(b, byte(v>>(8*i)))
		}
	}
	return b
}

func TestDumpFile(t *testing.T) {
	cat := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	entry := func(off int64, size int64, code int64) []byte { return cat(be(8, off), be(4, size), be(8, code)) }
	const queue = "consumequeue/T/0/00000000000000000040"
	entries := cat(entry(0, 0x7FFFFFFF, 0), entry(100, 92, -7), entry(300, 92, 0x4C4F5354_52494E47), entry(300, 92, 5), entry(0, 0, 0))
	unit := func(size, code int64) []byte {
		return cat(be(2, size), be(8, code, 1000), be(2, size-20), make([]byte, max(0, size-20)))
	}
	units := cat(unit(22, 5), unit(20, 6), be(2, -1), make([]byte, 30))
	header := cat(be(8, 1000, 2000, 100, 300), be(4, 1, 3))
	indexFile := cat(header, be(4, 2), make([]byte, 20), be(4, 9), be(8, 100), be(4, 0, 0), be(4, 9), be(8, 300), be(4, 1, 1), make([]byte, 20))
	for _, c := range []struct {
		name    string
		content []byte
		from    int64
		limit   int
		want    []string
	}{
		{"checkpoint", append(be(8, 1000, 0, 2), make([]byte, 4072)...), 0, 0, []string{"0 checkpoint: 1000 (1970-01-01T00:00:01.000Z) 0 2 (1970-01-01T00:00:00.002Z)"}},
		{"checkpoint", nil, 0, 0, nil},
		{queue, entries, 0, 0, []string{
			"0 entry of queue offset 2: a blank: 0 2147483647 0", "20 entry of queue offset 3: 100 92 -7",
			"40 entry of queue offset 4: the mark of a lost message: 300 92 5498705291665559111",
			"60 entry of queue offset 5: 300 92 5", "80 entry of queue offset 6: nothing: 0 0 0",
		}},
		{queue, entries, 1, 1, []string{"20 entry of queue offset 3: 100 92 -7"}},
		{queue, entries[:39], 1, 5, nil},
		{"consumequeue_ext/T/0/00000000000000000000", units, 0, 0, []string{
			"0 unit 0: 22 5 1000 (1970-01-01T00:00:01.000Z) 2", "22 unit 1: 20 6 1000 (1970-01-01T00:00:01.000Z) 0", "42 unit 2: the end: -1 0 0 0",
		}},
		{"consumequeue_ext/T/0/00000000000000000000", units, 1, 1, []string{"22 unit 1: 20 6 1000 (1970-01-01T00:00:01.000Z) 0"}},
		{"index/20260101000000000", indexFile, 0, 0, []string{
			"0 header of 1 slots and room for 4 entries: 1000 (1970-01-01T00:00:01.000Z) 2000 (1970-01-01T00:00:02.000Z) 100 300 1 3",
			"64 entry 1: 9 100 0 0", "84 entry 2: 9 300 1 1", "104 entry 3, not in use: 0 0 0 0",
		}},
		{"index/20260101000000000", indexFile, 2, 1, []string{"84 entry 2: 9 300 1 1"}},
	} {
		require.Equal(t, c.want, dumped(t, c.name, c.content, c.from, c.limit), "%s from %d", c.name, c.from)
	}
	s := memStore(t, "lock", nil)
	for _, name := range []string{"lock", "../x", "commitlog/00000000000000000000", "consumequeue/../../x", "consumequeue/T/0/x"} {
		require.Error(t, s.DumpFile(name, 0, 0, func(Row) error { return nil }), name)
	}
	s = memStore(t, queue, entries)
	require.ErrorIs(t, s.DumpFile(queue, 0, 0, func(Row) error { return io.ErrClosedPipe }), io.ErrClosedPipe)
}

// FuzzDumpFile reads arbitrary bytes as each kind of file: every row lies in the file, and there is an end.
func FuzzDumpFile(f *testing.F) {
	names := []string{"checkpoint", "ringmq/checkpoint", "consumequeue/T/0/00000000000000000000", "consumequeue_ext/T/0/00000000000000000000", "index/20260101000000000"}
	for i, t := range []layout.Table{engine.TimesLayout, engine.MarkLayout, consumequeue.Layout, consumequeue.UnitLayout, index.HeaderLayout} {
		for seed := range t.Seeds(make([]byte, 200)) {
			f.Add(uint8(i), seed, int64(0))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, content []byte, from int64) {
		name := names[int(kind)%len(names)]
		if from < 0 {
			return
		}
		rows := 0
		_ = memStore(t, name, content).DumpFile(name, from, 0, func(r Row) error {
			rows++
			require.Less(t, r.At, int64(len(content)))
			return nil
		})
		require.LessOrEqual(t, rows, len(content))
	})
}
