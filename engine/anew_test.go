package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestTopicMadeAnewByJava: a Java broker leaves no note of a topic that it has deleted. When the
// queues are made from the log, the newest messages win.
func TestTopicMadeAnewByJava(t *testing.T) {
	numbers := func(from, to int) []string {
		var all []string
		for i := from; i < to; i++ {
			all = append(all, numbered("B", i, i+1)+" x")
		}
		return all
	}
	for _, c := range []struct {
		name   string
		old    int
		again  int // generations of one message each in between
		new    int
		damage func(t *testing.T, s *Store, mem *mapfile.Mem, first Receipt)
		want   string
		report int64
	}{
		{name: "longer", old: 5, new: 9, want: numbered("B", 100, 109)},
		{name: "shorter", old: 9, new: 3, want: numbered("B", 100, 103)},
		{name: "one message", old: 9, new: 1, want: "B100"},
		{name: "several times", old: 9, again: 3, new: 4, want: numbered("B", 100, 104)},
		{name: "several times, then one message", old: 7, again: 2, new: 1, want: "B100"},
		// One changed bit makes 0 of 8, and a message more than is said to be there is not believed.
		{name: "one message, or a changed bit", old: 8, new: 1, want: numbered("B", 0, 8), report: 1},
		{name: "begins with damage", old: 9, new: 4, damage: func(t *testing.T, s *Store, mem *mapfile.Mem, first Receipt) {
			pokeLog(t, s, mem, first.LogOffset, 0x70)
		}, want: numbered("B", 101, 104), report: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, mem := openSmall(t, nil)
			fill(t, s, 3)
			require.NoError(t, s.DeleteTopic("B"))
			send(t, s, "B", numbers(0, c.old)...)
			for range c.again {
				require.NoError(t, s.DeleteTopic("B"))
				send(t, s, "B", "between x")
			}
			require.NoError(t, s.DeleteTopic("B"))
			first, _ := send(t, s, "B", numbers(100, 100+c.new)...)
			send(t, s, "A", "A3 x")
			require.NoError(t, s.Close())
			for _, name := range []string{ringmqName, consumeQueueName, indexName} {
				remove(t, mem, name)
			}
			if c.damage != nil {
				c.damage(t, s, mem, first)
			}
			s = reopen(t, s, mem)
			require.Equal(t, c.want, words(t, s, "B"))
			require.Equal(t, c.report, s.Stats().Damage)
			require.Equal(t, numbered("A", 0, 4), words(t, s, "A"))
			require.NoError(t, s.Close())
			s = reopen(t, s, mem)
			require.Equal(t, c.want, words(t, s, "B"), "and stays so")
			send(t, s, "B", "last x")
			require.Equal(t, c.want+" last", words(t, s, "B"))
			require.NoError(t, s.Close())
		})
	}
}

// TestHolesLeadToRecords: whatever a Java broker gives out for a lost message is a record.
func TestHolesLeadToRecords(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt){
		"bodies": func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			for _, i := range []int{0, 4, 5, 9} {
				pokeLog(t, s, mem, b[i].LogOffset+95, 1)
			}
		},
		"lengths": func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			for _, i := range []int{4, 5, 7} {
				pokeLog(t, s, mem, b[i].LogOffset, 0x70)
			}
		},
		"queue offset": func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[4].LogOffset+27, 0)
		},
		"record and entry": func(t *testing.T, s *Store, mem *mapfile.Mem, b []Receipt) {
			pokeLog(t, s, mem, b[4].LogOffset, 0x70)
			poke(t, mem, "consumequeue/B/0/00000000000000000000", 20*4, make([]byte, 20)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, mem := openSmall(t, nil)
			var b []Receipt
			for i, r := range fill(t, s, 10) {
				if i%3 == 1 {
					b = append(b, r)
				}
			}
			require.NoError(t, s.queues.Flush())
			mem = mem.Kill()
			if name != "record and entry" {
				remove(t, mem, consumeQueueName)
			}
			damage(t, s, mem, b)
			s = reopen(t, s, mem)
			q := s.Queue([]byte("B"), 0)
			require.EqualValues(t, 10, q.Max(), "no offset is given out again")
			require.Zero(t, q.Min())
			entries := make([]consumequeue.Entry, 10)
			n, err := q.Read(0, entries)
			require.NoError(t, err)
			require.Equal(t, 10, n)
			holes := 0
			for i, e := range entries {
				if e.IsHole() {
					holes++
				}
				raw, err := s.ReadRecord(e.LogOffset)
				require.NoError(t, err, "entry %d", i)
				var r message.Record
				require.NoError(t, message.Decode(raw, &r))
				require.Equal(t, "B", string(r.Topic))
				require.Len(t, raw, int(e.Size))
				if i > 0 {
					require.GreaterOrEqual(t, e.LogOffset, entries[i-1].LogOffset)
				}
			}
			require.NotZero(t, holes)
			want := words(t, s, "B")
			require.NoError(t, s.Close())
			s = reopen(t, s, mem)
			require.Equal(t, want, words(t, s, "B"))
			require.NoError(t, s.Close())
		})
	}
}

