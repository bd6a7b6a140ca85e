package engine

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// fill stores n messages in each of three queues and returns where they lie, in order.
func fill(t *testing.T, s *Store, n int) (places []Receipt) {
	t.Helper()
	for i := range n {
		for _, topic := range []string{"A", "B", "C"} {
			_, last := send(t, s, topic, fmt.Sprint(topic, i, " ", strings.Repeat("x", 100+i)))
			places = append(places, last)
		}
	}
	return places
}

// words reads a queue: the first word of each message, "-" for one that is gone.
func words(t *testing.T, s *Store, topic string) string {
	t.Helper()
	q := s.Queue([]byte(topic), 0)
	var all []string
	for at := q.Min(); at < q.Max(); at++ {
		res := NewGetResult()
		s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 1}, res)
		for tries := 0; res.Cold; tries++ {
			require.Less(t, tries, 3)
			require.NoError(t, res.Warm())
			if res.Next > at {
				break
			}
			res.Release() // repaired, or only now in memory: try again
			res = NewGetResult()
			s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 1}, res)
		}
		word := "-"
		if res.Status == Found && res.Next == at+1 {
			word = wordOf(t, res.Buffers()[0], at)
		}
		all = append(all, word)
		res.Release()
	}
	return strings.Join(all, " ")
}

// wordOf is the first word of a message's body; "-" when the message is damaged.
func wordOf(t *testing.T, b []byte, at message.QueueOffset) string {
	var rec message.Record
	require.NoError(t, message.Decode(b, &rec))
	if message.CheckBody(b, &rec) != nil || rec.QueueOffset != at {
		return "-"
	}
	word, _, _ := strings.Cut(string(rec.Body), " ")
	return word
}

// numbered is what words tells of a whole queue.
func numbered(topic string, from, to int) string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(topic, i))
	}
	return strings.Join(all, " ")
}

func poke(t *testing.T, mem *mapfile.Mem, name string, off int64, b ...byte) {
	t.Helper()
	f, err := mem.Open(name)
	require.NoError(t, err)
	_, err = f.WriteAt(b, off)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func logName(off message.LogOffset, fileSize int64) (string, int64) {
	base := int64(off) / fileSize * fileSize
	return path.Join(commitLogName, fmt.Sprintf("%020d", base)), int64(off) - base
}

func pokeLog(t *testing.T, s *Store, mem *mapfile.Mem, off message.LogOffset, b ...byte) {
	t.Helper()
	name, at := logName(off, s.o.CommitLogFileSize)
	poke(t, mem, name, at, b...)
}

func remove(t *testing.T, mem *mapfile.Mem, name string) {
	t.Helper()
	require.NoError(t, mapfile.RemoveAll(mem, name))
}

// TestRecoverDamage damages a store of 3 × 40 messages that was killed, and says what is left of B.
func TestRecoverDamage(t *testing.T) {
	const n = 40
	whole := numbered("B", 0, n)
	without := func(i int) string { return strings.Replace(whole, fmt.Sprint("B", i), "-", 1) }
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt)
		want   string
		report int64 // damages found
		next   message.QueueOffset
	}{
		{"nothing", func(*testing.T, *Store, *mapfile.Mem, []Receipt) {}, whole, 0, n},
		{"a body", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset+95, 1)
		}, without(7), 1, n},
		{"a magic number", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset+5, 1)
		}, without(7), 1, n},
		{"a length", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset, 0x70)
		}, without(7), 1, n},
		{"a queue offset, too high", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset+25, 1)
		}, without(7), 1, n},
		{"a queue offset, far too high", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset+20, 0x40)
		}, without(7), 1, n},
		{"a queue offset, too low", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[7].LogOffset+27, 3)
		}, without(7), 0, n},
		{"the last body", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[n-1].LogOffset+95, 1)
		}, numbered("B", 0, n-1) + " -", 1, n}, // C's last follows it
		{"consume queues gone", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			remove(t, mem, consumeQueueName)
		}, whole, 0, n},
		{"one queue gone", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			remove(t, mem, "consumequeue/B")
		}, whole, 0, n},
		{"a queue entry", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			poke(t, mem, "consumequeue/B/0/00000000000000000320", 20*3, make([]byte, 20)...)
		}, whole, 0, n},
		{"index gone", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) { remove(t, mem, indexName) }, whole, 0, n},
		{"checkpoints gone", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			remove(t, mem, ringmqName)
			remove(t, mem, timesFile)
		}, whole, 0, n},
		{"only the log is left", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			for _, name := range []string{ringmqName, timesFile, consumeQueueName, indexName, abortName} {
				remove(t, mem, name)
			}
		}, whole, 0, n},
		{"abort emptied, as Java's", func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			f, err := mem.Open(abortName)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(0))
		}, whole, 0, n},
	} {
		for _, checkpoint := range []string{"none", "middle", "end"} {
			t.Run(c.name+"/checkpoint="+checkpoint, func(t *testing.T) {
				s, mem := openSmall(t, nil)
				var b []Receipt
				for i, r := range fill(t, s, n/2) {
					if i%3 == 1 {
						b = append(b, r)
					}
				}
				if checkpoint == "middle" {
					require.NoError(t, s.indexer.drain())
					s.checkpoint()
				}
				for i := n / 2; i < n; i++ {
					for _, topic := range []string{"A", "B", "C"} {
						_, last := send(t, s, topic, fmt.Sprint(topic, i, " ", strings.Repeat("x", 100+i)))
						if topic == "B" {
							b = append(b, last)
						}
					}
				}
				require.NoError(t, s.queues.Flush())
				if checkpoint == "end" {
					require.NoError(t, s.indexer.drain())
					s.checkpoint()
				}
				mem = mem.Kill()
				c.damage(t, s, mem, b)
				s = reopen(t, s, mem)
				require.Equal(t, numbered("A", 0, n), words(t, s, "A"))
				require.Equal(t, numbered("C", 0, n), words(t, s, "C"))
				require.Equal(t, c.want, words(t, s, "B"))
				require.Equal(t, c.next, s.Queue([]byte("B"), 0).Next)
				if checkpoint == "none" {
					require.GreaterOrEqual(t, s.Stats().Damage, c.report)
				}
				// It goes on, and the next start finds it as it was left.
				send(t, s, "B", "B"+fmt.Sprint(n)+" x")
				want := words(t, s, "B")
				require.NoError(t, s.Close())
				s = reopen(t, s, mem)
				require.Equal(t, want, words(t, s, "B"))
				require.NoError(t, s.Close())
			})
		}
	}
}

