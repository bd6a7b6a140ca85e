package bench

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"ringmq/internal/wire"
)

// opaqueBase makes every opaque ten digits wide.
const opaqueBase = 1_000_000_000

// uniqueKeyLen is the length of a client's unique key: 16 bytes in hex.
const uniqueKeyLen = 32

// slot is one request of a connection's window. Its frame is encoded once and then altered in place.
type slot struct {
	frame []byte
	key   []byte // the unique key within frame
	sent  time.Time
}

// newSlot encodes the request of slot i of a connection that sends to queueID.
func newSlot(o *SendOptions, i int, queueID int32, born time.Time) (slot, error) {
	placeholder := bytes.Repeat([]byte{'Z'}, uniqueKeyLen)
	properties := append([]byte("UNIQ_KEY\x01"), placeholder...)
	properties = append(properties, "\x02WAIT\x01true"...)
	if o.Tags != "" {
		properties = append(append(properties, "\x02TAGS\x01"...), o.Tags...)
	}
	h := &wire.SendMessageRequest{
		ProducerGroup: []byte("ringmq_bench"), Topic: []byte(o.Topic), DefaultTopic: []byte("TBW102"),
		DefaultTopicQueueNums: 4, QueueID: queueID, BornTimestamp: born.UnixMilli(), Properties: properties,
	}
	body := randomText(o.BodyBytes)
	code := wire.CodeSendMessageV2
	if o.Batch > 1 {
		code, body = wire.CodeSendBatchMessage, batchBody(o.Batch, body, placeholder)
		h.Batch, h.HasBatch, h.Properties = true, true, []byte("WAIT\x01true")
	}
	frame := wire.AppendRequest(nil, o.Serialize, code, int32(opaqueBase+i), 0, h.V2(), body)
	at := bytes.Index(frame, placeholder)
	if at < 0 {
		return slot{}, fmt.Errorf("bench: the encoded request has no unique key")
	}
	return slot{frame: frame, key: frame[at : at+uniqueKeyLen]}, nil
}

// randomText is a body that does not compress to nothing.
func randomText(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[rand.IntN(64)]
	}
	return b
}

// stamp gives the request a new unique key: the connection's prefix and a count.
func (s *slot) stamp(prefix *[12]byte, count uint64) {
	var raw [16]byte
	copy(raw[:8], prefix[:8])
	for i := range 8 {
		raw[15-i] = byte(count >> (8 * i))
	}
	hex.Encode(s.key, raw[:])
}

// batchBody is the body of request 320: n messages of one body, the first with the slot's unique key.
func batchBody(n int, body, key []byte) []byte {
	var out []byte
	be := func(v int) { out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v)) }
	for i := range n {
		properties := append([]byte("UNIQ_KEY\x01"), key...)
		if i > 0 {
			properties = fmt.Appendf([]byte("UNIQ_KEY\x01"), "%032X", rand.Uint64())
		}
		be(4*5 + len(body) + 2 + len(properties))
		be(0)
		be(0)
		be(0)
		be(len(body))
		out = append(out, body...)
		out = append(out, byte(len(properties)>>8), byte(len(properties)))
		out = append(out, properties...)
	}
	return out
}