// TestDamageIsKept: its line once, and its bytes beside the store, also those of a torn end.
func TestDamageIsKept(t *testing.T) {
	s, mem := openSmall(t, nil)
	places := fill(t, s, 10)
	bad, torn := places[7], places[len(places)-1]
	read := func(name string) []byte {
		f, err := mem.Open(name)
		require.NoError(t, err)
		b := make([]byte, f.Size())
		_, _ = f.ReadAt(b, 0)
		return b
	}
	mem = mem.Kill()
	pokeLog(t, s, mem, bad.LogOffset+5, 1)
	pokeLog(t, s, mem, torn.LogOffset+95, 1)
	var want [2][]byte
	for i, r := range []Receipt{bad, torn} {
		name, at := logName(r.LogOffset, s.o.CommitLogFileSize)
		want[i] = read(name)[at : at+int64(r.Size)]
	}
	for range 2 {
		s = reopen(t, s, mem)
		require.EqualValues(t, 1, s.Stats().Damage)
		line := string(read("ringmq/damage.log"))
		require.Equal(t, 1, strings.Count(line, "\n"), line)
		for _, part := range []string{s.log.PathOf(bad.LogOffset), fmt.Sprint(bad.LogOffset), "MAGIC", "0xDAA320A7"} {
			require.Contains(t, line, part)
		}
		require.Equal(t, want[0], read(fmt.Sprintf("ringmq/damage/%020d", bad.LogOffset)))
		require.Equal(t, want[1], read(fmt.Sprintf("ringmq/damage/%020d", torn.LogOffset)))
		require.NoError(t, s.Close())
		remove(t, mem, "ringmq/checkpoint")
	}
}

// TestIndexAfterJavaCrash: what a Java broker had not put on the device, or has thrown away after an earlier crash, is
// indexed again, also from before the file that it would begin with.
func TestIndexAfterJavaCrash(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, mem *mapfile.Mem, files []mapfile.Entry){
		"all there": func(*testing.T, *mapfile.Mem, []mapfile.Entry) {},
		"newest file gone": func(t *testing.T, mem *mapfile.Mem, files []mapfile.Entry) {
			remove(t, mem, "index/"+files[len(files)-1].Name)
		},
		"newest file torn": func(t *testing.T, mem *mapfile.Mem, files []mapfile.Entry) {
			last := files[len(files)-1]
			poke(t, mem, "index/"+last.Name, 40, make([]byte, last.Size-40)...)
		},
		"all gone": func(t *testing.T, mem *mapfile.Mem, files []mapfile.Entry) { remove(t, mem, indexName) },
	} {
		t.Run(name, func(t *testing.T) {
			s, mem := openSmall(t, func(o *Options) { o.IndexEntries = 50 })
			var want []message.LogOffset
			for i, r := range fill(t, s, 40) {
				if i%3 == 0 {
					want = append(want, r.LogOffset)
				}
			}
			require.NoError(t, s.indexer.drain())
			s.checkpoint()
			mem = mem.Kill()
			files, err := mem.ReadDir(indexName)
			require.NoError(t, err)
			require.Greater(t, len(files), 2)
			remove(t, mem, ringmqName)
			f, err := mem.Open(abortName)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(0))
			now := s.o.Clock.Now().UnixMilli()
			ours := times{log: now + 2*javaMargin, queues: now + 2*javaMargin, index: s.times.index}
			f, err = mem.Open(timesFile)
			require.NoError(t, err)
			require.NoError(t, ours.write(f)) // Java would begin with the last file
			change(t, mem, files)
			s = reopen(t, s, mem)
			for i, off := range want {
				got := s.QueryKey([]byte("A"), fmt.Appendf(nil, "key-A%d", i), 9, 0, now+1).Offsets
				require.Equal(t, []message.LogOffset{off}, got, "message %d", i)
			}
			require.NoError(t, s.Close())
		})
	}
}

// TestQueueMadeAnewByJavaKeepsItsEntries: where Java's queue files are there, records from before the topic was deleted
// do not continue them, whatever their offsets are.
func TestQueueMadeAnewByJavaKeepsItsEntries(t *testing.T) {
	for again := 1; again < 14; again++ {
		s, mem := openSmall(t, multiOptions)
		for i := range 5 {
			sendMulti(t, s, fmt.Sprint("old", i), "%LMQ%x")
			send(t, s, "B", fmt.Sprint("B", i, " x"))
		}
		require.NoError(t, s.DeleteTopic("B"))
		require.NoError(t, s.DeleteTopic("%LMQ%x"))
		var want []string
		for i := range again {
			sendMulti(t, s, fmt.Sprint("new", i), "%LMQ%x")
			send(t, s, "B", fmt.Sprint("B", 100+i, " x"))
			want = append(want, fmt.Sprintf("new%d[%d]", i, i))
		}
		require.NoError(t, s.queues.Flush())
		if again%2 == 0 {
			mem = mem.Kill()
		} else {
			require.NoError(t, s.Close())
		}
		for _, name := range []string{ringmqName, "checkpoint"} { // as if the broker had been Java's, and long ago
			remove(t, mem, name)
		}
		s = reopen(t, s, mem)
		require.Equal(t, numbered("B", 100, 100+again), words(t, s, "B"), again)
		require.Equal(t, strings.Join(want, " "), seen(t, s, "%LMQ%x", 0), again)
		require.NoError(t, s.Close())
	}
}
