package server

import (
	"bytes"
	"strconv"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/server/timer"
)

// seenProperties is what a send's properties say to the broker.
type seenProperties struct {
	transaction bool   // TRAN_MSG=true
	delay       int    // DELAY: the level, 0 for none
	noDelay     bool   // DELAY is no number
	timer       bool   // one of the properties that ask for a moment
	waitText    []byte // WAIT: says nothing here, every answer follows the commit
}

// storedProperties fills s.props with the properties as a single message stores them: the sender's
// without WAIT, then CLUSTER (SendMessageProcessor.asyncSendMessage). It reports those that steer the broker.
func (s *sendState) storedProperties(sent, cluster []byte) seenProperties {
	var seen seenProperties
	s.props = s.props[:0]
	for name, value := range message.Properties(sent).All() {
		switch string(name) {
		case message.PropertyWait:
			seen.waitText = value
			continue
		case "CLUSTER":
			continue // ours replaces it
		case engine.PropertyMultiOffsets:
			continue // the store's to say
		case "TRAN_MSG":
			seen.transaction = bytes.EqualFold(value, trueText)
		case message.PropertyDelay:
			seen.delay, seen.noDelay = delayLevel(value)
		case timer.PropertyDeliver, timer.PropertyDelay, timer.PropertySeconds:
			seen.timer = true
		}
		s.props = appendProperty(s.props, name, value)
	}
	s.props = appendJoined(s.props, 0, cluster)
	if seen.delay > 0 && seen.waitText != nil {
		// CommitLog writes a delayed message's properties anew, WAIT among them.
		s.props = appendProperty(s.props, waitName, seen.waitText)
	}
	return seen
}

// halfProperties are s.props as a half message has them: Java keeps WAIT there. DELAY goes, as stock clients take it off: a
// Java broker delays the half message itself, and loses it.
func (s *sendState) halfProperties(seen *seenProperties) message.Properties {
	props := message.Properties(s.props)
	if seen.delay > 0 {
		props = without(props, message.PropertyDelay)
	}
	if seen.waitText != nil && seen.delay == 0 {
		props = props.Append(message.PropertyWait, string(seen.waitText))
	}
	return props
}

// delayLevel reads DELAY; bad is true when it is no number, with which Java fails the request.
func delayLevel(value []byte) (level int, bad bool) {
	n, err := strconv.ParseInt(string(value), 10, 32)
	return int(max(n, 0)), err != nil
}

// badDelay is the answer to a DELAY that is no number.
const badDelay = "the property " + message.PropertyDelay + " is no number"

func appendProperty(dst, name, value []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, message.PropertySeparator)
	}
	dst = append(dst, name...)
	dst = append(dst, message.NameSeparator)
	return append(dst, value...)
}

var (
	trueText = []byte("true")
	waitName = []byte(message.PropertyWait)
)
