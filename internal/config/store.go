package config

// Store holds the options of RocketMQ's MessageStoreConfig: where messages lie, how
// they reach the disk and when they leave it.
type Store struct {
	StorePathRootDir                         string        `key:"storePathRootDir" default:"$HOME/store" important:"yes" remote:"no" doc:"store root"`
	StorePathCommitLog                       string        `key:"storePathCommitLog" default:"null" important:"yes" remote:"no" doc:"CommitLog folder(s); null = root/commitlog"`
	StorePathDLedgerCommitLog                string        `key:"storePathDLedgerCommitLog" default:"null" important:"yes" remote:"no" status:"raft" doc:"DLedger log folder"`
	ReadOnlyCommitLogStorePaths              string        `key:"readOnlyCommitLogStorePaths" default:"null" remote:"no" status:"folders" doc:"read-only CommitLog folders"`
	MappedFileSizeCommitLog                  int           `key:"mappedFileSizeCommitLog" default:"1073741824" unit:"bytes" range:"4096.." doc:"CommitLog file size"`
	MappedFileSizeConsumeQueue               int           `key:"mappedFileSizeConsumeQueue" default:"6000000" unit:"bytes" range:"20.." doc:"CQ file size"`
	EnableConsumeQueueExt                    bool          `key:"enableConsumeQueueExt" default:"false" doc:"write consumequeue_ext"`
	MappedFileSizeConsumeQueueExt            int           `key:"mappedFileSizeConsumeQueueExt" default:"50331648" unit:"bytes" range:"4096.." doc:"its file size"`
	BitMapLengthConsumeQueueExt              int           `key:"bitMapLengthConsumeQueueExt" default:"64" doc:"bits of a bitmap: the start overwrites it with what the Bloom filter needs"`
	FlushIntervalCommitLog                   int           `key:"flushIntervalCommitLog" default:"500" unit:"ms" range:"1.." important:"yes" doc:"async flush period"`
	CommitIntervalCommitLog                  int           `key:"commitIntervalCommitLog" default:"200" unit:"ms" important:"yes" status:"staging" doc:"pool commit period"`
	UseReentrantLockWhenPutMessage           bool          `key:"useReentrantLockWhenPutMessage" default:"true" status:"lock" doc:"mutex instead of spin lock"`
	FlushCommitLogTimed                      bool          `key:"flushCommitLogTimed" default:"true" important:"yes" doc:"flush every flushIntervalCommitLog; false: also as soon as there are flushCommitLogLeastPages"`
	FlushIntervalConsumeQueue                int           `key:"flushIntervalConsumeQueue" default:"1000" unit:"ms" range:"1.." doc:"CQ flush period"`
	CleanResourceInterval                    int           `key:"cleanResourceInterval" default:"10000" unit:"ms" range:"1.." doc:"cleaner period"`
	DeleteCommitLogFilesInterval             int           `key:"deleteCommitLogFilesInterval" default:"100" unit:"ms" doc:"pause between deletes"`
	DeleteConsumeQueueFilesInterval          int           `key:"deleteConsumeQueueFilesInterval" default:"100" unit:"ms" doc:"pause between deletes"`
	DestroyMapedFileIntervalForcibly         int           `key:"destroyMapedFileIntervalForcibly" default:"120000" unit:"ms" doc:"a removed file that is still read is told of after; Java takes it from its readers"`
	RedeleteHangedFileInterval               int           `key:"redeleteHangedFileInterval" default:"120000" unit:"ms" doc:"and told of again after"`
	DeleteWhen                               string        `key:"deleteWhen" default:"04" important:"yes" doc:"hour list"`
	DiskMaxUsedSpaceRatio                    int           `key:"diskMaxUsedSpaceRatio" default:"75" unit:"%" range:"0..100" doc:"percent, read clamped 10–95"`
	FileReservedTime                         int           `key:"fileReservedTime" default:"72" unit:"h" important:"yes" doc:"hours"`
	PutMsgIndexHightWater                    int           `key:"putMsgIndexHightWater" default:"600000" status:"unused" doc:"no effect"`
	MaxMessageSize                           int           `key:"maxMessageSize" default:"4194304" unit:"bytes" range:"1..16777216" doc:"max body bytes (record max = +64 KiB); changeable live"`
	CheckCRCOnRecover                        bool          `key:"checkCRCOnRecover" default:"true" status:"checked" doc:"CRC check in recovery"`
	FlushCommitLogLeastPages                 int           `key:"flushCommitLogLeastPages" default:"4" doc:"min dirty pages; 0 = anything"`
	CommitCommitLogLeastPages                int           `key:"commitCommitLogLeastPages" default:"4" status:"staging" doc:"min pages to commit"`
	FlushLeastPagesWhenWarmMapedFile         int           `key:"flushLeastPagesWhenWarmMapedFile" default:"4096" status:"mmap" doc:"pages between flushes while warming"`
	FlushConsumeQueueLeastPages              int           `key:"flushConsumeQueueLeastPages" default:"2" status:"queueflush" doc:"min dirty CQ pages"`
	FlushCommitLogThoroughInterval           int           `key:"flushCommitLogThoroughInterval" default:"10000" unit:"ms" doc:"full flush"`
	CommitCommitLogThoroughInterval          int           `key:"commitCommitLogThoroughInterval" default:"200" unit:"ms" status:"staging" doc:"full commit"`
	FlushConsumeQueueThoroughInterval        int           `key:"flushConsumeQueueThoroughInterval" default:"60000" unit:"ms" status:"queueflush" doc:"full CQ flush"`
	MaxTransferBytesOnMessageInMemory        int           `key:"maxTransferBytesOnMessageInMemory" default:"262144" unit:"bytes" range:"1.." important:"yes" doc:"pull limit, recent data"`
	MaxTransferCountOnMessageInMemory        int           `key:"maxTransferCountOnMessageInMemory" default:"32" range:"1.." important:"yes" doc:"pull limit, recent data"`
	MaxTransferBytesOnMessageInDisk          int           `key:"maxTransferBytesOnMessageInDisk" default:"65536" unit:"bytes" range:"1.." important:"yes" doc:"pull limit, old data that is not in memory"`
	MaxTransferCountOnMessageInDisk          int           `key:"maxTransferCountOnMessageInDisk" default:"8" range:"1.." important:"yes" doc:"pull limit, old data that is not in memory"`
	AccessMessageInMemoryMaxRatio            int           `key:"accessMessageInMemoryMaxRatio" default:"40" unit:"%" range:"0..100" important:"yes" doc:"part of physical RAM that counts as in memory"`
	ReadMappingMaxBytes                      int64         `key:"readMappingMaxBytes" default:"4294967296" unit:"bytes" range:"67108864.." own:"yes" remote:"no" doc:"how much of the CommitLog is mapped for readers at a time; page tables take a 512th of it"`
	ColdReadMaxBytes                         int64         `key:"coldReadMaxBytes" default:"0" unit:"bytes" range:"0.." own:"yes" remote:"no" doc:"memory for what is read from the device for consumers far behind, ahead of them, and kept for those who come soon after them; 0 = a 32nd of the memory (of the control group's limit, or GOMEMLIMIT, if that is less)"`
	MessageIndexEnable                       bool          `key:"messageIndexEnable" default:"true" important:"yes" doc:"build index"`
	MaxHashSlotNum                           int           `key:"maxHashSlotNum" default:"5000000" range:"1.." doc:"index slots"`
	MaxIndexNum                              int           `key:"maxIndexNum" default:"20000000" range:"1.." doc:"index entries"`
	MaxMsgsNumBatch                          int           `key:"maxMsgsNumBatch" default:"64" doc:"key query cap"`
	MessageIndexSafe                         bool          `key:"messageIndexSafe" default:"false" important:"yes" status:"checked" doc:"recovery also honours index time"`
	HaListenPort                             int           `key:"haListenPort" default:"10912" range:"0..65535" status:"replication" doc:"no effect: start-up sets listenPort+1"`
	HaSendHeartbeatInterval                  int           `key:"haSendHeartbeatInterval" default:"5000" unit:"ms" status:"replication" doc:"HA heartbeat"`
	HaHousekeepingInterval                   int           `key:"haHousekeepingInterval" default:"20000" unit:"ms" status:"replication" doc:"HA idle close"`
	HaTransferBatchSize                      int           `key:"haTransferBatchSize" default:"32768" unit:"bytes" status:"replication" doc:"HA chunk"`
	HaMasterAddress                          string        `key:"haMasterAddress" default:"null" important:"yes" status:"replication" doc:"fixed HA master"`
	HaSlaveFallbehindMax                     int           `key:"haSlaveFallbehindMax" default:"268435456" unit:"bytes" status:"replication" doc:"slave usable limit"`
	BrokerRole                               BrokerRole    `key:"brokerRole" default:"ASYNC_MASTER" range:"ASYNC_MASTER|SYNC_MASTER|SLAVE" important:"yes" doc:"role in the broker set"`
	FlushDiskType                            FlushDiskType `key:"flushDiskType" default:"ASYNC_FLUSH" range:"ASYNC_FLUSH|SYNC_FLUSH" important:"yes" doc:"acknowledge from the page cache, or from the device"`
	SyncFlushTimeout                         int           `key:"syncFlushTimeout" default:"5000" unit:"ms" range:"1.." doc:"flush wait"`
	SlaveTimeout                             int           `key:"slaveTimeout" default:"3000" unit:"ms" status:"replication" doc:"replica wait"`
	MessageDelayLevel                        string        `key:"messageDelayLevel" default:"1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h" doc:"level list"`
	FlushDelayOffsetInterval                 int64         `key:"flushDelayOffsetInterval" default:"10000" unit:"ms" doc:"delayOffset.json period"`
	CleanFileForciblyEnable                  bool          `key:"cleanFileForciblyEnable" default:"true" important:"yes" doc:"allow deleting unexpired files"`
	WarmMapedFileEnable                      bool          `key:"warmMapedFileEnable" default:"false" doc:"make all of a new file ready to be stored to, in the mmap flush modes"`
	OffsetCheckInSlave                       bool          `key:"offsetCheckInSlave" default:"false" status:"replication" doc:"correct offsets on a slave too"`
	DebugLockEnable                          bool          `key:"debugLockEnable" default:"false" status:"lock" doc:"dump stacks on long put lock"`
	DuplicationEnable                        bool          `key:"duplicationEnable" default:"false" status:"replication" doc:"dispatch only below confirmOffset"`
	DiskFallRecorded                         bool          `key:"diskFallRecorded" default:"true" doc:"record group lag bytes"`
	OsPageCacheBusyTimeOutMills              int64         `key:"osPageCacheBusyTimeOutMills" default:"1000" unit:"ms" doc:"after so long in one write sends are refused"`
	DefaultQueryMaxNum                       int           `key:"defaultQueryMaxNum" default:"32" doc:"maxNum for unique-key queries"`
	TransientStorePoolEnable                 bool          `key:"transientStorePoolEnable" default:"false" important:"yes" doc:"acknowledge what is staged: a killed process loses the last moments (ASYNC_FLUSH master only)"`
	TransientStorePoolSize                   int           `key:"transientStorePoolSize" default:"5" status:"staging" doc:"buffers"`
	FastFailIfNoBufferInStorePool            bool          `key:"fastFailIfNoBufferInStorePool" default:"false" status:"staging" doc:"fail file allocation when pool is empty"`
	EnableDLegerCommitLog                    bool          `key:"enableDLegerCommitLog" default:"false" status:"raft" doc:"DLedger mode (brokerId becomes −1)"`
	DLegerGroup                              string        `key:"dLegerGroup" default:"null" status:"raft" doc:"DLedger group"`
	DLegerPeers                              string        `key:"dLegerPeers" default:"null" status:"raft" doc:"DLedger peers"`
	DLegerSelfID                             string        `key:"dLegerSelfId" default:"null" status:"raft" doc:"DLedger id"`
	PreferredLeaderID                        string        `key:"preferredLeaderId" default:"null" status:"raft" doc:"DLedger leader hint"`
	IsEnableBatchPush                        bool          `key:"enableBatchPush" shown:"isEnableBatchPush" default:"false" status:"raft" doc:"DLedger batch push"`
	EnableScheduleMessageStats               bool          `key:"enableScheduleMessageStats" default:"true" doc:"count delayed deliveries"`
	EnableLmq                                bool          `key:"enableLmq" default:"false" doc:"light queues"`
	EnableMultiDispatch                      bool          `key:"enableMultiDispatch" default:"false" doc:"INNER_MULTI_DISPATCH handling"`
	MaxLmqConsumeQueueNum                    int           `key:"maxLmqConsumeQueueNum" default:"20000" doc:"LMQ count limit"`
	EnableScheduleAsyncDeliver               bool          `key:"enableScheduleAsyncDeliver" default:"false" status:"batches" doc:"asynchronous delayed delivery"`
	ScheduleAsyncDeliverMaxPendingLimit      int           `key:"scheduleAsyncDeliverMaxPendingLimit" default:"2000" status:"batches" doc:"its queue bound per level"`
	ScheduleAsyncDeliverMaxResendNum2Blocked int           `key:"scheduleAsyncDeliverMaxResendNum2Blocked" default:"3" status:"batches" doc:"resends before the level blocks"`
	TimerWheelEnable                         bool          `key:"timerWheelEnable" default:"true" own:"yes" doc:"take messages with TIMER_DELIVER_MS, TIMER_DELAY_MS, TIMER_DELAY_SEC (RocketMQ 5)"`
	TimerMaxDelaySec                         int           `key:"timerMaxDelaySec" default:"3456000" unit:"s" range:"1..315360000" own:"yes" doc:"the farthest moment such a message may ask for, from now: 40 days"`

	// ringmq's own.
	FlushMode            string `key:"flushMode" own:"yes" default:"auto" range:"auto|write-dsync|write-fsync|direct|mmap-fsync|mmap-msync" important:"yes" doc:"how the CommitLog is written and brought to the device; auto takes direct for SYNC_FLUSH, where the file system can do it, and write-fsync for ASYNC_FLUSH"`
	CacheWindow          int64  `key:"pageCacheWindow" own:"yes" default:"0" unit:"bytes" range:"-1.." doc:"how much of the CommitLog's end stays in the page cache while the log grows by more than 32 MiB a second: what lies further back is dropped; what a slower log leaves behind is the kernel's to keep; 0 = a sixteenth of the memory, -1 = nothing is dropped"`
	PrewriteRate         int    `key:"prewriteBytesPerSecond" own:"yes" default:"33554432" unit:"bytes" range:"0.." doc:"zeros written ahead of the CommitLog's end, at most 16 MiB ahead, with SYNC_FLUSH: a commit takes half as long where blocks were written before; 0 = none"`
	EnabledAppendPropCRC bool   `key:"enabledAppendPropCRC" own:"yes" default:"false" doc:"append a checksum over the whole record to each message, as the property __CRC32# (the name is RocketMQ 5's); recovery and 'ringmq store check' compare it where it is"`
}
