package timer

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"ringmq/internal/message"
)

// Topic is where messages wait, all in queue 0.
const Topic = "rmq_sys_wheel_timer"

// Properties that ask for a moment, and by their presence alone for [Due].
const (
	PropertyDeliver = "TIMER_DELIVER_MS" // at a time, in ms
	PropertyDelay   = "TIMER_DELAY_MS"   // so many ms from now
	PropertySeconds = "TIMER_DELAY_SEC"  // so many s from now
)

// Properties of a waiting message (MessageConst).
const (
	propertyRealTopic = "REAL_TOPIC"
	propertyRealQueue = "REAL_QID"
	propertyOut       = "TIMER_OUT_MS"      // its moment
	propertyRolls     = "TIMER_ROLL_TIMES"  // how often it was appended anew
	propertyCancel    = "TIMER_DEL_UNIQKEY" // names a waiting message that is not wanted any more
)

var topicBytes = []byte(Topic)

// ErrIllegal is returned for a moment that is no number or too far away, and for a message that is to
// cancel another one, which ringmq does not do.
var ErrIllegal = errors.New("timer message illegal")

// mark is in the name of every property that asks for a moment.
var mark = []byte("TIMER_DEL")

// Asks tells whether properties ask for a moment, of a message that has not waited before. It is quick where they do not.
func Asks(p message.Properties) bool {
	return bytes.Contains(p, mark) && p.Get(propertyOut) == nil &&
		(p.Get(PropertySeconds) != nil || p.Get(PropertyDelay) != nil || p.Get(PropertyDeliver) != nil)
}

// Due reads the moment that a message's properties ask for, in ms; 0 for none or one that has passed: such a
// message is delivered at once (HookUtils.transformTimerMessage). One that has waited before does not wait again.
func Due(p message.Properties, nowMillis int64, longest time.Duration) (due int64, err error) {
	if p.Get(propertyOut) != nil {
		return 0, nil
	}
	if p.Get(propertyCancel) != nil {
		return 0, ErrIllegal
	}
	unit, from := int64(1), int64(0)
	text := p.Get(PropertySeconds)
	if text != nil {
		unit, from = 1000, nowMillis
	} else if text = p.Get(PropertyDelay); text != nil {
		from = nowMillis
	} else {
		text = p.Get(PropertyDeliver)
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case text == nil:
		return 0, nil
	case err != nil:
		return 0, ErrIllegal
	case n <= (nowMillis-from)/unit:
		return 0, nil
	case n > (nowMillis-from+longest.Milliseconds())/unit:
		return 0, ErrIllegal
	}
	return from + n*unit, nil
}

// Schedule turns a record into one that waits: it exchanges topic and queue and adds to props, which
// become the record's properties, where it belongs and when.
func Schedule(r *message.Record, props message.Properties, due int64) message.Properties {
	props = props.Append(propertyOut, strconv.FormatInt(due, 10))
	props = props.Append(propertyRealTopic, string(r.Topic))
	props = props.Append(propertyRealQueue, strconv.Itoa(int(r.QueueID)))
	r.Topic, r.QueueID, r.Properties = topicBytes, 0, props
	return props
}

// moment is when a waiting record is due, in ms; 0 if it does not say.
func moment(r *message.Record) int64 {
	n, err := strconv.ParseInt(string(r.Properties.Get(propertyOut)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// restore turns a record that waited into the one that was meant. Its properties stay as they are, as RocketMQ 5 stores
// them. False: it does not say where it belongs.
func restore(r *message.Record) bool {
	topic, queue := r.Properties.Get(propertyRealTopic), r.Properties.Get(propertyRealQueue)
	id, err := strconv.ParseInt(string(queue), 10, 32)
	if len(topic) == 0 || len(topic) > message.MaxTopic || string(topic) == Topic || err != nil || id < 0 {
		return false
	}
	r.Topic, r.QueueID = topic, int32(id)
	return true
}

// roll makes a waiting record one more of the same; props is memory for its properties.
func roll(r *message.Record, props message.Properties) message.Properties {
	times, err := strconv.Atoi(string(r.Properties.Get(propertyRolls)))
	if err != nil {
		times = 0
	}
	props = appendWithout(props, r.Properties, propertyRolls).Append(propertyRolls, strconv.Itoa(times+1))
	if len(props) <= message.MaxProperties { // else there is no room to count in
		r.Properties = props
	}
	return props
}

// appendWithout appends to dst the pairs of p but those of a name.
func appendWithout(dst, p message.Properties, left string) message.Properties {
	for name, value := range p.All() {
		if string(name) == left {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, message.PropertySeparator)
		}
		dst = append(dst, name...)
		dst = append(dst, message.NameSeparator)
		dst = append(dst, value...)
	}
	return dst
}
