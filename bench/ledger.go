package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"ringmq/bench/load"
	"ringmq/internal/message"
)

// ledger remembers what a broker has acknowledged, message by message, and finds out later whether it is there. A message is
// known by its unique key, of which 32 bits are kept at the place that the broker said it has:
//
//	queue 0   begin ├────┬────┬────┬────┬ …    identity of the message at begin, begin+1, …; 0: not acknowledged
//	queue 1   begin ├────┬────┬ …
//
// Each worker of a load has one of its own.
type ledger struct {
	begins []int64 // of the queues, when the load began
	places [][]uint32
	twice  uint64 // acknowledgements of a place that has a message, or that cannot be
}

// maxPlaces of one queue are kept: what a broker says is not to cost more memory.
const maxPlaces = 1 << 26

func newLedger(begins []int64) *ledger {
	return &ledger{begins: begins, places: make([][]uint32, len(begins))}
}

// identity is that of the message with a unique key of these two numbers; never 0.
func identity(prefix, count uint64) uint32 {
	return uint32((prefix^count)*0x9E3779B97F4A7C15>>32) | 1
}

// identityOf is that of a message that was read; 0 if it is none of a load's.
func identityOf(rec *message.Record) uint32 {
	key := rec.Properties.Get("UNIQ_KEY")
	if len(key) != 32 {
		return 0
	}
	prefix, ok := hexNumber(key[:16])
	count, too := hexNumber(key[16:])
	if !ok || !too {
		return 0
	}
	return identity(prefix, count)
}

// hexNumber reads digits as putHex writes them.
func hexNumber(digits []byte) (n uint64, ok bool) {
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, true
}

// note remembers that a message was acknowledged at a place.
func (l *ledger) note(queue int32, offset int64, id uint32) {
	if queue < 0 || int(queue) >= len(l.begins) || offset < l.begins[queue] || offset-l.begins[queue] >= maxPlaces {
		l.twice++
		return
	}
	at := int(offset - l.begins[queue])
	places := l.places[queue]
	if more := at + 1 - len(places); more > 0 {
		places = append(places, make([]uint32, more)...)
		l.places[queue] = places
	}
	if places[at] != 0 {
		l.twice++
	}
	places[at] = id
}

// merge adds what another worker has noted.
func (l *ledger) merge(other *ledger) {
	l.twice += other.twice
	for q, places := range other.places {
		for i, id := range places {
			if id != 0 {
				l.note(int32(q), l.begins[q]+int64(i), id)
			}
		}
	}
}

// Acknowledged is what became of the messages that a broker has acknowledged.
type Acknowledged struct {
	Messages uint64     `json:"messages"`
	Lost     uint64     `json:"lost"`    // that are not at their place
	Removed  uint64     `json:"removed"` // that lie before their queue's first message now: the broker had no room, or they expired
	Twice    uint64     `json:"twice"`   // that were given a place of another, or one that cannot be
	Pull     PullChecks `json:"pull"`    // of the reading: every message up to the last one, with its checksum
	Seconds  float64    `json:"seconds"` // that the reading took
}

// Whole tells whether all are there, and nothing that was read is wrong.
func (a *Acknowledged) Whole() bool {
	return a.Lost == 0 && a.Removed == 0 && a.Twice == 0 && a.Pull.Damaged == 0 && a.Pull.Disorder == 0 && a.Pull.Gaps == 0
}

// String is one line for people.
func (a *Acknowledged) String() string {
	if a.Whole() {
		return fmt.Sprintf("%d messages were acknowledged, and all are there (read in %.1f s)", a.Messages, a.Seconds)
	}
	return fmt.Sprintf("of %d messages that were acknowledged %d are NOT there, %d were given a place that was taken, and %d cannot be read as the broker "+
		"removes what is old (is its disk full?); %s", a.Messages, a.Lost, a.Twice, a.Removed, a.Pull)
}

// readTime is how long the reading may take.
const readTime = 10 * time.Minute

// openLedgers makes one for each worker, beginning where the queues end now.
func openLedgers(ctx context.Context, o *PullOptions) ([]*ledger, error) {
	begins, err := startOffsets(ctx, o)
	if err != nil {
		return nil, err
	}
	ledgers := make([]*ledger, max(o.Threads, 1))
	for i := range ledgers {
		ledgers[i] = newLedger(begins)
	}
	return ledgers, nil
}

// check reads the queues from where the load began up to the last message that was acknowledged to any of the workers.
func (l *ledger) check(ctx context.Context, o PullOptions, others []*ledger) (*Acknowledged, error) {
	for _, other := range others {
		l.merge(other)
	}
	o.Warmup, o.Duration = 0, readTime
	r, err := newRun(&o.Common, load.Options{ReceiveBytes: pullReceiveBytes})
	if err != nil {
		return nil, err
	}
	defer r.g.Close()
	a := &Acknowledged{Twice: l.twice}
	end := newEndOfAll()
	for q, places := range l.places {
		if len(places) == 0 {
			continue
		}
		p := newPuller(&o, r.tally(q), end)
		p.each = func(_ time.Duration, rec *message.Record) { l.cross(rec) }
		p.readUntil(int32(q), l.begins[q], l.begins[q]+int64(len(places)))
		for _, id := range places {
			a.Messages += uint64(min(id, 1))
		}
		if err := r.add(ctx, p); err != nil {
			return nil, err
		}
	}
	if a.Messages == 0 {
		return a, nil
	}
	rep, err := r.measure(ctx, "read again", end.over)
	if err != nil {
		return nil, err
	}
	a.Pull, a.Seconds = *rep.Pull, rep.Seconds
	o.From = FromOldest
	oldest, err := startOffsets(ctx, &o)
	if err != nil {
		return nil, err
	}
	a.Removed, a.Lost = l.left(oldest)
	return a, nil
}

// left counts what was not crossed off, before the oldest messages that the queues have now and behind.
func (l *ledger) left(oldest []int64) (before, behind uint64) {
	for q, places := range l.places {
		for i, id := range places {
			switch {
			case id == 0:
			case l.begins[q]+int64(i) < oldest[q]:
				before++
			default:
				behind++
			}
		}
	}
	return before, behind
}

// cross off a message that was read, if it is the one that was acknowledged there. Each queue is read by one worker.
func (l *ledger) cross(rec *message.Record) {
	if rec.QueueID < 0 || int(rec.QueueID) >= len(l.begins) {
		return // of another queue: the reader counts it
	}
	at := int64(rec.QueueOffset) - l.begins[rec.QueueID]
	if places := l.places[rec.QueueID]; at >= 0 && at < int64(len(places)) && places[at] == identityOf(rec) {
		places[at] = 0
	}
}

// keyPrefix is the number before the count in the unique keys of a connection's slots, none of which was sent yet; 0 if they have
// no keys.
func keyPrefix(slots []slot) uint64 {
	frame := slots[0].frame
	at := bytes.Index(frame, []byte(countPlace))
	if at < 16 {
		return 0
	}
	prefix, _ := hexNumber(frame[at-16 : at]) // the slots' maker wrote it
	return prefix
}

// noteAcknowledged notes the messages of a request that was answered with success.
func (s *sender) noteAcknowledged(p *slot, frame []byte) error {
	queue, offset, err := s.reader.place(frame)
	if err != nil {
		return err
	}
	for i := range uint64(max(s.o.Batch, 1)) {
		s.ledger.note(queue, offset+int64(i), identity(s.prefix, p.count+i*uint64(1+s.o.Keys)))
	}
	return nil
}
