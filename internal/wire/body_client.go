package wire

// ConsumeType, MessageModel and ConsumeFromWhere values as they stand in bodies.
const (
	ConsumeActively  = "CONSUME_ACTIVELY"  // a pull consumer
	ConsumePassively = "CONSUME_PASSIVELY" // a push consumer

	Broadcasting = "BROADCASTING"
	Clustering   = "CLUSTERING"

	ConsumeFromLastOffset  = "CONSUME_FROM_LAST_OFFSET"
	ConsumeFromFirstOffset = "CONSUME_FROM_FIRST_OFFSET"
	ConsumeFromTimestamp   = "CONSUME_FROM_TIMESTAMP"

	ExpressionTag   = "TAG"
	ExpressionSQL92 = "SQL92"
)

// HeartbeatData is what a client is and wants: the body of HEART_BEAT.
type HeartbeatData struct {
	ClientID        string         `json:"clientID,omitempty"`
	ProducerDataSet []ProducerData `json:"producerDataSet"`
	ConsumerDataSet []ConsumerData `json:"consumerDataSet"`
}

// ProducerData is one producer group of a client.
type ProducerData struct {
	GroupName string `json:"groupName,omitempty"`
}

// ConsumerData is one consumer group of a client with its subscriptions.
type ConsumerData struct {
	GroupName           string             `json:"groupName,omitempty"`
	ConsumeType         string             `json:"consumeType,omitempty"`
	MessageModel        string             `json:"messageModel,omitempty"`
	ConsumeFromWhere    string             `json:"consumeFromWhere,omitempty"`
	SubscriptionDataSet []SubscriptionData `json:"subscriptionDataSet"`
	UnitMode            bool               `json:"unitMode"`
}

// SubscriptionData is what a group wants of a topic. CodeSet holds the Java hash codes of the tags in
// TagsSet; SubString "*" means all; SubVersion is the client's clock in milliseconds when it subscribed.
// An empty ExpressionType means TAG.
type SubscriptionData struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	Topic           string   `json:"topic,omitempty"`
	SubString       string   `json:"subString,omitempty"`
	TagsSet         []string `json:"tagsSet"`
	CodeSet         []int32  `json:"codeSet"`
	SubVersion      int64    `json:"subVersion"`
	ExpressionType  string   `json:"expressionType,omitempty"`
}

// SetDefaults makes the subscription what Java's no-argument constructor makes, but for its version.
func (s *SubscriptionData) SetDefaults() { *s = SubscriptionData{ExpressionType: ExpressionTag} }

// CheckClientRequestBody is a subscription whose expression is to be compiled.
type CheckClientRequestBody struct {
	ClientID         string            `json:"clientId,omitempty"`
	Group            string            `json:"group,omitempty"`
	SubscriptionData *SubscriptionData `json:"subscriptionData"`
}

// Connection is one live client of a group. An empty Language is one we do not know.
type Connection struct {
	ClientID   string `json:"clientId,omitempty"`
	ClientAddr string `json:"clientAddr,omitempty"`
	Language   string `json:"language,omitempty"`
	Version    int32  `json:"version"`
}

// ConsumerConnection lists the live clients and the subscriptions of a consumer group.
type ConsumerConnection struct {
	ConnectionSet     []Connection                `json:"connectionSet"`
	SubscriptionTable map[string]SubscriptionData `json:"subscriptionTable"`
	ConsumeType       string                      `json:"consumeType,omitempty"`
	MessageModel      string                      `json:"messageModel,omitempty"`
	ConsumeFromWhere  string                      `json:"consumeFromWhere,omitempty"`
}

// ProducerConnection lists the live clients of a producer group.
type ProducerConnection struct {
	ConnectionSet []Connection `json:"connectionSet"`
}

// ProducerInfo is one live producer; RemoteIP is "/ip:port" with its leading slash.
type ProducerInfo struct {
	ClientID            string `json:"clientId,omitempty"`
	RemoteIP            string `json:"remoteIP,omitempty"`
	Language            string `json:"language,omitempty"`
	Version             int32  `json:"version"`
	LastUpdateTimestamp int64  `json:"lastUpdateTimestamp"`
}

// ProducerTableInfo lists all live producers by group.
type ProducerTableInfo struct {
	Data map[string][]ProducerInfo `json:"data"`
}

// GetConsumerListByGroupResponseBody lists the client ids of a group.
type GetConsumerListByGroupResponseBody struct {
	ConsumerIDList []string `json:"consumerIdList"`
}

// GroupList lists consumer groups.
type GroupList struct {
	GroupList []string `json:"groupList"`
}
