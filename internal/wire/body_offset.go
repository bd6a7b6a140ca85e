package wire

// OffsetSerializeWrapper is a broker's offset table, "topic@group" → queue → offset: the answer to
// GET_ALL_CONSUMER_OFFSET, and consumerOffset.json.
type OffsetSerializeWrapper struct {
	OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
}

// LmqOffsetSerializeWrapper is [OffsetSerializeWrapper] of a broker with light queues, and lmqConsumerOffset.json: light groups
// have one offset for a topic, "topic@group" → offset.
type LmqOffsetSerializeWrapper struct {
	LmqOffsetTable map[string]int64           `json:"lmqOffsetTable"`
	OffsetTable    map[string]map[int32]int64 `json:"offsetTable"`
}

// DelayOffsetSerializeWrapper is the delivered offset of each delay level: the answer to
// GET_ALL_DELAY_OFFSET, and delayOffset.json.
type DelayOffsetSerializeWrapper struct {
	OffsetTable map[int32]int64 `json:"offsetTable"`
}

// OffsetWrapper is how far a group has consumed a queue; LastTimestamp is the store time of the last
// consumed message in milliseconds.
type OffsetWrapper struct {
	BrokerOffset   int64 `json:"brokerOffset"`
	ConsumerOffset int64 `json:"consumerOffset"`
	LastTimestamp  int64 `json:"lastTimestamp"`
}

// ConsumeStats is how far a group has consumed its queues.
type ConsumeStats struct {
	OffsetTable map[MessageQueue]OffsetWrapper `json:"offsetTable"`
	ConsumeTps  float64                        `json:"consumeTps"`
}

// ConsumeStatsList is how far all groups of a broker have consumed: one map per group.
type ConsumeStatsList struct {
	ConsumeStatsList []map[string][]ConsumeStats `json:"consumeStatsList"`
	BrokerAddr       string                      `json:"brokerAddr,omitempty"`
	TotalDiff        int64                       `json:"totalDiff"`
}

// QueueTimeSpan is the span of time a group has left to consume in a queue. Times are milliseconds, their
// Str forms "2006-01-02#15:04:05:000" in the broker's zone.
type QueueTimeSpan struct {
	MessageQueue        MessageQueue `json:"messageQueue"`
	MinTimeStamp        int64        `json:"minTimeStamp"`
	MaxTimeStamp        int64        `json:"maxTimeStamp"`
	ConsumeTimeStamp    int64        `json:"consumeTimeStamp"`
	DelayTime           int64        `json:"delayTime"`
	MinTimeStampStr     string       `json:"minTimeStampStr,omitempty"`
	MaxTimeStampStr     string       `json:"maxTimeStampStr,omitempty"`
	ConsumeTimeStampStr string       `json:"consumeTimeStampStr,omitempty"`
}

// QueryConsumeTimeSpanBody lists the spans of a group's queues.
type QueryConsumeTimeSpanBody struct {
	ConsumeTimeSpanSet []QueueTimeSpan `json:"consumeTimeSpanSet"`
}

// QueryCorrectionOffsetBody is the offset of each queue that is safe to start from.
type QueryCorrectionOffsetBody struct {
	CorrectionOffsets map[int32]int64 `json:"correctionOffsets"`
}

// ResetOffsetBody is the offset each queue is to be moved to.
type ResetOffsetBody struct {
	OffsetTable map[MessageQueue]int64 `json:"offsetTable"`
}

// ResetOffsetBodyForC is [ResetOffsetBody] for clients whose JSON knows no objects as keys.
type ResetOffsetBodyForC struct {
	OffsetTable []MessageQueueForC `json:"offsetTable"`
}

// GetConsumerStatusBody holds offsets of clients: a client fills MessageQueueTable with its own, a broker
// ConsumerTable with those of its clients by client id.
type GetConsumerStatusBody struct {
	MessageQueueTable map[MessageQueue]int64            `json:"messageQueueTable"`
	ConsumerTable     map[string]map[MessageQueue]int64 `json:"consumerTable"`
}

// OffsetMovedEvent is the body of a message of OFFSET_MOVED_EVENT: a pull whose offset was corrected.
type OffsetMovedEvent struct {
	ConsumerGroup string       `json:"consumerGroup,omitempty"`
	MessageQueue  MessageQueue `json:"messageQueue"`
	OffsetRequest int64        `json:"offsetRequest"`
	OffsetNew     int64        `json:"offsetNew"`
}
