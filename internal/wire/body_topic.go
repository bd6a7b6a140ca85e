package wire

// Bodies are JSON, see package fastjson. In every body struct omitempty marks what is null in Java when
// unset; other collections are there even when empty. Numbers of Java's int are int32, long is int64.

// DataVersion tells two states of a table apart: they are the same only if both numbers match.
// Timestamp is in milliseconds.
type DataVersion struct {
	Counter   int64 `json:"counter"`
	Timestamp int64 `json:"timestamp"`
}

// Next makes it the version of a change at a time, ms (DataVersion.nextVersion).
func (v *DataVersion) Next(nowMillis int64) {
	v.Counter++
	v.Timestamp = nowMillis
}

// TopicConfig is one topic of a broker. Perm has the bits 4 read, 2 write, 1 inherit; TopicFilterType is
// SINGLE_TAG or MULTI_TAG; TopicSysFlag has 1 for a unit topic and 2 for one with unit subscriptions.
type TopicConfig struct {
	TopicName       string `json:"topicName,omitempty"`
	ReadQueueNums   int32  `json:"readQueueNums"`
	WriteQueueNums  int32  `json:"writeQueueNums"`
	Perm            int32  `json:"perm"`
	TopicFilterType string `json:"topicFilterType,omitempty"`
	TopicSysFlag    int32  `json:"topicSysFlag"`
	Order           bool   `json:"order"`
}

// SetDefaults makes the topic what Java's no-argument constructor makes.
func (c *TopicConfig) SetDefaults() {
	*c = TopicConfig{ReadQueueNums: 16, WriteQueueNums: 16, Perm: 6, TopicFilterType: "SINGLE_TAG"}
}

// TopicConfigSerializeWrapper is a broker's topic table: the answer to GET_ALL_TOPIC_CONFIG, and topics.json.
type TopicConfigSerializeWrapper struct {
	DataVersion      DataVersion             `json:"dataVersion"`
	TopicConfigTable map[string]*TopicConfig `json:"topicConfigTable"`
}

// TopicList lists topics; BrokerAddr is set in the answer to GET_SYSTEM_TOPIC_LIST_FROM_NS only.
type TopicList struct {
	BrokerAddr string   `json:"brokerAddr,omitempty"`
	TopicList  []string `json:"topicList"`
}

// TopicOffset is the span of one queue; MaxOffset is the offset behind the newest message.
type TopicOffset struct {
	MinOffset           int64 `json:"minOffset"`
	MaxOffset           int64 `json:"maxOffset"`
	LastUpdateTimestamp int64 `json:"lastUpdateTimestamp"`
}

// TopicStatsTable lists the queues of a topic.
type TopicStatsTable struct {
	OffsetTable map[MessageQueue]TopicOffset `json:"offsetTable"`
}
