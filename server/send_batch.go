package server

import (
	"bytes"
	"encoding/binary"
	"errors"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/timer"
	"ringmq/server/topic"
)

// batchState is the scratch memory of one batch request (320).
type batchState struct {
	records  []message.Record
	receipts []engine.Receipt
	props    []byte // the stored properties of all members; records point into it, or into what it was before it grew
}

// batchMember is one message of a batch body:
//
//	int32 size | int32 0 | int32 0 | int32 flag | int32 body length | body | int16 properties length | properties
//
// The two zeros stand where a record has magic and CRC and are not looked at (MessageDecoder.decodeMessages).
type batchMember struct {
	flag             int32
	body, properties []byte
}

var multiOffsets = []byte(engine.PropertyMultiOffsets)

const batchMemberFixed = 4*5 + 2

var errBatchBody = errors.New("the batch body is damaged: lengths do not add up")

// nextMember cuts the first message off a batch body.
func nextMember(body []byte) (m batchMember, rest []byte, err error) {
	if len(body) < batchMemberFixed {
		return m, nil, errBatchBody
	}
	be := binary.BigEndian
	size, bodyLen := int64(be.Uint32(body)), int64(be.Uint32(body[16:]))
	if size > int64(len(body)) || size < batchMemberFixed || bodyLen > size-batchMemberFixed {
		return m, nil, errBatchBody
	}
	m.flag = int32(be.Uint32(body[12:]))
	m.body = body[20 : 20+bodyLen]
	tail := body[20+bodyLen : size]
	propsLen := int(int16(be.Uint16(tail)))
	if propsLen < 0 || propsLen != len(tail)-2 {
		return m, nil, errBatchBody
	}
	m.properties = tail[2:]
	return m, body[size:], nil
}

// appendBatch stages all messages of a batch; they get consecutive queue offsets and share a file.
func (b *Broker) appendBatch(x *exchange, t *topic.Topic) {
	s := &x.state.send
	shared := s.storedProperties(s.header.Properties, b.clusterProperty)
	if shared.noDelay {
		b.refuseSend(x, wire.StatusSystemError, badDelay)
		return
	}
	if s.record.Transaction() != message.TransactionNone || shared.transaction || shared.delay > 0 || shared.timer || len(x.cmd.Body) > b.conf().Store.MaxMessageSize {
		b.refuseSend(x, wire.StatusMessageIllegal, b.illegalMessageRemark())
		return
	}
	if err := s.batch.fill(&s.record, x.cmd.Body, s.header.Properties, b.clusterProperty, b.conf().Store.MaxMessageSize+recordSlack); err != nil {
		status := wire.StatusSystemError
		if errors.Is(err, errBatchTooLarge) || errors.Is(err, errBatchWaits) {
			status = wire.StatusMessageIllegal
		}
		b.refuseSend(x, status, err.Error())
		return
	}
	bt := &s.batch
	if err := b.store.AppendBatch(b.queueOf(s), bt.records, bt.receipts); err != nil {
		b.refuseStore(x, err)
		return
	}
	from, bytes := len(s.member), int64(0)
	for i := range bt.receipts {
		s.member = append(s.member, bt.receipts[i].LogOffset)
		bytes += int64(bt.receipts[i].Size)
		s.upTo = max(s.upTo, bt.receipts[i].End())
	}
	s.owe(x, s.record.QueueID, bt.receipts[0])
	last := &s.owed[len(s.owed)-1]
	last.memberFrom, last.memberTo = int32(from), int32(len(s.member))
	b.count(s, t, int64(len(bt.receipts)), bytes)
	clear(bt.records) // they alias the receive buffer
}

// errBatchWaits is returned for a batch of which a message asks for a moment of its own; those of one delay level are
// refused, too.
var errBatchWaits = errors.New("a message of a batch cannot wait for a moment of its own (TIMER_DELIVER_MS, TIMER_DELAY_MS, TIMER_DELAY_SEC)")

var errBatchTooLarge = errors.New("the batch is larger than the message size limit once stored")

// fill turns a batch body into records like model, each with its own properties and then
// the request's and CLUSTER, as DefaultMessageStore stores them. limit bounds the stored bytes.
func (bt *batchState) fill(model *message.Record, body, sharedProps, cluster []byte, limit int) error {
	bt.records, bt.props = bt.records[:0], bt.props[:0]
	total := 0
	sharedProps = withoutOffsets(sharedProps)
	for len(body) > 0 {
		m, rest, err := nextMember(body)
		if err != nil {
			return err
		}
		body = rest
		if timer.Asks(m.properties) {
			return errBatchWaits
		}
		from := len(bt.props)
		bt.props = appendJoined(appendJoined(append(bt.props, withoutOffsets(m.properties)...), from, sharedProps), from, cluster)
		bt.records = append(bt.records, *model)
		r := &bt.records[len(bt.records)-1]
		r.Flag, r.Body, r.Properties = m.flag, m.body, bt.props[from:len(bt.props):len(bt.props)]
		if err := r.Check(); err != nil {
			return err
		}
		if total += r.Size(); total > limit {
			return errBatchTooLarge
		}
	}
	if len(bt.records) == 0 {
		return errBatchBody
	}
	bt.receipts = append(bt.receipts[:0], make([]engine.Receipt, len(bt.records))...)
	return nil
}

// withoutOffsets is properties without what is the store's to say.
func withoutOffsets(properties []byte) []byte {
	if bytes.Contains(properties, multiOffsets) {
		return without(properties, engine.PropertyMultiOffsets)
	}
	return properties
}

// appendJoined appends more properties to those in dst[from:], with a separator where one is due.
func appendJoined(dst []byte, from int, more []byte) []byte {
	if len(more) == 0 {
		return dst
	}
	if len(dst) > from && dst[len(dst)-1] != message.PropertySeparator {
		dst = append(dst, message.PropertySeparator)
	}
	return append(dst, more...)
}
