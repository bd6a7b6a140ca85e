package commitlog

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestScanDamage spoils a log of eight records in two files and says what a scan finds.
// Records 1 to 4 lie at 0, 500, 1000, 2000 (to 3500), 5 to 8 at 4096, 4696, 5596, 6096 (to 6596).
func TestScanDamage(t *testing.T) {
	type spoil struct {
		off message.LogOffset
		c   byte
	}
	for _, c := range []struct {
		name   string
		spoils []spoil
		found  string
		end    message.LogOffset
		torn   bool
	}{
		{"whole", nil, "1 2 3 4 5 6 7 8", 6596, false},
		{"body", []spoil{{600, 0}}, "1 damage(500+500 of 2) 3 4 5 6 7 8", 6596, false},
		{"first body", []spoil{{100, 0}}, "damage(0+500 of 1) 2 3 4 5 6 7 8", 6596, false},
		{"magic", []spoil{{504, 0}}, "1 damage(500+500) 3 4 5 6 7 8", 6596, false},
		{"size", []spoil{{502, 9}}, "1 damage(500+500) 3 4 5 6 7 8", 6596, false},
		{"huge size", []spoil{{500, 0x7f}}, "1 damage(500+500) 3 4 5 6 7 8", 6596, false},
		{"own offset", []spoil{{535, 1}}, "1 damage(500+500) 3 4 5 6 7 8", 6596, false},
		{"two in a row", []spoil{{504, 0}, {1100, 0}}, "1 damage(500+1500) 4 5 6 7 8", 6596, false},
		{"two apart", []spoil{{600, 0}, {2100, 0}}, "1 damage(500+500 of 2) 3 damage(2000+2096 of 4) 5 6 7 8", 6596, false},
		{"last of a file", []spoil{{2004, 0}}, "1 2 3 damage(2000+2096) 5 6 7 8", 6596, false},
		{"blank mark", []spoil{{3505, 0}}, "1 2 3 4 damage(3500+596) 5 6 7 8", 6596, false},
		{"blank's length", []spoil{{3503, 1}}, "1 2 3 4 damage(3500+596) 5 6 7 8", 6596, false},
		{"first of a file", []spoil{{4100, 0}}, "1 2 3 4 damage(4096+600) 6 7 8", 6596, false},
		{"around a file's end", []spoil{{3505, 0}, {4100, 0}}, "1 2 3 4 damage(3500+1196) 6 7 8", 6596, false},
		{"last of all", []spoil{{6200, 0}}, "1 2 3 4 5 6 7", 6096, true},
		{"behind the last", []spoil{{6600, 1}}, "1 2 3 4 5 6 7 8", 6596, true},
		{"a sector of the text", []spoil{{6587, 0}, {6588, 0}}, "1 2 3 4 5 6 7", 6096, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTest(t)
			for _, size := range []int{500, 500, 1000, 1500, 600, 900, 500, 500} {
				l.add(size)
			}
			l.write()
			for _, s := range c.spoils {
				l.spoil(s.off, s.c)
			}
			found, r := l.scan(0)
			require.Equal(t, c.found, found)
			require.Equal(t, c.end, r.End)
			require.Equal(t, c.torn, r.Torn != nil, "%v", r.Torn)
		})
	}
}

// TestRecordInBody puts a whole record of the right place into a damaged record's body: it is believed,
// since nothing tells it from a real one, but never while the record around it is good.
func TestRecordInBody(t *testing.T) {
	l := newTest(t)
	inner := &message.Record{Topic: []byte("I"), LogOffset: 88, QueueOffset: 42}
	r := &message.Record{Topic: []byte("T"), QueueOffset: 1, Body: inner.Append(nil)}
	require.ErrorIs(t, l.stager.Reserve(r.Size()), ErrNoFile)
	require.NoError(t, l.Prepare(0))
	require.NoError(t, l.stager.Reserve(r.Size()))
	l.stager.Put(r, r.Size(), message.BodyCRC(r.Body))
	l.n = 1
	l.add(300)
	l.write()
	found, _ := l.scan(0)
	require.Equal(t, "1 2", found)
}

// FuzzScan scans logs whose bytes were changed: it ends, finds no record twice, and none that does not
// check out, and after Resume a second scan finds the same.
func FuzzScan(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3})
	f.Add(uint64(2), []byte{0, 4, 0, 0, 100, 0xff, 1, 0xf4, 9})
	f.Fuzz(func(t *testing.T, seed uint64, changes []byte) {
		rng := rand.New(rand.NewPCG(seed, 0))
		l := newTest(t)
		for range 1 + rng.IntN(20) {
			l.add(message.MinSize + rng.IntN(1500))
		}
		l.write()
		for ; len(changes) >= 3; changes = changes[3:] {
			off := message.LogOffset(binary.BigEndian.Uint16(changes)) % l.Written()
			l.spoil(off, changes[2])
		}
		v := &visitor{}
		r, err := l.Scan(0, math.MaxInt64, v)
		require.NoError(t, err)
		for i, off := range v.records {
			require.True(t, i == 0 || off > v.records[i-1])
			raw, err := l.ReadRecord(off)
			require.NoError(t, err)
			var rec message.Record
			require.NoError(t, message.Decode(raw, &rec))
			require.NoError(t, message.CheckBody(raw, &rec))
		}
		require.NoError(t, l.Resume(0, r.End))
		again := &visitor{}
		r2, err := l.Scan(0, math.MaxInt64, again)
		require.NoError(t, err)
		require.Equal(t, v.found, again.found)
		require.Equal(t, r.End, r2.End)
		require.Nil(t, r2.Torn)
	})
}
