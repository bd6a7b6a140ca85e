package wire

// MessageQueue names one queue. It is a map key in several bodies.
type MessageQueue struct {
	BrokerName string `json:"brokerName,omitempty"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic,omitempty"`
}

// MessageQueueForC is a queue with its offset, for clients whose JSON knows no objects as keys.
type MessageQueueForC struct {
	BrokerName string `json:"brokerName,omitempty"`
	Offset     int64  `json:"offset"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic,omitempty"`
}

// LockBatchRequestBody asks for the locks of queues.
type LockBatchRequestBody struct {
	ConsumerGroup string         `json:"consumerGroup,omitempty"`
	ClientID      string         `json:"clientId,omitempty"`
	MqSet         []MessageQueue `json:"mqSet"`
}

// UnlockBatchRequestBody gives the locks of queues back.
type UnlockBatchRequestBody struct {
	ConsumerGroup string         `json:"consumerGroup,omitempty"`
	ClientID      string         `json:"clientId,omitempty"`
	MqSet         []MessageQueue `json:"mqSet"`
}

// LockBatchResponseBody lists the queues whose locks the client now holds.
type LockBatchResponseBody struct {
	LockOKMQSet []MessageQueue `json:"lockOKMQSet"`
}
