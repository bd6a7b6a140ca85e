package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// Messages for several queues (MultiDispatch). A message whose property INNER_MULTI_DISPATCH names queues has an entry in
// each of them beside that in its own; the offsets it got there are written into its record, so that recovery
// finds them again:
//
//	INNER_MULTI_DISPATCH     %LMQ%a,%LMQ%b,other
//	INNER_MULTI_QUEUE_OFFSET 17,0,5
//
// A light queue, named %LMQ%…, is queue 0 of a topic that is configured nowhere; another name is a topic's, and the queue
// has the number of the message's own. A name that stands twice, or is the message's own queue, counts once.

// LightPrefix begins the names of light queues (MixAll.LMQ_PREFIX).
const LightPrefix = "%LMQ%"

// Properties of messages for several queues (MessageConst).
const (
	PropertyMulti        = "INNER_MULTI_DISPATCH"     // the queues' names
	PropertyMultiOffsets = "INNER_MULTI_QUEUE_OFFSET" // the offsets there; the store's to write
)

// Errors of messages for several queues.
var (
	// ErrLightQueues is returned when one more queue would have to be made than MaxLightQueues allows.
	ErrLightQueues = errors.New("too many light queues")
	// ErrMulti is returned for names that no queues can have, and when the names leave no room for the offsets.
	ErrMulti = errors.New("the property " + PropertyMulti + " is illegal")
)

// isLight tells light queues by their name.
func isLight[T string | []byte](name T) bool {
	return len(name) >= len(LightPrefix) && string(name[:len(LightPrefix)]) == LightPrefix
}

// LightQueue returns a light queue, which is made when there is none and there may be one more; else ErrLightQueues.
func (s *Store) LightQueue(topic []byte) (*consumequeue.Queue, error) {
	if q := s.queues.Lookup(topic, 0); q != nil {
		return q, nil
	}
	if s.light.Load() > s.limits.Load().MaxLightQueues {
		return nil, ErrLightQueues
	}
	q := s.queues.Queue(topic, 0)
	if q == nil {
		return nil, ErrNoQueue
	}
	s.light.Add(1)
	return q, nil
}

// countLight counts the light queues of a store that was opened, or lost some.
func (s *Store) countLight() {
	n := int64(0)
	for _, q := range s.queues.All() {
		if isLight(q.Topic()) {
			n++
		}
	}
	s.light.Store(n)
}

// multi is the text of the names of the queues that a message is for beside its own, nil if there are none. Messages
// that wait, for their time or the end of their transaction, are dispatched when they reach their topic; Java does both.
func (s *Store) multi(r *message.Record) []byte {
	if !s.limits.Load().MultiDispatch || !isQueued(r.SysFlag) {
		return nil
	}
	switch string(r.Topic) {
	case scheduleTopic, halfTopic, timerTopic:
		return nil
	}
	return r.Properties.Get(PropertyMulti)
}

// halfTopic holds the messages whose transaction has not ended; halfOpTopic says which have.
const (
	halfTopic   = "RMQ_SYS_TRANS_HALF_TOPIC"
	halfOpTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
)

// appendMulti is Append for a message of several queues.
func (s *Store) appendMulti(q *consumequeue.Queue, r *message.Record, names []byte) (Receipt, error) {
	queues, err := s.multiQueues(names, r.QueueID)
	if err != nil {
		return Receipt{}, err
	}
	props := withoutOffsets(r.Properties)
	longest := len(props) + len("\x02"+PropertyMultiOffsets+"\x01") + len(queues)*len("9223372036854775807,")
	if r.Seal {
		longest += message.MaxSeal
	}
	if longest > message.MaxProperties {
		return Receipt{}, fmt.Errorf("%w: no room for the offsets of %d queues", ErrMulti, len(queues))
	}
	r.Properties = props
	var d request
	var few fewHashes
	hashes := s.describe(&d, few[:0], q, r)
	crc := message.BodyCRC(r.Body)

	s.stage.Lock()
	defer s.stage.Unlock()
	if err := s.reserve(r.Size() - len(props) + longest); err != nil {
		return Receipt{}, err
	}
	offsets := make([]message.QueueOffset, len(queues))
	text := make([]string, len(queues))
	for i, extra := range queues {
		extra = s.current(extra)
		queues[i], offsets[i] = extra, extra.Next
		text[i] = strconv.FormatInt(int64(extra.Next), 10)
	}
	r.Properties = props.Append(PropertyMultiOffsets, strings.Join(text, ","))
	d.size = int32(r.Size())
	receipt := s.put(r, &d, hashes, crc)
	b := s.stage.filling
	d = b.requests[len(b.requests)-1] // with its place
	for i, extra := range queues {
		if extra.Next != offsets[i] {
			continue // the message's own, or one that was named before
		}
		extra.Next++
		alias := d.alias(extra, offsets[i])
		b.requests = append(b.requests, alias)
	}
	return receipt, nil
}

// alias is the request of another queue's entry for the same record.
func (d *request) alias(q *consumequeue.Queue, at message.QueueOffset) request {
	other := *d
	other.queue, other.queueOffset = q, at
	other.hashFrom, other.hashTo = 0, 0 // the index has them once
	return other
}

// multiQueues finds or makes the queues that a message names.
func (s *Store) multiQueues(names []byte, id int32) ([]*consumequeue.Queue, error) {
	var queues []*consumequeue.Queue
	for name := range strings.SplitSeq(string(names), ",") {
		at := s.multiID(name, id)
		q := s.queues.Lookup([]byte(name), at)
		if q == nil {
			if s.light.Load() > s.limits.Load().MaxLightQueues {
				return nil, ErrLightQueues
			}
			if len(name) > message.MaxTopic {
				return nil, fmt.Errorf("%w: the name of a queue has %d bytes, more than %d", ErrMulti, len(name), message.MaxTopic)
			}
			if q = s.queues.Queue([]byte(name), at); q == nil {
				return nil, fmt.Errorf("%w: there can be no queue %.40q", ErrMulti, name)
			}
			s.light.Add(1)
		}
		queues = append(queues, q)
	}
	return queues, nil
}

// multiID is the number of a queue that a message of queue id names.
func (s *Store) multiID(name string, id int32) int32 {
	if s.o.LightQueues && isLight(name) {
		return 0
	}
	return id
}

// withoutOffsets copies properties without offsets that were another record's.
func withoutOffsets(p message.Properties) message.Properties {
	kept := make(message.Properties, 0, len(p)+64)
	for name, value := range p.All() {
		if string(name) != PropertyMultiOffsets {
			kept = kept.Append(string(name), string(value))
		}
	}
	return kept
}

// aliases yields the places that a stored record has in other queues than its own. What the record says is believed:
// whoever appends it must have taken off the offsets that a client made up.
func (s *Store) aliases(r *message.Record, yield func(topic []byte, id int32, at message.QueueOffset) error) error {
	if !s.o.MultiDispatch || !isQueued(r.SysFlag) {
		return nil
	}
	names, offsets := r.Properties.Get(PropertyMulti), r.Properties.Get(PropertyMultiOffsets)
	if names == nil || offsets == nil {
		return nil
	}
	at := strings.Split(string(offsets), ",")
	for i, name := range strings.Split(string(names), ",") {
		if i >= len(at) {
			break
		}
		id := s.multiID(name, r.QueueID)
		n, err := strconv.ParseInt(at[i], 10, 64)
		if err != nil || n < 0 || name == string(r.Topic) && id == r.QueueID {
			continue
		}
		if err := yield([]byte(name), id, message.QueueOffset(n)); err != nil {
			return err
		}
	}
	return nil
}
