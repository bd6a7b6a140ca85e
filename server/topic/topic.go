package topic

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	"ringmq/internal/wire"
	"ringmq/server/stats"
)

// Permission bits (PermName).
const (
	PermInherit int32 = 1 << 0 // topics made by send may copy this one
	PermWrite   int32 = 1 << 1
	PermRead    int32 = 1 << 2
)

// Bits of TopicConfig.topicSysFlag (TopicSysFlag).
const (
	sysFlagUnit    int32 = 1 << 0
	sysFlagUnitSub int32 = 1 << 1
)

// The two topicFilterTypes.
const (
	singleTag = "SINGLE_TAG"
	multiTag  = "MULTI_TAG"
)

// Topic is a topic at one moment. It never changes once published, but for its statistics.
type Topic struct {
	Name      string
	NameBytes []byte // Name; must not be changed
	// SendForbidden marks topics that RocketMQ fills itself.
	SendForbidden bool
	// Light marks a light topic.
	Light bool

	config  wire.TopicConfig
	changed int64          // counter of the table's version that brought this
	puts    *stats.Counter // shared by all versions of the topic

	text atomic.Pointer[[]byte] // see lines
}

// Config is the topic as it stands in files and messages. The caller must not change it.
func (t *Topic) Config() *wire.TopicConfig { return &t.config }

// ReadQueues is the number of queues that consumers see.
func (t *Topic) ReadQueues() int32 { return t.config.ReadQueueNums }

// WriteQueues is the number of queues that producers see.
func (t *Topic) WriteQueues() int32 { return t.config.WriteQueueNums }

// Perm has the bits PermRead, PermWrite and PermInherit.
func (t *Topic) Perm() int32 { return t.config.Perm }

// Order tells whether a name server has an order configuration for the topic.
func (t *Topic) Order() bool { return t.config.Order }

// MultiTag tells whether messages may carry several tags.
func (t *Topic) MultiTag() bool { return t.config.TopicFilterType == multiTag }

// Put counts requests that stored messages in the topic, and these with their bytes.
func (t *Topic) Put(requests, messages, bytes int64) { t.puts.AddTimes(requests, messages, bytes) }

// QueueRefusal is the answer to a send to a queue the topic does not have (AbstractSendMessageProcessor.msgCheck).
func (t *Topic) QueueRefusal(queueID int32, producer netip.AddrPort) string {
	return fmt.Sprintf("request queueId[%d] is illegal, %s Producer: %s", queueID, describe(&t.config), producer)
}

// describe is Java's TopicConfig.toString.
func describe(c *wire.TopicConfig) string {
	perm := []byte("---")
	for i, bit := range []int32{PermRead, PermWrite, PermInherit} {
		if c.Perm&bit != 0 {
			perm[i] = "RWX"[i]
		}
	}
	return fmt.Sprintf("TopicConfig [topicName=%s, readQueueNums=%d, writeQueueNums=%d, perm=%s, topicFilterType=%s, topicSysFlag=%d, order=%t]",
		c.TopicName, c.ReadQueueNums, c.WriteQueueNums, perm, c.TopicFilterType, c.TopicSysFlag, c.Order)
}

// newConfig is a topic with as many queues to read as to write.
func newConfig(name string, queues, perm int32) wire.TopicConfig {
	return wire.TopicConfig{
		TopicName: name, ReadQueueNums: queues, WriteQueueNums: queues, Perm: perm, TopicFilterType: singleTag,
	}
}
