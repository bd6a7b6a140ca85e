package server

import (
	"bytes"

	"ringmq/internal/message"
)

// seenProperties is what a send's properties say to the broker.
type seenProperties struct {
	wait        bool // WAIT is absent or true: answer after flush and replication
	transaction bool // TRAN_MSG=true
	delay       bool // DELAY above 0
}

// storedProperties fills s.props with the properties as a single message stores them: the sender's
// without WAIT, then CLUSTER (SendMessageProcessor.asyncSendMessage). It reports those that steer the broker.
func (s *sendState) storedProperties(sent, cluster []byte) seenProperties {
	seen := seenProperties{wait: true}
	s.props = s.props[:0]
	for name, value := range message.Properties(sent).All() {
		switch string(name) {
		case message.PropertyWait:
			seen.wait = bytes.EqualFold(value, trueText)
			continue
		case "CLUSTER":
			continue // ours replaces it
		case "TRAN_MSG":
			seen.transaction = bytes.EqualFold(value, trueText)
		case message.PropertyDelay:
			seen.delay = len(value) > 1 || value[0] > '0'
		}
		s.props = appendProperty(s.props, name, value)
	}
	s.props = appendJoined(s.props, 0, cluster)
	return seen
}

func appendProperty(dst, name, value []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, message.PropertySeparator)
	}
	dst = append(dst, name...)
	dst = append(dst, message.NameSeparator)
	return append(dst, value...)
}

var trueText = []byte("true")