// TestCleanStartReadsNothing: after a clean stop the log is not scanned.
func TestCleanStartReadsNothing(t *testing.T) {
	s, mem := openSmall(t, nil)
	fill(t, s, 20)
	require.NoError(t, s.Close())
	s = reopen(t, s, mem)
	require.Equal(t, s.Visible(), s.Stats().Checkpoint)
	require.Equal(t, numbered("A", 0, 20), words(t, s, "A"))
	require.NoError(t, s.Close())
}

// TestMarkOfAnotherLog: a checkpoint that is not of this log is not believed.
func TestMarkOfAnotherLog(t *testing.T) {
	s, mem := openSmall(t, nil)
	fill(t, s, 30)
	require.NoError(t, s.Close())
	other, otherMem := openSmall(t, nil)
	send(t, other, "A", "other "+strings.Repeat("x", 3000))
	fill(t, other, 10)
	require.NoError(t, other.Close())
	from, err := mem.Open("ringmq/checkpoint")
	require.NoError(t, err)
	b := make([]byte, from.Size())
	_, err = from.ReadAt(b, 0)
	require.NoError(t, err)
	poke(t, otherMem, "ringmq/checkpoint", 0, b...)
	other = reopen(t, other, otherMem)
	require.Equal(t, "other "+numbered("A", 0, 10), words(t, other, "A"))
	require.NoError(t, other.Close())
}

// TestDeletedTopicStaysDeleted, also over a kill, and begins at 0 when it is made anew.
func TestDeletedTopicStaysDeleted(t *testing.T) {
	s, mem := openSmall(t, nil)
	fill(t, s, 5)
	require.NoError(t, s.DeleteTopic("B"))
	mem = mem.Kill()
	s = reopen(t, s, mem)
	require.Nil(t, s.Lookup([]byte("B"), 0))
	send(t, s, "B", "new0", "new1")
	require.Equal(t, "new0 new1", words(t, s, "B"))
	mem = mem.Kill()
	s = reopen(t, s, mem)
	require.Equal(t, "new0 new1", words(t, s, "B"))
	require.NoError(t, s.Close())
	// Even when everything is made again from the log.
	remove(t, mem, consumeQueueName)
	s = reopen(t, s, mem)
	require.Equal(t, "new0 new1", words(t, s, "B"))
	require.Equal(t, numbered("A", 0, 5), words(t, s, "A"))
	require.NoError(t, s.Close())
}

// TestSecondStoreIsRefused, and does not touch anything.
func TestSecondStoreIsRefused(t *testing.T) {
	s, mem := openSmall(t, nil)
	fill(t, s, 3)
	before := mem.Ops()
	_, err := Open(s.o)
	require.ErrorIs(t, err, errSecond)
	require.ErrorContains(t, err, "mem")
	require.Equal(t, before, mem.Ops())
	require.NoError(t, s.Close())
	s = reopen(t, s, mem)
	require.NoError(t, s.Close())
}

