package admin

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"ringmq/internal/client"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

const (
	// producerGroup is what brokers see as the sender.
	producerGroup = "ringmq_admin"
	// defaultQueues is how many queues a client asks for when its message creates the topic.
	defaultQueues = 4

	permWrite = 1 << 1
)

// Outgoing is a message to be sent.
type Outgoing struct {
	Topic  string
	Tags   string
	Keys   string // divided by blanks
	Body   []byte
	Broker string // name; empty lets the cluster choose
	Queue  int32  // only with Broker; −1 lets the cluster choose
}

// Sent says where a message went. Status is SEND_OK or what the broker could not do in time
// though it has the message: FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT, SLAVE_NOT_AVAILABLE.
type Sent struct {
	Broker   string
	Queue    int32
	Offset   int64
	Status   string
	ID       string // given by the sender, property UNIQ_KEY
	OffsetID string // given by the broker
}

// sendStatus are the statuses of a message that the broker has.
var sendStatus = map[wire.Status]string{
	wire.StatusSuccess:           "SEND_OK",
	wire.StatusFlushDiskTimeout:  "FLUSH_DISK_TIMEOUT",
	wire.StatusFlushSlaveTimeout: "FLUSH_SLAVE_TIMEOUT",
	wire.StatusSlaveNotAvailable: "SLAVE_NOT_AVAILABLE",
}

// Send sends one message. A topic that does not exist is created by the broker, where that
// is allowed, as with any RocketMQ client.
func (c *Cluster) Send(ctx context.Context, m Outgoing) (*Sent, error) {
	if i := strings.IndexAny(m.Tags+m.Keys, "\x01\x02"); i >= 0 {
		return nil, fmt.Errorf("tags and keys must not contain the characters 1 and 2")
	}
	queue, addr, err := c.pick(ctx, &m)
	if err != nil {
		return nil, err
	}
	now := c.clock.Now()
	id := c.ids.next(now)
	props := message.Properties(nil).Append(message.PropertyUniqKey, id).Append(message.PropertyWait, "true")
	if m.Tags != "" {
		props = props.Append(message.PropertyTags, m.Tags)
	}
	if m.Keys != "" {
		props = props.Append(message.PropertyKeys, m.Keys)
	}
	h := &wire.SendMessageRequest{
		ProducerGroup:         []byte(producerGroup),
		Topic:                 []byte(m.Topic),
		DefaultTopic:          []byte(defaultTopic),
		DefaultTopicQueueNums: defaultQueues,
		QueueID:               queue.QueueID,
		BornTimestamp:         now.UnixMilli(),
		Properties:            props,
		BrokerName:            []byte(queue.BrokerName),
	}
	answer, err := c.exchange(ctx, addr, wire.CodeSendMessageV2, h.V2(), m.Body)
	if err != nil {
		return nil, err
	}
	status, has := sendStatus[wire.Status(answer.Code)]
	if !has {
		return nil, fmt.Errorf("broker %s at %s: %w", queue.BrokerName, addr, client.Failure(answer))
	}
	var res wire.SendMessageResponse
	if err := res.Decode(answer.Ext); err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	return &Sent{queue.BrokerName, res.QueueID, res.QueueOffset, status, id, string(res.MsgID)}, nil
}

// pick chooses a queue on a master that can be written to, and returns the master's address.
func (c *Cluster) pick(ctx context.Context, m *Outgoing) (q wire.MessageQueue, addr string, err error) {
	route, limit, err := c.writeRoute(ctx, m.Topic)
	if err != nil {
		return q, "", err
	}
	var queues []wire.MessageQueue
	addrs := make(map[string]string)
	for i := range route.BrokerDatas {
		if master, ok := route.BrokerDatas[i].BrokerAddrs[MasterID]; ok {
			addrs[route.BrokerDatas[i].BrokerName] = master
		}
	}
	for _, d := range route.QueueDatas {
		if d.Perm&permWrite == 0 || addrs[d.BrokerName] == "" || m.Broker != "" && m.Broker != d.BrokerName {
			continue
		}
		for id := range min(d.WriteQueueNums, limit) {
			if m.Broker == "" || m.Queue < 0 || m.Queue == id {
				queues = append(queues, wire.MessageQueue{Topic: m.Topic, BrokerName: d.BrokerName, QueueID: id})
			}
		}
	}
	if len(queues) == 0 {
		where := "on any broker"
		if m.Broker != "" {
			where = "on broker " + m.Broker
		}
		if m.Queue >= 0 && m.Broker != "" {
			where += fmt.Sprintf(" with id %d", m.Queue)
		}
		return q, "", fmt.Errorf("topic %s has no queue %s that a master would write to", m.Topic, where)
	}
	q = queues[uint64(c.clock.Now().UnixNano()/int64(time.Microsecond))%uint64(len(queues))]
	return q, addrs[q.BrokerName], nil
}

// maxQueues bounds the queues of one broker that are considered.
const maxQueues = 1 << 16

// writeRoute is the topic's route or, for an unknown topic, that of the template brokers
// would make it from, and how many queues of a broker to consider.
func (c *Cluster) writeRoute(ctx context.Context, topic string) (*wire.TopicRouteData, int32, error) {
	route, err := c.Route(ctx, topic)
	if err == nil {
		return route, maxQueues, nil
	}
	if status, ok := StatusOf(err); !ok || status != wire.StatusTopicNotExist {
		return nil, 0, err
	}
	route, templateErr := c.Route(ctx, defaultTopic)
	if templateErr != nil {
		return nil, 0, fmt.Errorf("topic %s does not exist, and no broker creates it by itself: create it with updateTopic", topic)
	}
	return route, defaultQueues, nil
}

// uniqueIDs makes message ids of the form of MessageClientIDSetter: 16 bytes in hex, of which
// the last six are the milliseconds since the month began and a counter. In place of address,
// process and class loader stands one number per Cluster.
type uniqueIDs struct {
	process uint32
	count   atomic.Uint32
}

func (u *uniqueIDs) next(now time.Time) string {
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	b := make([]byte, 0, 16)
	b = binary.BigEndian.AppendUint32(b, 0x7f000001)
	b = binary.BigEndian.AppendUint16(b, uint16(u.process>>16))
	b = binary.BigEndian.AppendUint32(b, u.process)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Sub(month).Milliseconds()))
	b = binary.BigEndian.AppendUint16(b, uint16(u.count.Add(1)))
	return strings.ToUpper(hex.EncodeToString(b))
}
