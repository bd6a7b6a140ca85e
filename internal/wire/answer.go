package wire

import (
	"bytes"
	"encoding/binary"
	"strings"
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

// sameText tells whether two texts are written alike: nil is no field, an empty text one without a value.
func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// make encodes h for the template and notes where its values are: queueId stands in front of the texts of the broker,
// the others behind them.
func (t *answerTemplate) make(s Serialize, opaque int32, h *SendMessageResponse) {
	*t = answerTemplate{region: h.Region, traceOn: h.TraceOn, frame: AppendResponseTo(nil, s, opaque, StatusSuccess, "", h, nil)}
	queueID, msgID, queueOffset := `"queueId":"`, `"msgId":"`, `"queueOffset":"`
	if s == RocketMQ {
		queueID, msgID, queueOffset = "\x00\x07queueId----", "\x00\x05msgId----", "\x00\x0bqueueOffset----"
		t.opaque = place{binaryOpaque, binaryOpaque + 4}
	} else {
		t.opaque = t.behind(bytes.LastIndex, `"opaque":`, digits(uint64(opaque)))
	}
	t.queueID = t.behind(bytes.Index, queueID, digits(uint64(h.QueueID)))
	t.msgID = t.behind(bytes.LastIndex, msgID, len(h.MsgID))
	t.queueOffset = t.behind(bytes.LastIndex, queueOffset, digits(uint64(h.QueueOffset)))
}

// binaryOpaque is where a ROCKETMQ frame has its opaque: behind two lengths, code, language and version.
const binaryOpaque = 4 + 4 + 2 + 1 + 2

// behind is the place of n bytes behind a key, of which the dashes stand for any byte.
func (t *answerTemplate) behind(find func(s, sep []byte) int, key string, n int) place {
	from := find(t.frame, []byte(strings.TrimRight(key, "-"))) + len(key)
	return place{from, from + n}
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
