package wire

// QueueData is the part of a topic that lies on the brokers of one name.
type QueueData struct {
	BrokerName     string `json:"brokerName,omitempty"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	WriteQueueNums int32  `json:"writeQueueNums"`
	Perm           int32  `json:"perm"`
	TopicSysFlag   int32  `json:"topicSysFlag"`
}

// BrokerData lists the addresses of the brokers of one name by broker id; 0 is the master.
type BrokerData struct {
	Cluster     string           `json:"cluster,omitempty"`
	BrokerName  string           `json:"brokerName,omitempty"`
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
}

// TopicRouteData is a topic's route: the answer to GET_ROUTEINFO_BY_TOPIC.
type TopicRouteData struct {
	OrderTopicConf    string              `json:"orderTopicConf,omitempty"`
	QueueDatas        []QueueData         `json:"queueDatas"`
	BrokerDatas       []BrokerData        `json:"brokerDatas"`
	FilterServerTable map[string][]string `json:"filterServerTable"`
}

// ClusterInfo lists all brokers by name and all broker names by cluster.
type ClusterInfo struct {
	BrokerAddrTable  map[string]*BrokerData `json:"brokerAddrTable"`
	ClusterAddrTable map[string][]string    `json:"clusterAddrTable"`
}

// KVTable is a table of texts: the order configuration of topics, a broker's runtime figures.
type KVTable struct {
	Table map[string]string `json:"table"`
}
