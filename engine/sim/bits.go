package sim

import (
	"bytes"
	"fmt"
	"math/bits"
	"path"
	"slices"
	"sync"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// bitsStore is a store whose bits are flipped. It is not changed any more.
type bitsStore struct {
	m     *sim
	log   string            // the commit log's file
	rows  map[row][]*record // what each queue serves, in its order
	files []string
	sizes []int64
	count uint64 // chunks of all files
}

// row is a queue.
type row struct {
	topic string
	id    int32
}

// bitsChunk is how many bytes one run of [Bits] covers.
const bitsChunk = 64

// bitsLog is the length of the one commit log file, and how many bytes of it have messages.
const bitsLog, bitsFill = 1 << 20, 1<<20 - 40_000

// bitsStores are a store that was closed and one that was killed with half of its messages behind the
// last checkpoint, so that a start reads them.
var bitsStores = sync.OnceValue(func() (stores [2]bitsStore) {
	for i, e := range []ending{closed, killed} {
		w := newWorld(false)
		res := w.guard(func() { stores[i].fill(w, e) })
		if res.Failure != nil {
			panic(res.Failure)
		}
	}
	return stores
})

func (s *bitsStore) fill(w *world, e ending) {
	m := w.start(dice(0))
	m.o = smallOptions()
	m.o.FlushMode = commitlog.Auto
	m.o.CommitLogFileSize, m.o.ConsumeQueueFileSize, m.o.IndexSlots, m.o.IndexEntries = bitsLog, 20*100, 500, 4000
	m.script()
	for i := 0; m.s.Tail() < bitsFill; i++ {
		if m.do("put", func(m *sim) error { return m.putOne(topics[i%3], 100+37*i%2000) }); i%10 == 0 {
			m.script("commit", "index")
		}
		if int(m.s.Tail()) < bitsFill/2 {
			m.script("checkpoint")
		}
	}
	m.script("commit", "index")
	m.ending = e
	m.end()
	m.mem, m.image, m.s = m.image, nil, engine.Steps{}
	m.mem.Fault = nil
	m.model.records = slices.Clip(m.model.records) // those who flip add their own behind them
	s.m, s.rows = m, map[row][]*record{}
	for _, r := range m.model.records {
		s.rows[row{r.topic, r.id}] = append(s.rows[row{r.topic, r.id}], r)
	}
	s.list(".")
	s.checkLog()
}

// checkLog checks that the log has each record where the model has it.
func (s *bitsStore) checkLog() {
	s.log = path.Join(engine.CommitLogName, commitlog.FileName(0))
	log := make([]byte, bitsLog)
	f, err := s.m.mem.Open(s.log)
	s.m.must(err == nil, "%v", err)
	_, err = f.ReadAt(log, 0)
	s.m.must(err == nil, "%v", err)
	for _, r := range s.m.model.records {
		s.m.must(bytes.Equal(log[r.log:r.end()], r.raw), "%s is not in the log", r)
	}
}

// list collects the files below a directory.
func (s *bitsStore) list(dir string) {
	entries, err := s.m.mem.ReadDir(dir)
	s.m.must(err == nil, "%v", err)
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		if e.Dir {
			s.list(name)
			continue
		}
		s.files, s.sizes = append(s.files, name), append(s.sizes, e.Size)
		s.count += chunks(e.Size)
	}
}

func chunks(size int64) uint64 { return uint64((size + bitsChunk - 1) / bitsChunk) }

// bitsCount is how many chunks there are to flip bits in.
func bitsCount() uint64 {
	s := bitsStores()
	return s[0].count + s[1].count
}

// Bits flips each bit of the n-th chunk of 64 bytes of a small store's files, one at a time. Whatever the bit: the store
// opens, serves every message but the one that was hit, and takes more.
func Bits(n uint64, trace bool) Result {
	w := newWorld(trace)
	return w.guard(func() {
		stores := bitsStores()
		s := &stores[0]
		if n >= s.count {
			n -= s.count
			s = &stores[1]
		}
		for i, name := range s.files {
			if n >= chunks(s.sizes[i]) {
				n -= chunks(s.sizes[i])
				continue
			}
			s.flipBytes(w, name, int64(n)*bitsChunk, min(int64(n+1)*bitsChunk, s.sizes[i]))
			return
		}
	})
}

// flipBytes flips each bit of the bytes from up to to.
func (s *bitsStore) flipBytes(w *world, name string, from, to int64) {
	image := s.m.mem.Kill()
	for off := from; off < to; off++ {
		for bit := range 8 {
			s.m.mem.Revert(image)
			s.flip(w, image, name, off, bit)
		}
	}
}

// flip flips one bit of an image and looks at what becomes of it.
func (s *bitsStore) flip(w *world, image *mapfile.Mem, name string, off int64, bit int) {
	s.flipBit(image, name, off, bit)
	clock := *s.m.clock
	log, err := image.Open(s.log)
	s.m.must(err == nil, "%v", err)
	c := flipped{
		sim:   &sim{w: w, rng: dice(uint64(off)), clock: &clock, o: s.m.o, mem: image, model: s.m.model, ending: s.m.model.ended},
		where: flippedBit{name, off, bit}, rows: s.rows, log: log,
	}
	c.logf("bit %d of byte %d of %s", bit, off, name)
	c.reached("bit flipped", kindOf(name), s.m.ending.String())
	c.must(c.open(), "%s: the store does not open", c.where)
	c.mem.Cold.Store(bit == int(off%8)) // one of each byte's is read as from the device
	c.w.images++
	c.audit(s.hitBy(name, off))
}