// TestJavaFiles: what a Java broker sees beside the log.
func TestJavaFiles(t *testing.T) {
	s, mem := openSmall(t, nil)
	read := func(name string) []byte {
		f, err := mem.Open(name)
		require.NoError(t, err)
		b := make([]byte, f.Size())
		_, _ = f.ReadAt(b, 0)
		return b
	}
	require.Equal(t, "lock", string(read("lock")))
	require.Equal(t, "ringmq mem-0\n", string(read("abort")))
	_, last := send(t, s, "T", "x")
	require.NotZero(t, last)
	require.NoError(t, s.Close())
	_, err := mem.Stat("abort")
	require.Error(t, err)
	b := read("checkpoint")
	require.Len(t, b, 4096)
	now := uint64(s.o.Clock.Now().UnixMilli())
	require.Equal(t, now, binary.BigEndian.Uint64(b))
	require.Equal(t, now, binary.BigEndian.Uint64(b[8:]))
	require.Zero(t, binary.BigEndian.Uint64(b[16:]), "no index file is full")
}

func TestMarkBytes(t *testing.T) {
	m := mark{sequence: 1, queues: 2, index: 3, anchor: 4, anchorTime: 5, entries: 6, storeTime: 7, indexed: 8, clean: true}
	b := m.encode()
	require.Len(t, b, markSize)
	require.Equal(t, "RMQ1", string(b[:4]))
	got, ok := decodeMark(b)
	require.True(t, ok)
	require.Equal(t, m, got)
	for i := range b {
		b[i] ^= 4
		_, ok := decodeMark(b)
		require.False(t, ok, "byte %d", i)
		b[i] ^= 4
	}
	_, ok = decodeMark(b[:markSize-1])
	require.False(t, ok)
}

// FuzzRecovery changes bytes of a closed or killed store, anywhere: it opens, or says why not, and never panics;
// messages whose bytes are whole are not lost.
func FuzzRecovery(f *testing.F) {
	f.Add(uint8(0), []byte{1, 2, 3, 4})
	f.Add(uint8(1), []byte{0, 4, 0, 0, 100, 0xff, 1, 0xf4, 9, 1, 1, 1})
	f.Fuzz(func(t *testing.T, how uint8, changes []byte) {
		s, mem := openSmall(t, nil)
		places := fill(t, s, 12)
		switch how % 3 {
		case 0:
			require.NoError(t, s.Close())
		case 1:
			s.checkpoint()
			mem = mem.Kill()
		case 2:
			mem = mem.Kill()
		}
		names := []string{"commitlog/00000000000000000000", "commitlog/00000000000000008192", "checkpoint", "ringmq/checkpoint", "abort"}
		for _, dir := range []string{"consumequeue/A/0", "consumequeue/B/0", "index"} {
			entries, _ := mem.ReadDir(dir)
			for _, e := range entries {
				names = append(names, path.Join(dir, e.Name))
			}
		}
		for ; len(changes) >= 4; changes = changes[4:] {
			file, err := mem.Open(names[int(changes[0])%len(names)])
			if err != nil || file.Size() == 0 {
				continue
			}
			_, err = file.WriteAt(changes[3:4], int64(binary.BigEndian.Uint16(changes[1:]))%file.Size())
			require.NoError(t, err)
		}
		again, err := Open(func() Options { o := s.o; o.FS = mem; return o }())
		if err != nil {
			return
		}
		for _, p := range places {
			b, err := again.ReadRecord(p.LogOffset)
			if err == nil && len(b) != int(p.Size) {
				t.Fatalf("record at %d has %d bytes, was %d", p.LogOffset, len(b), p.Size)
			}
		}
		for _, q := range again.queues.All() {
			res := NewGetResult()
			for at := q.Min(); at < q.Max(); at = max(at+1, res.Next) {
				res.Release()
				res = NewGetResult()
				again.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 8}, res)
			}
			res.Release()
		}
		_, err = again.Append(again.Queue([]byte("A"), 0), testRecord("A", "x"))
		require.NoError(t, err)
		require.NoError(t, again.Close())
	})
}

var _ commitlog.Visitor = (*redispatch)(nil)

// TestQueueFiles: who may have few descriptors gives most of them to connections and the log.
func TestQueueFiles(t *testing.T) {
	for descriptors, want := range map[int]int{64: 16, 1024: 128, 4096: 512, 65536: 1000} {
		require.Equal(t, want, queueFiles(descriptors), "%d", descriptors)
	}
}
