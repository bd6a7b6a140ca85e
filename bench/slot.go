package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"ringmq/internal/wire"
)

// opaqueBase makes every opaque ten digits wide.
const opaqueBase = 1_000_000_000

// Placeholders are what the encoder is given where a slot changes later; they occur nowhere else in a head.
const (
	bornPlace  = 8_999_999_999_999 // 13 digits, as every time between 2001 and 2286
	countPlace = "ZZZZZZZZZZZZZZZZ"
	topicPlace = "ZZZZZZ" // behind the name of one of several topics
)

// stampBytes is the front of an end-to-end body: who sent it, and when it was due.
const stampBytes = 16

// slot is one request of a connection's window. Its frame is encoded once and then altered in place.
type slot struct {
	frame  []byte
	born   []byte   // 13 digits
	counts [][]byte // 16 hex digits each: of unique keys, and of keys
	topic  []byte   // 6 digits, where there are several topics
	queue  []byte   // digits, where the queue changes
	stamp  []byte   // stampBytes of the body, in an end-to-end run
	body   int      // bytes of all bodies in it

	sent   time.Duration // when it left, or was due
	count  uint64        // the first of its counts
	flying bool
}

// slotMaker encodes the slots of one connection behind each other in one piece of memory, so that requests that
// leave together are one piece for the kernel.
type slotMaker struct {
	o      *SendOptions
	prefix [16]byte // hex digits that no other connection has
	random *rand.Rand
	arena  []byte
	places []slotPlaces
}

// slotPlaces are the positions of a slot's parts in the arena, which moves while it grows.
type slotPlaces struct {
	from, to    int
	born        int
	counts      []int
	topic       int // 0: none
	queue       int
	queueDigits int
	stamp       int
	body        int
}

// makeSlots encodes the slots of connection i.
func makeSlots(o *SendOptions, i int, stamped bool) ([]slot, error) {
	m := &slotMaker{o: o, random: rand.New(rand.NewPCG(o.Seed, uint64(i)))}
	copy(m.prefix[:], fmt.Sprintf("%016X", rand.Uint64()))
	for k := range o.InFlight {
		if err := m.add(k, int32((i*o.InFlight+k)%max(o.Queues, 1)), stamped); err != nil {
			return nil, err
		}
	}
	slots := make([]slot, len(m.places))
	for k := range slots {
		slots[k] = m.slot(&m.places[k])
	}
	return slots, nil
}

// add encodes slot k.
func (m *slotMaker) add(k int, queue int32, stamped bool) error {
	o := m.o
	h := &wire.SendMessageRequest{
		ProducerGroup: []byte("ringmq_bench"), Topic: []byte(o.Topic), DefaultTopic: []byte("TBW102"),
		DefaultTopicQueueNums: int32(max(4, min(o.Queues, 16))), QueueID: queue, BornTimestamp: bornPlace,
		Properties: m.properties(k, true),
	}
	p := slotPlaces{from: len(m.arena)}
	if o.Topics > 1 {
		h.Topic = append(h.Topic, "_"+topicPlace...)
		p.queueDigits = len(strconv.Itoa(max(o.Queues-1, 1)))
		h.QueueID = int32(queuePlace(p.queueDigits))
	}
	code, body := wire.CodeSendMessageV2, m.text(m.size())
	p.body = len(body)
	if o.Batch > 1 {
		code, h.Batch, h.HasBatch, h.Properties = wire.CodeSendBatchMessage, true, true, []byte("WAIT\x01true")
		body, p.body = m.batch(k, body)
	}
	m.arena = wire.AppendRequest(m.arena, o.Serialize, code, int32(opaqueBase+k), 0, h.V2(), body)
	p.to = len(m.arena)
	if stamped {
		p.stamp = p.to - len(body)
	}
	if err := m.find(&p, len(body)); err != nil {
		return err
	}
	m.places = append(m.places, p)
	return nil
}

// queuePlace is a queue id of so many digits that no header has by chance.
func queuePlace(digits int) int {
	n, _ := strconv.Atoi("731313"[:digits]) // digits of a constant
	return n
}

