package config

// Broker holds the options of RocketMQ's BrokerConfig: who the broker is, what it
// allows, how long it waits.
type Broker struct {
	RocketmqHome                           string `key:"rocketmqHome" default:"$ROCKETMQ_HOME" remote:"no" status:"home" doc:"install root; conf/ with log config and ACL"`
	NamesrvAddr                            string `key:"namesrvAddr" default:"$NAMESRV_ADDR" important:"yes" doc:"';'-separated list"`
	BrokerIP1                              string `key:"brokerIP1" default:"local address" important:"yes" doc:"address registered, in storeHost and msgIds"`
	BrokerIP2                              string `key:"brokerIP2" default:"local address" doc:"address of the registered HA endpoint"`
	BrokerName                             string `key:"brokerName" default:"host name, else DEFAULT_BROKER" important:"yes" doc:"broker set name"`
	BrokerClusterName                      string `key:"brokerClusterName" default:"DefaultCluster" important:"yes" doc:"cluster name; also a topic"`
	BrokerID                               int64  `key:"brokerId" default:"0" range:"-1.." important:"yes" doc:"0 master, >0 slave (masters are forced to 0)"`
	BrokerPermission                       int    `key:"brokerPermission" default:"6" range:"0..7" doc:"perm bits; non-RW is pushed into every registered topic"`
	DefaultTopicQueueNums                  int    `key:"defaultTopicQueueNums" default:"8" range:"1..1024" doc:"queues of TBW102"`
	AutoCreateTopicEnable                  bool   `key:"autoCreateTopicEnable" default:"true" important:"yes" doc:"TBW102 exists with inherit perm"`
	ClusterTopicEnable                     bool   `key:"clusterTopicEnable" default:"true" doc:"cluster-named topic gets RW"`
	BrokerTopicEnable                      bool   `key:"brokerTopicEnable" default:"true" doc:"broker-named topic gets RW"`
	AutoCreateSubscriptionGroup            bool   `key:"autoCreateSubscriptionGroup" default:"true" important:"yes" doc:"unknown group is created on first use"`
	MessageStorePlugIn                     string `key:"messageStorePlugIn" default:"" remote:"no" status:"plugin" doc:"class names wrapping the store"`
	MsgTraceTopicName                      string `key:"msgTraceTopicName" default:"RMQ_SYS_TRACE_TOPIC" important:"yes" doc:"trace topic name"`
	TraceTopicEnable                       bool   `key:"traceTopicEnable" default:"false" important:"yes" doc:"create the trace topic at start"`
	SendMessageThreadPoolNums              int    `key:"sendMessageThreadPoolNums" default:"min(cpu,4)" status:"pool" doc:"send pool"`
	PutMessageFutureThreadPoolNums         int    `key:"putMessageFutureThreadPoolNums" default:"min(cpu,4)" status:"pool" doc:"pool that finishes send replies"`
	PullMessageThreadPoolNums              int    `key:"pullMessageThreadPoolNums" default:"16+2*cpu" status:"pool" doc:"pull pool"`
	ProcessReplyMessageThreadPoolNums      int    `key:"processReplyMessageThreadPoolNums" default:"16+2*cpu" status:"pool" doc:"reply pool"`
	QueryMessageThreadPoolNums             int    `key:"queryMessageThreadPoolNums" default:"8+cpu" status:"pool" doc:"query pool"`
	AdminBrokerThreadPoolNums              int    `key:"adminBrokerThreadPoolNums" default:"16" status:"pool" doc:"admin pool"`
	ClientManageThreadPoolNums             int    `key:"clientManageThreadPoolNums" default:"32" status:"pool" doc:"client pool"`
	ConsumerManageThreadPoolNums           int    `key:"consumerManageThreadPoolNums" default:"32" status:"pool" doc:"offset/list pool"`
	HeartbeatThreadPoolNums                int    `key:"heartbeatThreadPoolNums" default:"min(32,cpu)" status:"pool" doc:"heartbeat pool"`
	EndTransactionThreadPoolNums           int    `key:"endTransactionThreadPoolNums" default:"max(8+2*cpu, 4*min(cpu,4))" status:"pool" doc:"end-transaction pool"`
	FlushConsumerOffsetInterval            int    `key:"flushConsumerOffsetInterval" default:"5000" unit:"ms" range:"1.." doc:"consumerOffset.json period"`
	FlushConsumerOffsetHistoryInterval     int    `key:"flushConsumerOffsetHistoryInterval" default:"60000" status:"unused" doc:"no effect"`
	RejectTransactionMessage               bool   `key:"rejectTransactionMessage" default:"false" important:"yes" doc:"refuse TRAN_MSG sends"`
	FetchNamesrvAddrByAddressServer        bool   `key:"fetchNamesrvAddrByAddressServer" default:"false" important:"yes" status:"address" doc:"poll the address server every 2 min if namesrvAddr is unset"`
	SendThreadPoolQueueCapacity            int    `key:"sendThreadPoolQueueCapacity" default:"10000" status:"queue" doc:"send queue bound"`
	PutThreadPoolQueueCapacity             int    `key:"putThreadPoolQueueCapacity" default:"10000" status:"queue" doc:"reply-finish queue bound"`
	PullThreadPoolQueueCapacity            int    `key:"pullThreadPoolQueueCapacity" default:"100000" status:"queue" doc:"pull queue bound"`
	ReplyThreadPoolQueueCapacity           int    `key:"replyThreadPoolQueueCapacity" default:"10000" status:"queue" doc:"reply queue bound"`
	QueryThreadPoolQueueCapacity           int    `key:"queryThreadPoolQueueCapacity" default:"20000" status:"queue" doc:"query queue bound"`
	ClientManagerThreadPoolQueueCapacity   int    `key:"clientManagerThreadPoolQueueCapacity" default:"1000000" status:"queue" doc:"client queue bound"`
	ConsumerManagerThreadPoolQueueCapacity int    `key:"consumerManagerThreadPoolQueueCapacity" default:"1000000" status:"queue" doc:"queue made but not used by its pool"`
	HeartbeatThreadPoolQueueCapacity       int    `key:"heartbeatThreadPoolQueueCapacity" default:"50000" status:"queue" doc:"heartbeat queue bound"`
	EndTransactionPoolQueueCapacity        int    `key:"endTransactionPoolQueueCapacity" default:"100000" status:"queue" doc:"end-transaction queue bound"`
	FilterServerNums                       int    `key:"filterServerNums" default:"0" status:"unused" doc:"no effect"`
	LongPollingEnable                      bool   `key:"longPollingEnable" default:"true" doc:"hold pulls; else short polling"`
	ShortPollingTimeMills                  int64  `key:"shortPollingTimeMills" default:"1000" unit:"ms" range:"1.." doc:"hold time and scan period without long polling"`
	NotifyConsumerIDsChangedEnable         bool   `key:"notifyConsumerIdsChangedEnable" default:"true" doc:"send 40 on group change"`
	HighSpeedMode                          bool   `key:"highSpeedMode" default:"false" status:"unused" doc:"no effect"`
	CommercialEnable                       bool   `key:"commercialEnable" default:"true" status:"commercial" doc:"no effect"`
	CommercialTimerCount                   int    `key:"commercialTimerCount" default:"1" status:"commercial" doc:"no effect"`
	CommercialTransCount                   int    `key:"commercialTransCount" default:"1" status:"commercial" doc:"no effect"`
	CommercialBigCount                     int    `key:"commercialBigCount" default:"1" status:"commercial" doc:"no effect"`
	CommercialBaseCount                    int    `key:"commercialBaseCount" default:"1" status:"commercial" doc:"factor in commercial stats hooks"`
	TransferMsgByHeap                      bool   `key:"transferMsgByHeap" default:"true" status:"gather" doc:"copy pull results to heap; false = zero copy"`
	MaxDelayTime                           int    `key:"maxDelayTime" default:"40" status:"unused" doc:"no effect"`
	RegionID                               string `key:"regionId" default:"DefaultRegion" doc:"MSG_REGION in send replies"`
	RegisterBrokerTimeoutMills             int    `key:"registerBrokerTimeoutMills" default:"6000" unit:"ms" range:"1.." doc:"register wait"`
	SlaveReadEnable                        bool   `key:"slaveReadEnable" default:"false" status:"replication" doc:"allow pulls from slaves and redirect slow ones"`
	DisableConsumeIfConsumerReadSlowly     bool   `key:"disableConsumeIfConsumerReadSlowly" default:"false" doc:"disable groups that lag"`
	ConsumerFallbehindThreshold            int64  `key:"consumerFallbehindThreshold" default:"17179869184" unit:"bytes" doc:"lag bytes for that"`
	BrokerFastFailureEnable                bool   `key:"brokerFastFailureEnable" default:"true" doc:"refuse requests that have waited too long"`
	WaitTimeMillsInSendQueue               int64  `key:"waitTimeMillsInSendQueue" default:"200" unit:"ms" doc:"max queue wait, send"`
	WaitTimeMillsInPullQueue               int64  `key:"waitTimeMillsInPullQueue" default:"5000" unit:"ms" doc:"max queue wait, pull"`
	WaitTimeMillsInHeartbeatQueue          int64  `key:"waitTimeMillsInHeartbeatQueue" default:"31000" unit:"ms" doc:"max queue wait, heartbeat"`
	WaitTimeMillsInTransactionQueue        int64  `key:"waitTimeMillsInTransactionQueue" default:"3000" unit:"ms" doc:"max queue wait, end transaction"`
	StartAcceptSendRequestTimeStamp        int64  `key:"startAcceptSendRequestTimeStamp" default:"0" unit:"ms" doc:"sends before this ms are refused"`
	TraceOn                                bool   `key:"traceOn" default:"true" doc:"TRACE_ON in send replies"`
	EnableCalcFilterBitMap                 bool   `key:"enableCalcFilterBitMap" default:"false" doc:"compute bloom bitmap at dispatch; needs enableConsumeQueueExt"`
	ExpectConsumerNumUseFilter             int    `key:"expectConsumerNumUseFilter" default:"32" range:"1..1048576" doc:"bloom n, noted in consumerFilter.json for Java"`
	MaxErrorRateOfBloomFilter              int    `key:"maxErrorRateOfBloomFilter" default:"20" range:"1..99" unit:"%" doc:"bloom f, noted in consumerFilter.json for Java"`
	FilterDataCleanTimeSpan                int64  `key:"filterDataCleanTimeSpan" default:"86400000" unit:"ms" doc:"drop dead filter data after"`
	FilterSupportRetry                     bool   `key:"filterSupportRetry" default:"false" doc:"SQL filter also on retry topics"`
	EnablePropertyFilter                   bool   `key:"enablePropertyFilter" default:"false" doc:"allow non-TAG filters"`
	CompressedRegister                     bool   `key:"compressedRegister" default:"false" doc:"zlib register body"`
	ForceRegister                          bool   `key:"forceRegister" default:"true" doc:"periodic register without version query"`
	RegisterNameServerPeriod               int    `key:"registerNameServerPeriod" default:"30000" unit:"ms" doc:"register period, clamped 10–60 s"`
	TransactionTimeOut                     int64  `key:"transactionTimeOut" default:"6000" unit:"ms" important:"yes" doc:"first check not before after birth"`
	TransactionCheckMax                    int    `key:"transactionCheckMax" default:"15" important:"yes" doc:"checks before discard"`
	TransactionCheckInterval               int64  `key:"transactionCheckInterval" default:"60000" unit:"ms" range:"1.." important:"yes" doc:"checker period (read at start)"`
	AclEnable                              bool   `key:"aclEnable" default:"false" important:"yes" status:"acl" doc:"load ACL validators"`
	StoreReplyMessageEnable                bool   `key:"storeReplyMessageEnable" default:"true" doc:"store reply messages too"`
	EnableDetailStat                       bool   `key:"enableDetailStat" default:"true" doc:"per-queue statistics"`
	AutoDeleteUnusedStats                  bool   `key:"autoDeleteUnusedStats" default:"false" doc:"drop stats of deleted topics/groups"`
	IsolateLogEnable                       bool   `key:"isolateLogEnable" default:"false" status:"stderr" doc:"log folder per broker"`
	ConfigBlackList                        string `key:"configBlackList" default:"configBlackList;brokerConfigPath" remote:"no" doc:"keys request 25 may not change (plus brokerConfigPath, rocketmqHome, configBlackList always)"`
}
