package bench

import (
	"bytes"
	"encoding/binary"

	"ringmq/internal/wire"
)

// replyReader reads of an answer what a sender needs: which request it answers, and how. Answers that look as all
// brokers write them are not decoded: code and opaque are read where they stand. Every other frame goes through the decoder.
//
//	{"code":0,"extFields":{ … },"flag":1,"language":"JAVA","opaque":1000000005,"serializeTypeCurrentRPC":"JSON","version":401}
//	└─ replyHead                └─ replyMid                         └ 10 digits└─ replyTail                              └ 3 digits
type replyReader struct {
	dec wire.Decoder
	cmd wire.Command
}

var (
	replyHead = []byte(`{"code":0,`)
	replyMid  = []byte(`,"flag":1,"language":"JAVA","opaque":`)
	replyTail = []byte(`,"serializeTypeCurrentRPC":"JSON","version":`)
)

const (
	opaqueDigits  = 10
	versionDigits = 3
	binaryFront   = 13 // of a ROCKETMQ header: code, language, version, opaque, flag
)

// reply is an answer. ok is false for frames that are requests of the broker's own.
type reply struct {
	opaque int32
	status wire.Status
	remark []byte // valid until the next read
	ok     bool
}

// read reads a frame without its length word.
func (r *replyReader) read(frame []byte) (reply, error) {
	if len(frame) < 4 {
		return r.decode(frame)
	}
	word := binary.BigEndian.Uint32(frame)
	size := int(word & 0xffffff)
	if size > len(frame)-4 {
		return r.decode(frame)
	}
	h := frame[4 : 4+size]
	switch wire.Serialize(word >> 24) {
	case wire.JSON:
		if opaque, ok := succeeded(h); ok {
			return reply{opaque: opaque, status: wire.StatusSuccess, ok: true}, nil
		}
	case wire.RocketMQ:
		if size >= binaryFront && binary.BigEndian.Uint16(h) == uint16(wire.StatusSuccess) && binary.BigEndian.Uint32(h[9:]) == uint32(wire.FlagResponse) {
			return reply{opaque: int32(binary.BigEndian.Uint32(h[5:])), status: wire.StatusSuccess, ok: true}, nil
		}
	}
	return r.decode(frame)
}

// succeeded reads the opaque of a JSON header that has the usual form of success.
func succeeded(h []byte) (opaque int32, ok bool) {
	tail := len(h) - 1 - versionDigits - len(replyTail)
	mid := tail - opaqueDigits - len(replyMid)
	if mid < len(replyHead) || h[len(h)-1] != '}' || !bytes.HasPrefix(h, replyHead) ||
		!bytes.Equal(h[tail:tail+len(replyTail)], replyTail) || !bytes.Equal(h[mid:mid+len(replyMid)], replyMid) {
		return 0, false
	}
	n := int64(0)
	for _, c := range h[tail-opaqueDigits : tail] {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return int32(n), n == int64(int32(n))
}

// Where a message was stored, as brokers write it.
var (
	queueField  = []byte(`"queueId":"`)
	offsetField = []byte(`"queueOffset":"`)
)

// place reads which queue and offset a broker says it gave the message, of an answer with success.
func (r *replyReader) place(frame []byte) (queue int32, offset int64, err error) {
	q, ok := numberBehind(frame, queueField)
	if o, too := numberBehind(frame, offsetField); ok && too && q == int64(int32(q)) {
		return int32(q), o, nil
	}
	if err := r.dec.Decode(frame, &r.cmd); err != nil {
		return 0, 0, err
	}
	var h wire.SendMessageResponse
	err = h.Decode(r.cmd.Ext)
	return h.QueueID, h.QueueOffset, err
}

// numberBehind reads the digits behind field, up to a quote.
func numberBehind(frame, field []byte) (n int64, ok bool) {
	at := bytes.Index(frame, field)
	if at < 0 {
		return 0, false
	}
	for i, c := range frame[at+len(field):] {
		if c == '"' {
			return n, i > 0 && n >= 0
		}
		if c -= '0'; c > 9 || i >= 18 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return 0, false
}

func (r *replyReader) decode(frame []byte) (reply, error) {
	if err := r.dec.Decode(frame, &r.cmd); err != nil {
		return reply{}, err
	}
	return reply{opaque: r.cmd.Opaque, status: wire.Status(r.cmd.Code), remark: r.cmd.Remark, ok: r.cmd.IsResponse()}, nil
}
