package txn

import (
	"math"
	"strconv"

	"ringmq/internal/message"
)

// Topics and group of transactions (TopicValidator, MixAll).
const (
	HalfTopic    = "RMQ_SYS_TRANS_HALF_TOPIC"    // half messages, all in queue 0
	OpTopic      = "RMQ_SYS_TRANS_OP_HALF_TOPIC" // which of them are ended
	DiscardTopic = "TRANS_CHECK_MAX_TIME_TOPIC"  // half messages that nobody ended
	Group        = "CID_RMQ_SYS_TRANS"           // whose consumer offsets the checker's progress is
)

// Properties of half messages (MessageConst).
const (
	propertyRealTopic = "REAL_TOPIC"
	propertyRealQueue = "REAL_QID"
	propertyGroup     = "PGROUP"
	propertyTimes     = "TRANSACTION_CHECK_TIMES"        // questions asked so far
	propertyFirst     = "TRAN_PREPARED_QUEUE_OFFSET"     // of a copy: the half message that the producer sent
	propertyImmunity  = "CHECK_IMMUNITY_TIME_IN_SECONDS" // no question before that age
)

var (
	halfTopic    = []byte(HalfTopic)
	opTopic      = []byte(OpTopic)
	discardTopic = []byte(DiscardTopic)
	opTag        = []byte("d")
	opProperties = message.Properties(nil).Append(message.PropertyTags, "d").Append(message.PropertyWait, "true")
)

// Prepare turns a record into a half message: it exchanges topic and queue and adds to props, which become the record's
// properties, where it belongs (TransactionalMessageBridge.parseHalfMessageInner). It is stored as a message
// without transaction, or it would have no place in a queue.
func Prepare(r *message.Record, props message.Properties) message.Properties {
	for _, name := range []string{propertyRealTopic, propertyRealQueue, propertyFirst} {
		if props.Get(name) != nil { // the broker's word counts, not the sender's
			props = without(props, name)
		}
	}
	props = props.Append(propertyRealTopic, string(r.Topic))
	props = props.Append(propertyRealQueue, strconv.Itoa(int(r.QueueID)))
	r.Topic, r.QueueID, r.Properties = halfTopic, 0, props
	r.SysFlag &^= message.FlagTransaction
	return props
}

// place is where a half message belongs. False: it does not say.
func place(half *message.Record) (topic []byte, queueID int32, ok bool) {
	topic = half.Properties.Get(propertyRealTopic)
	id, err := strconv.ParseInt(string(half.Properties.Get(propertyRealQueue)), 10, 32)
	return topic, int32(id), len(topic) > 0 && len(topic) <= message.MaxTopic && err == nil && id >= 0
}

// first is the queue offset of the half message that the producer sent. All copies of it are one transaction. Java notes it
// in the copies it makes for immunity; its other copies, which say only how often was asked, count as transactions of
// their own.
func first(half *message.Record) message.QueueOffset {
	n, there := number(half.Properties, propertyFirst)
	if off := message.QueueOffset(n); there && 0 <= off && off < half.QueueOffset {
		return off
	}
	return half.QueueOffset
}

// isCopy tells whether a half message was appended anew, by the checker or by a person with request 323.
func isCopy(half *message.Record) bool {
	return half.Properties.Get(propertyTimes) != nil || half.Properties.Get(propertyFirst) != nil
}

// copyProperties are the properties of a copy.
func copyProperties(half *message.Record) message.Properties {
	return with(half.Properties, propertyFirst, strconv.FormatInt(int64(first(half)), 10))
}

// committed turns a copy of a half message into the message that was meant. Properties, time and host of
// birth, and the host of the first store stay as they are (EndTransactionProcessor.endMessageTransaction).
func committed(half message.Record, topic []byte, queueID int32, nowMillis int64) *message.Record {
	half.PreparedTransactionOffset = half.LogOffset
	half.Topic, half.QueueID, half.StoreTimestamp = topic, queueID, nowMillis
	half.SysFlag = half.SysFlag&^message.FlagTransaction | message.TransactionCommit
	return &half
}

// renewed is a half message as it is appended anew: Java forgets flag and attempts (renewHalfMessageInner).
func renewed(half message.Record, props message.Properties, nowMillis int64) *message.Record {
	half.Properties, half.StoreTimestamp = props, nowMillis
	half.Flag, half.ReconsumeTimes, half.PreparedTransactionOffset = 0, 0, 0
	return &half
}

// moved is a record as it goes to another of the transaction topics, whole.
func moved(r message.Record, topic []byte, props message.Properties, nowMillis int64) *message.Record {
	r.Topic, r.QueueID, r.Properties, r.StoreTimestamp = topic, 0, props, nowMillis
	return &r
}

// with copies properties, giving one another value.
func with(p message.Properties, name, value string) message.Properties {
	return without(p, name).Append(name, value)
}

// without copies properties, leaving one out.
func without(p message.Properties, name string) message.Properties {
	kept := make(message.Properties, 0, len(p)+64)
	for n, v := range p.All() {
		if string(n) != name {
			kept = kept.Append(string(n), string(v))
		}
	}
	return kept
}

// number reads a property; what is there and no number is −1, as in TransactionalMessageServiceImpl.getLong.
func number(p message.Properties, name string) (n int64, there bool) {
	text := p.Get(name)
	if text == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return -1, true
	}
	return n, true
}

// millis is a number of seconds that somebody wrote, without overflow.
func millis(seconds int64) int64 {
	return min(max(seconds, math.MinInt64/1000), math.MaxInt64/1000) * 1000
}
