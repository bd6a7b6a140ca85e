package inspect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// told are the fields of a record in which no changed bit goes unnoticed. The others have nothing that
// they could be compared with: RocketMQ's format has no checksum over them.
var told = map[string]bool{
	"TOTALSIZE": true, "MAGIC": true, "BODYCRC": true, "PHYSICALOFFSET": true, "BODYLENGTH": true, "BODY": true,
	"TOPICLENGTH": true, "PROPERTIESLENGTH": true,
}

// toldOfQueued are those of records that have a place in a queue.
var toldOfQueued = map[string]bool{"QUEUEID": true, "QUEUEOFFSET": true, "TOPIC": true}

// TestEveryByte changes a bit of each byte of a small store that has a meaning: check tells each time,
// in a few lines.
func TestEveryByte(t *testing.T) {
	dir := makeStore(t, 60)
	random := rand.New(rand.NewPCG(1, 2))
	stride := 1
	if testing.Short() {
		stride = 13
	}
	for _, region := range regions(t, dir) {
		name := filepath.Join(dir, region.file)
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		for i := region.from + random.IntN(stride); i < region.to; i += stride {
			mask := byte(1) << random.IntN(8)
			b[i] ^= mask
			require.NoError(t, os.WriteFile(name, b, 0o600))
			r, lines := check(t, dir, CheckOptions{})
			require.Positive(t, r.Problems, "%s, byte %d xor %#x: %s", region.file, i, mask, region.what)
			require.LessOrEqual(t, len(lines), 9, "%s, byte %d xor %#x:\n%s", region.file, i, mask, strings.Join(lines, "\n"))
			b[i] ^= mask
		}
		require.NoError(t, os.WriteFile(name, b, 0o600))
	}
	r, _ := check(t, dir, CheckOptions{})
	require.Zero(t, r.Problems+r.Notes)
}

// region is bytes of a file of which none may change unnoticed.
type region struct {
	file     string
	from, to int
	what     string
}

func regions(t *testing.T, dir string) (list []region) {
	t.Helper()
	log := filepath.Join(engine.CommitLogName, strings.Repeat("0", 20))
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)

	require.NoError(t, s.Select(context.Background(), Selection{Queue: -1}, func(p Problem) { t.Error(p) }, func(raw []byte, r *message.Record) error {
		if int64(r.LogOffset) >= 16<<10 {
			return nil // the second file is as the first
		}
		rows, err := message.Grid(raw)
		for _, row := range rows {
			if at := int(r.LogOffset) + row.Offset; told[row.Name] || toldOfQueued[row.Name] && hasPlace(r) {
				list = append(list, region{log, at, at + row.Width, fmt.Sprintf("%s of %v", row.Name, r.LogOffset)})
			}
		}
		return err
	}))
	o, err := s.Offsets("", "")
	require.NoError(t, err)
	for _, q := range o.Queues {
		name := filepath.Join(engine.ConsumeQueueName, q.Topic, fmt.Sprint(q.Queue), queueFileName(0))
		list = append(list, region{name, 0, min(int(q.Max)*consumequeue.EntrySize, 400), "entry"})
	}
	files := indexFiles{fs: s.root}
	require.NoError(t, files.list())
	for _, name := range files.names {
		v, f, err := files.view(name)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		at := filepath.Join(engine.IndexName, name)
		list = append(list, region{at, 0, int(v.EntryPosition(0)), "header or slot"},
			region{at, int(v.EntryPosition(1)), int(v.EntryPosition(v.Header().NextEntry)), "entry"})
	}
	require.NoError(t, s.Close())
	return list
}

// TestUnits: each changed byte of a unit is told, but those of the bits; a unit that is gone is no fault.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	o := smallOptions(dir)
	o.ConsumeQueueExt, o.ExtFileSize = true, 4096
	o.FilterBits = func([]byte, message.Properties) []byte { return []byte{1, 2, 3} }
	fillStore(t, o, 0, 60)
	writeConfig(t, dir)
	r, lines := check(t, dir, CheckOptions{})
	require.Zero(t, r.Problems+r.Notes, lines)

	name := filepath.Join(dir, extName, "Topic1", "1", queueFileName(0))
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	size := consumequeue.UnitLayout.Size() + 3
	for i := range 2 * size {
		if i%size >= size-3 {
			continue
		}
		b[i] ^= 1 << (i % 8)
		require.NoError(t, os.WriteFile(name, b, 0o600))
		r, lines = check(t, dir, CheckOptions{})
		require.EqualValues(t, 1, r.Problems, "byte %d: %v", i, lines)
		require.Contains(t, lines[0], fmt.Sprintf("%s:%d: unit of the entry at queue offset", name[len(dir)+1:], i-i%size))
		b[i] ^= 1 << (i % 8)
	}
	require.NoError(t, os.Remove(name))
	r, lines = check(t, dir, CheckOptions{})
	require.Zero(t, r.Problems, lines)
	require.Contains(t, lines[0], "entries lead to units that are not there")
}

// TestAnyDamage: whatever the files hold, nothing panics and everything comes to an end.
func TestAnyDamage(t *testing.T) {
	base := makeStore(t, 120)
	var names []string
	for name, content := range tree(t, base) {
		if info, err := os.Stat(filepath.Join(base, name)); err == nil && !info.IsDir() && len(content) > 0 {
			names = append(names, name)
		}
	}
	rounds := 300
	if testing.Short() {
		rounds = 40
	}
	for seed := range rounds {
		random := rand.New(rand.NewPCG(uint64(seed), 3))
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(base)))
		for range 1 + random.IntN(8) {
			name := filepath.Join(dir, names[random.IntN(len(names))])
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name, spoil(random, b), 0o600))
		}
		s, err := Open(Options{Dir: dir})
		require.NoError(t, err)
		_, err = s.Check(context.Background(), CheckOptions{})
		require.NoError(t, err, "seed %d", seed)
		_, err = s.Offsets("", "")
		require.NoError(t, err, "seed %d", seed)
		for _, sel := range []Selection{{Queue: -1}, {Topic: "Topic1", Queue: 1}, {Topic: "Topic1", Queue: -1, Key: "order3"}, {Queue: -1, From: 1_700_000_003_000}} {
			err := s.Select(context.Background(), sel, func(Problem) {}, func(raw []byte, r *message.Record) error {
				_ = Describe(raw, r)
				_, err := Cells(raw)
				return err
			})
			require.NoError(t, err, "seed %d", seed)
		}
		for range 20 {
			raw, _, err := s.Look(message.LogOffset(random.IntN(16 << 10)))
			if err == nil {
				_, _ = Cells(raw)
			}
		}
		require.NoError(t, s.Close())
	}
}

// spoil damages a file's content in one of several ways.
func spoil(random *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return []byte{byte(random.Uint32())}
	}
	at := random.IntN(len(b))
	n := 1 + random.IntN(min(600, len(b)-at))
	switch random.IntN(6) {
	case 0:
		return b[:at]
	case 1:
		clear(b[at : at+n])
	case 2:
		copy(b[at:], b[random.IntN(len(b)):])
	case 3:
		for i := range b[at : at+n] {
			b[at+i] = 0xFF
		}
	case 4:
		return append(b, make([]byte, n)...)
	default:
		for i := range b[at : at+n] {
			b[at+i] = byte(random.Uint32())
		}
	}
	return b
}