// find looks for the placeholders in the frame just encoded.
func (m *slotMaker) find(p *slotPlaces, body int) error {
	frame := m.arena[p.from:p.to]
	head := frame[:len(frame)-body]
	at := bytes.Index(head, strconv.AppendInt(nil, bornPlace, 10))
	if at < 0 {
		return fmt.Errorf("bench: the encoded request has no born time")
	}
	p.born = p.from + at
	for at := 0; ; {
		n := bytes.Index(frame[at:], []byte(countPlace))
		if n < 0 {
			break
		}
		p.counts = append(p.counts, p.from+at+n)
		at += n + len(countPlace)
	}
	if m.o.Topics <= 1 {
		return nil
	}
	// The queue is field e: behind its name and, in binary, a length.
	digits := strconv.Itoa(queuePlace(p.queueDigits))
	field := `"e":"`
	if m.o.Serialize == wire.RocketMQ {
		field = "\x00\x01e\x00\x00\x00" + string(rune(p.queueDigits))
	}
	topic, queue := bytes.Index(head, []byte("_"+topicPlace)), bytes.Index(head, []byte(field+digits))
	if topic < 0 || queue < 0 {
		return fmt.Errorf("bench: the encoded request has no topic or queue")
	}
	p.topic, p.queue = p.from+topic+1, p.from+queue+len(field)
	return nil
}

// slot cuts the arena, which is complete now.
func (m *slotMaker) slot(p *slotPlaces) slot {
	cut := func(from, n int) []byte { return m.arena[from : from+n : from+n] }
	// The capacity reaches into the next slot: that is how neighbours are told.
	s := slot{frame: m.arena[p.from:p.to], born: cut(p.born, 13), body: p.body}
	for _, at := range p.counts {
		s.counts = append(s.counts, cut(at, len(countPlace)))
	}
	if p.topic > 0 {
		s.topic, s.queue = cut(p.topic, len(topicPlace)), cut(p.queue, p.queueDigits)
	}
	if p.stamp > 0 {
		s.stamp = cut(p.stamp, stampBytes)
	}
	return s
}

// properties are those of one message: unique key, keys, tag, and what the options add. wait is for requests;
// members of a batch do not have it.
func (m *slotMaker) properties(k int, wait bool) []byte {
	var parts []string
	o := m.o
	if !o.NoUniqueKey {
		parts = append(parts, "UNIQ_KEY\x01"+string(m.prefix[:])+countPlace)
	}
	if wait {
		parts = append(parts, "WAIT\x01true")
	}
	if n := len(o.Tags); n > 0 {
		parts = append(parts, "TAGS\x01"+o.Tags[k%n])
	}
	if o.Keys > 0 {
		var keys []string
		for i := range o.Keys {
			keys = append(keys, fmt.Sprintf("k%d_%s", i, countPlace))
		}
		parts = append(parts, "KEYS\x01"+strings.Join(keys, " "))
	}
	for _, name := range sortedKeys(o.Properties) {
		parts = append(parts, name+"\x01"+o.Properties[name])
	}
	return []byte(strings.Join(parts, "\x02"))
}

// size draws the size of a body.
func (m *slotMaker) size() int { return m.o.Sizes.draw(m.random) }

// text is a body that does not compress to nothing.
func (m *slotMaker) text(n int) []byte {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"
	b := make([]byte, n)
	for i := 0; i < n; {
		for bits, j := m.random.Uint64(), 0; j < 10 && i < n; j++ {
			b[i] = letters[bits&63]
			bits >>= 6
			i++
		}
	}
	return b
}

// batch is the body of request 320, its first message with body, and the bytes of all bodies in it.
func (m *slotMaker) batch(k int, body []byte) (out []byte, bodies int) {
	be := binary.BigEndian
	for i := range m.o.Batch {
		if i > 0 {
			body = m.text(m.size())
		}
		properties := m.properties(k+i, false)
		out = be.AppendUint32(out, uint32(4*5+len(body)+2+len(properties)))
		out = append(out, make([]byte, 12)...) // magic, CRC and flag are not looked at
		out = be.AppendUint32(out, uint32(len(body)))
		out = append(out, body...)
		out = be.AppendUint16(out, uint16(len(properties)))
		out = append(out, properties...)
		bodies += len(body)
	}
	return out, bodies
}

// renew makes the request a new one: born now, with counts from count on. It returns the next count.
func (s *slot) renew(born *[13]byte, count uint64) uint64 {
	copy(s.born, born[:])
	for _, c := range s.counts {
		putHex((*[16]byte)(c), count)
		count++
	}
	return count
}

// aim sends the request to another topic and queue.
func (s *slot) aim(topic, queue int) {
	putDecimal(s.topic, uint64(topic))
	putDecimal(s.queue, uint64(queue))
}

// hexPairs are the two digits of each byte.
var hexPairs = func() (t [256][2]byte) {
	for i := range t {
		copy(t[i][:], fmt.Sprintf("%02X", i))
	}
	return t
}()

func putHex(b *[16]byte, n uint64) {
	for i := 14; i >= 0; i -= 2 {
		p := &hexPairs[byte(n)]
		b[i], b[i+1] = p[0], p[1]
		n >>= 8
	}
}
