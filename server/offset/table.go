package offset

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/server/configfile"
	"ringmq/server/names"
)

// MaxPairs bounds the table: beyond it commits for further topic@group pairs are refused.
const MaxPairs = 1 << 20

// MaxPages bounds the numbers of all pairs, which lie in pages of 16 queues: else a client that commits for each of the
// 65,536 queues that a topic may have would fill the memory.
const MaxPages = 2 * MaxPairs

// Table holds the consumer offsets of a broker. Its methods may be called from any goroutine.
type Table struct {
	pairs *names.Map[*queues] // by topic@group
	pages *atomic.Int64       // of all pairs
	file  *configfile.File
	light bool // light groups have one number for a topic; set before use
	log   *slog.Logger
	dirty atomic.Bool // a number has changed since the last save began
}

// Open reads the table from the file at path (config/consumerOffset.json), empty if there is none.
func Open(path string, log *slog.Logger) (*Table, error) {
	t := &Table{pairs: names.NewMap[*queues](), pages: new(atomic.Int64), log: log}
	t.file = configfile.New(path, t.encode)
	return t, t.file.Load(log, t.decode)
}

// OpenLight is Open for a broker with enableLmq, which keeps all numbers in another file (config/lmqConsumerOffset.json). When there
// is none yet those at before are taken over; a Java broker begins without.
func OpenLight(path, before string, log *slog.Logger) (*Table, error) {
	old, err := Open(before, log)
	if err != nil {
		return nil, err
	}
	t := &Table{pairs: old.pairs, pages: old.pages, light: true, log: log}
	t.file = configfile.New(path, t.encode)
	return t, t.file.Load(log, t.decode)
}

// Commit stores the number of a queue. The error is an answer for the client: a name that
// may not be, a queue number out of bounds, or a full table. Known queues take the fast path,
// which does not allocate.
func (t *Table) Commit(group, topic []byte, queueID int32, offset int64) error {
	if queueID < 0 || queueID >= names.MaxQueues {
		return fmt.Errorf("queueId[%d] is illegal, the offset of topic[%s] group[%s] is not stored", queueID, clip(topic), clip(group))
	}
	if t.light && names.IsLight(group) {
		queueID = 0
	}
	var room [keyRoom]byte
	q, ok := t.pairs.Get(appendKey(room[:0], topic, group))
	if !ok {
		var err error
		if q, err = t.add(string(group), string(topic)); err != nil {
			return err
		}
	}
	if !q.store(queueID, offset, MaxPages) {
		return errFull
	}
	if !t.dirty.Load() { // a plain read: the flag's cache line stays shared among loops
		t.dirty.Store(true)
	}
	return nil
}

// Offset returns the number of a queue; ok is false if there is none.
func (t *Table) Offset(group, topic []byte, queueID int32) (offset int64, ok bool) {
	var room [keyRoom]byte
	q, ok := t.pairs.Get(appendKey(room[:0], topic, group))
	if !ok || queueID < 0 {
		return 0, false
	}
	if t.light && names.IsLight(group) {
		queueID = 0
	}
	offset = q.offset(queueID)
	return offset, offset != unset
}

// Find is [Table.Offset] for names that are strings, with Java's −1 for none.
func (t *Table) Find(group, topic string, queueID int32) int64 {
	if t.light && names.IsLight(group) {
		queueID = min(queueID, 0)
	}
	if q, ok := t.pairs.Find(topic + "@" + group); ok && queueID >= 0 {
		if n := q.offset(queueID); n != unset {
			return n
		}
	}
	return -1
}

// Queues returns the numbers of all queues of a pair, empty if it is unknown.
func (t *Table) Queues(group, topic string) map[int32]int64 {
	numbers := make(map[int32]int64)
	if q, ok := t.pairs.Find(topic + "@" + group); ok {
		for id, n := range q.numbers() {
			numbers[id] = n
		}
	}
	return numbers
}

