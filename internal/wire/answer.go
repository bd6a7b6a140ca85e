package wire

import (
	"encoding/binary"
	"unsafe"
)

// SendAnswers writes answers to stored messages. They resemble each other like the requests do: as long as the
// numbers have the same width, an answer is the last one with other digits.
//
//	template  …"queueId":"3",…"msgId":"7F00000100002A9F0000000000A1B2C3","queueOffset":"4711"},…"opaque":123456,…
//	changes               ‹›           ‹                              ›                ‹  ›             ‹    ›
//
// Its zero value is ready; it belongs to one goroutine at a time. What Append writes is what
// [AppendResponseTo] writes with StatusSuccess, no remark and no body.
type SendAnswers struct {
	templates [RocketMQ + 1][templateSlots]answerTemplate
}

// templateSlots is how many templates there are of a serialization: the widths choose one, as queues and offsets
// of different widths alternate.
const templateSlots = 16

func templateSlot(queueID, queueOffset uint64) int {
	return (digits(queueID) - 1&3) | digits(queueOffset)&3<<2
}

type answerTemplate struct {
	frame                               []byte
	queueID, msgID, queueOffset, opaque place
	region, traceOn                     []byte // of the frame
}

// place is where something stands in a frame.
type place struct{ from, to int }

func (p place) of(frame []byte) []byte { return frame[p.from:p.to] }

// Append appends the answer to the request with the given serialization and opaque. The message ids must be
// nothing that JSON would escape: they are hex digits and commas.
func (a *SendAnswers) Append(dst []byte, s Serialize, opaque int32, h *SendMessageResponse) []byte {
	if s > RocketMQ || h.QueueID < 0 || h.QueueOffset < 0 || len(h.MsgID) == 0 || h.TransactionID != nil || opaque < 0 {
		return AppendResponseTo(dst, s, opaque, StatusSuccess, "", h, nil)
	}
	t := &a.templates[s][templateSlot(uint64(h.QueueID), uint64(h.QueueOffset))]
	if !t.fits(s, opaque, h) {
		t.make(s, opaque, h)
	}
	at := len(dst)
	dst = append(dst, t.frame...)
	frame := dst[at:]
	putDigits(t.queueID.of(frame), uint64(h.QueueID))
	copy(t.msgID.of(frame), h.MsgID)
	putDigits(t.queueOffset.of(frame), uint64(h.QueueOffset))
	if s == RocketMQ {
		binary.BigEndian.PutUint32(t.opaque.of(frame), uint32(opaque))
	} else {
		putDigits(t.opaque.of(frame), uint64(opaque))
	}
	return dst
}

func (t *answerTemplate) fits(s Serialize, opaque int32, h *SendMessageResponse) bool {
	return len(t.frame) > 0 && len(h.MsgID) == t.msgID.to-t.msgID.from &&
		digits(uint64(h.QueueOffset)) == t.queueOffset.to-t.queueOffset.from &&
		digits(uint64(h.QueueID)) == t.queueID.to-t.queueID.from &&
		(s == RocketMQ || digits(uint64(opaque)) == t.opaque.to-t.opaque.from) &&
		sameText(h.Region, t.region) && sameText(h.TraceOn, t.traceOn)
}

// sameText tells whether both are the same memory; equal ones elsewhere only cost a new template.
func sameText(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

// make encodes h for the template and lets a Decoder find where the values are.
func (t *answerTemplate) make(s Serialize, opaque int32, h *SendMessageResponse) {
	*t = answerTemplate{region: h.Region, traceOn: h.TraceOn, frame: AppendResponseTo(nil, s, opaque, StatusSuccess, "", h, nil)}
	var d Decoder
	var c Command
	if err := d.Decode(t.frame[lengthPrefix:], &c); err != nil {
		panic("wire: an encoded answer does not decode: " + err.Error())
	}
	t.opaque = place{binaryOpaque, binaryOpaque + 4}
	for _, p := range d.spans {
		if p.member == memberOpaque {
			t.opaque = place{headerAt + int(p.start), headerAt + int(p.end)}
		}
	}
	t.queueID, t.msgID, t.queueOffset = t.placeOf(c.Ext, "queueId"), t.placeOf(c.Ext, "msgId"), t.placeOf(c.Ext, "queueOffset")
}

// Positions in a frame with its length prefix.
const (
	lengthPrefix = 4
	headerAt     = lengthPrefix + 4
	binaryOpaque = headerAt + 2 + 1 + 2
)

// placeOf is where the value of a key stands, which the frame has.
func (t *answerTemplate) placeOf(ext Ext, key string) place {
	value, _ := ext.Get(key)
	from := int(uintptr(unsafe.Pointer(unsafe.SliceData(value))) - uintptr(unsafe.Pointer(unsafe.SliceData(t.frame))))
	return place{from, from + len(value)}
}

// digits is how many digits v has.
func digits(v uint64) int {
	n := 1
	for v >= 1000 {
		v /= 1000
		n += 3
	}
	switch {
	case v >= 100:
		return n + 2
	case v >= 10:
		return n + 1
	}
	return n
}

// putDigits fills b with the digits of v, which has as many.
func putDigits(b []byte, v uint64) {
	i := len(b)
	for ; i >= 2; i -= 2 {
		pair := v % 100 * 2
		v /= 100
		b[i-1], b[i-2] = digitPairs[pair+1], digitPairs[pair]
	}
	if i > 0 {
		b[0] = byte('0' + v)
	}
}

const digitPairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"
