package delay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringmq/internal/message"
)

// Topic is where delayed messages wait.
const Topic = "SCHEDULE_TOPIC_XXXX"

// Properties of a waiting message (MessageConst).
const (
	propertyRealTopic = "REAL_TOPIC"
	propertyRealQueue = "REAL_QID"
)

// Bounds of messageDelayLevel.
const (
	maxLevels = 1000                       // each is a queue that is watched
	maxDelay  = 100 * 365 * 24 * time.Hour // of a level
)

// ParseLevels reads messageDelayLevel: "1s 5s 2m 1h 1d". Level 1 is the first.
func ParseLevels(text string) ([]time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var levels []time.Duration
	for _, word := range strings.Fields(text) {
		unit, ok := units[word[len(word)-1]]
		n, err := strconv.ParseInt(word[:len(word)-1], 10, 32)
		if !ok || err != nil || n < 0 {
			return nil, fmt.Errorf("messageDelayLevel: %q is not a number with s, m, h or d", word)
		}
		if time.Duration(n) > maxDelay/unit {
			return nil, fmt.Errorf("messageDelayLevel: %s is longer than 100 years", word)
		}
		levels = append(levels, time.Duration(n)*unit)
	}
	if len(levels) == 0 {
		return nil, errors.New("messageDelayLevel names no level")
	}
	if len(levels) > maxLevels {
		return nil, fmt.Errorf("messageDelayLevel: %d levels, at most %d", len(levels), maxLevels)
	}
	return levels, nil
}

// Schedule turns a record into one that waits: it exchanges topic and queue and adds to props, which
// become the record's properties, where it belongs. A level above the highest becomes the highest (CommitLog.asyncPutMessage).
func Schedule(r *message.Record, props message.Properties, level, levels int) message.Properties {
	if level > levels {
		props = withLevel(props, levels)
	}
	props = props.Append(propertyRealTopic, string(r.Topic))
	props = props.Append(propertyRealQueue, strconv.Itoa(int(r.QueueID)))
	r.Topic = topicBytes
	r.QueueID = int32(min(level, levels) - 1)
	r.Properties = props
	return props
}

// withLevel copies properties with another DELAY.
func withLevel(p message.Properties, level int) message.Properties {
	return without(p, message.PropertyDelay, message.PropertyDelay).Append(message.PropertyDelay, strconv.Itoa(level))
}

// Unscheduled copies the properties of a message that has waited before, without where it belonged then.
func Unscheduled(p message.Properties) message.Properties {
	return without(p, propertyRealTopic, propertyRealQueue)
}

func without(p message.Properties, a, b string) (kept message.Properties) {
	for name, value := range p.All() {
		if string(name) != a && string(name) != b {
			kept = kept.Append(string(name), string(value))
		}
	}
	return kept
}

var topicBytes = []byte(Topic)

// restore turns a record that waited into the one that was meant. Its properties stay as they are
// (ScheduleMessageService.messageTimeup). False: it does not say where it belongs.
func restore(r *message.Record) bool {
	topic, queue := r.Properties.Get(propertyRealTopic), r.Properties.Get(propertyRealQueue)
	id, err := strconv.ParseInt(string(queue), 10, 32)
	if len(topic) == 0 || len(topic) > message.MaxTopic || err != nil || id < 0 {
		return false
	}
	r.Topic, r.QueueID = topic, int32(id)
	return true
}