// flipBit flips a bit of a file.
func (s *bitsStore) flipBit(image *mapfile.Mem, name string, off int64, bit int) {
	f, err := image.Open(name)
	s.m.must(err == nil, "%v", err)
	var b [1]byte
	_, err = f.ReadAt(b[:], off)
	s.m.must(err == nil, "%v", err)
	b[0] ^= 1 << bit
	_, err = f.WriteAt(b[:], off)
	s.m.must(err == nil, "%v", err)
}

// hitBy is the record that a byte is of, or nil.
func (s *bitsStore) hitBy(name string, off int64) *record {
	if name != s.log {
		return nil
	}
	i := slices.IndexFunc(s.m.model.records, func(r *record) bool { return off < int64(r.end()) })
	if i < 0 {
		return nil
	}
	return s.m.model.records[i]
}

// flipped is a store of which one bit was flipped.
type flipped struct {
	*sim
	where flippedBit
	rows  map[row][]*record
	log   mapfile.File
}

// flippedBit is where it lies.
type flippedBit struct {
	name string
	off  int64
	bit  int
}

func (b flippedBit) String() string {
	return fmt.Sprintf("bit %d of byte %d of %s", b.bit, b.off, b.name)
}

// audit checks that every message is served but one that was hit, and more are taken.
func (m *flipped) audit(hit *record) {
	left, seen := 0, 0
	for _, q := range m.s.Queues() {
		want := m.rows[row{q.Topic(), q.ID()}]
		seen += len(want)
		missing, others := m.serve(q, want)
		// A damaged one may say that it is at the place of another.
		for _, r := range missing {
			i := slices.IndexFunc(others, func(b []byte) bool { return bytes.Equal(b, r.raw) })
			if i >= 0 {
				others = slices.Delete(others, i, i+1)
			}
			m.must(i >= 0 || r == hit, "%s: lost %s", m.where, r)
		}
		for _, b := range others {
			m.must(hit != nil && distance(b, hit.raw) <= 1, "%s: %s/%d serves what nobody put", m.where, q.Topic(), q.ID())
			left++
		}
	}
	m.must(seen == len(m.model.records), "%s: a queue is missing, and its messages", m.where)
	if hit != nil {
		m.reached("record hit", [...]string{"gone", "served, changed"}[left], "")
	}
	for i := 0; i < len(m.model.records); i += 50 {
		r := m.model.records[i]
		found := m.s.QueryKey([]byte(r.topic), []byte(r.keys[0]), 1<<10, 0, 1<<62).Offsets
		m.must(kindOf(m.where.name) == engine.IndexName || r == hit || slices.Contains(found, r.log), "%s: %s is not found by its key", m.where, r)
	}
	r := m.messageOf("A", 10)
	m.must(m.put(m.s.Queue([]byte("A"), 0), &r) == nil && m.commitAll() == nil, "%s: the store takes no messages", m.where)
	m.model.records = m.model.records[:len(m.model.records)-1]
	m.model.bodies--
}

// serve reads a queue as consumers do, and returns what of its messages is not there, and what else is.
func (m *flipped) serve(q *consumequeue.Queue, want []*record) (missing []*record, others [][]byte) {
	res := engine.NewGetResult()
	defer func() { res.Release() }()
	repaired := message.QueueOffset(-1)
	for at := q.Min(); at < q.Max(); at = res.Next {
		res.Release()
		res = engine.NewGetResult()
		m.s.Get(&engine.GetRequest{Queue: q, Offset: at, MaxMsgs: 32}, res)
		if res.Cold {
			_ = res.Warm() // what it could not read is missing then
		}
		if res.Next == at && repaired != at {
			repaired = at // a damaged entry was made again: the consumer asks once more
			continue
		}
		m.must(res.Next > at, "%s/%d: a get at %d leads to %d: %s", q.Topic(), q.ID(), at, res.Next, res.Status)
		for _, b := range res.Buffers() {
			off, unchanged := mapfile.Unchanged(m.log, b)
			for len(b) >= message.MinSize {
				i := slices.IndexFunc(want[:min(2, len(want))], func(r *record) bool {
					if unchanged { // it is what it was, when all was right
						return int64(r.log) == off && len(r.raw) <= len(b)
					}
					return bytes.HasPrefix(b, r.raw)
				})
				size := 0
				if i >= 0 {
					size = len(want[i].raw)
					missing, want = append(missing, want[:i]...), want[i+1:]
				} else {
					h, err := message.Peek(b)
					m.must(err == nil && h.Size <= len(b), "%s/%d: a get at %d returns what is no message: %v", q.Topic(), q.ID(), at, err)
					var r message.Record
					if size = h.Size; message.Decode(b[:size], &r) == nil {
						others = append(others, bytes.Clone(b[:size]))
					}
				}
				b, off = b[size:], off+int64(size)
			}
		}
	}
	return append(missing, want...), others
}

// distance is in how many bits two texts differ; those of another length differ in all.
func distance(a, b []byte) int {
	if len(a) != len(b) {
		return 8 * max(len(a), len(b))
	}
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}