// Topics lists the topics a group has committed offsets of, sorted.
func (t *Table) Topics(group string) (topics []string) {
	for _, q := range t.pairs.All() {
		if q.group == group && q.topic != "" {
			topics = append(topics, q.topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// Groups lists the groups that have committed offsets of a topic, sorted.
func (t *Table) Groups(topic string) (groups []string) {
	for _, q := range t.pairs.All() {
		if q.topic == topic && q.group != "" {
			groups = append(groups, q.group)
		}
	}
	slices.Sort(groups)
	return groups
}

// Correction is the answer to request 308 (QUERY_CORRECTION_OFFSET): per queue of a topic the
// smallest number that a group outside filter has committed and that is not below the queue's minimum,
// or [math.MaxInt64] where compare is behind even that. Java's queryMinOffsetInAllGroup deletes
// the offsets of the filtered groups while it is at it; here asking changes nothing.
func (t *Table) Correction(topic, compare string, filter []string, minimum func(queueID int32) int64) map[int32]int64 {
	slowest := make(map[int32]int64)
	for _, q := range t.pairs.All() {
		if q.topic != topic || slices.Contains(filter, q.group) {
			continue
		}
		for id, n := range q.numbers() {
			if n < minimum(id) {
				continue
			}
			if least, ok := slowest[id]; !ok || n < least {
				slowest[id] = n
			}
		}
	}
	for id, n := range t.Queues(compare, topic) {
		if least, ok := slowest[id]; ok && least > n {
			slowest[id] = math.MaxInt64
		}
	}
	return slowest
}

// Clone copies the numbers of one topic from a group to another, whose own are forgotten.
func (t *Table) Clone(from, to, topic string) error {
	src, ok := t.pairs.Find(topic + "@" + from)
	if !ok {
		return nil
	}
	dst := newQueues(topic, to, t.pages)
	for id, n := range src.numbers() {
		if !dst.store(id, n, MaxPages) {
			dst.forget()
			return errFull
		}
	}
	old, err := t.add(to, topic)
	if err != nil {
		dst.forget()
		return err
	}
	t.pairs.Put(topic+"@"+to, dst)
	old.forget()
	t.dirty.Store(true)
	return nil
}

// ForgetGroup deletes all numbers of a group.
func (t *Table) ForgetGroup(group string) {
	for key, q := range t.pairs.All() {
		if q.group == group && q.topic != "" {
			if t.pairs.Delete(key) {
				q.forget()
			}
			t.dirty.Store(true)
		}
	}
}

// Save writes the table if it has changed since the last save.
func (t *Table) Save() error {
	if !t.dirty.Swap(false) {
		return nil
	}
	if err := t.file.Save(); err != nil {
		t.dirty.Store(true)
		return err
	}
	return nil
}

// Table is what request 43 answers and the file holds: a [wire.OffsetSerializeWrapper], or with light groups a
// [wire.LmqOffsetSerializeWrapper].
func (t *Table) Table() any {
	w := t.Snapshot()
	if !t.light {
		return w
	}
	light := make(map[string]int64)
	for key, numbers := range w.OffsetTable {
		if _, group, _ := strings.Cut(key, "@"); names.IsLight(group) {
			delete(w.OffsetTable, key)
			if n, ok := numbers[0]; ok {
				light[key] = n
			}
		}
	}
	return &wire.LmqOffsetSerializeWrapper{LmqOffsetTable: light, OffsetTable: w.OffsetTable}
}

// Snapshot is the numbers of all pairs.
func (t *Table) Snapshot() *wire.OffsetSerializeWrapper {
	w := &wire.OffsetSerializeWrapper{OffsetTable: make(map[string]map[int32]int64, t.pairs.Len())}
	for key, q := range t.pairs.All() {
		numbers := make(map[int32]int64)
		for id, n := range q.numbers() {
			numbers[id] = n
		}
		w.OffsetTable[key] = numbers
	}
	return w
}

func (t *Table) encode() ([]byte, error) { return fastjson.MarshalPretty(t.Table()) }

func (t *Table) decode(data []byte) error {
	var w wire.LmqOffsetSerializeWrapper // a file of either kind
	if err := fastjson.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.OffsetTable == nil && w.LmqOffsetTable == nil { // else a damaged name would be a broker without offsets
		return errors.New("it has no offsetTable")
	}
	t.pairs = names.NewMap[*queues]()
	t.pages.Store(0)
	for key, n := range w.LmqOffsetTable {
		if w.OffsetTable == nil {
			w.OffsetTable = make(map[string]map[int32]int64)
		}
		w.OffsetTable[key] = map[int32]int64{0: n}
	}
	for key, numbers := range w.OffsetTable {
		topic, group, ok := strings.Cut(key, "@")
		if !ok || strings.Contains(group, "@") {
			topic, group = "", "" // kept, but nobody's
		}
		q := newQueues(topic, group, t.pages)
		for id, n := range numbers {
			if id < 0 || id >= names.MaxQueues {
				t.log.Warn("offset of an impossible queue ignored", "key", key, "queueId", id, "offset", n)
				continue
			}
			q.store(id, n, math.MaxInt64)
		}
		t.pairs.Put(key, q)
	}
	return nil
}

// add makes an unknown pair, after checking its names.
func (t *Table) add(group, topic string) (*queues, error) {
	if err := names.CheckTopic(topic); err != nil {
		return nil, err
	}
	if err := names.CheckGroup(group); err != nil {
		return nil, err
	}
	q, ok := t.pairs.FindOrPut(topic+"@"+group, MaxPairs, func() *queues { return newQueues(topic, group, t.pages) })
	if !ok {
		return nil, fmt.Errorf("the broker keeps offsets of %d topic@group pairs and takes no further one", MaxPairs)
	}
	return q, nil
}

// errFull refuses a number; see [MaxPages].
var errFull = errors.New("the broker keeps offsets of so many queues that it takes no further one")

// keyRoom holds topic@group of names that pass their checks.
const keyRoom = names.MaxTopic + 1 + names.MaxGroup

func appendKey(dst, topic, group []byte) []byte {
	return append(append(append(dst, topic...), '@'), group...)
}

// clip keeps a refused request's names short in its answer.
func clip(name []byte) []byte { return name[:min(len(name), names.MaxGroup)] }
