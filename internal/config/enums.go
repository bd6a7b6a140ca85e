package config

// BrokerRole is what a broker is in its set.
type BrokerRole string

// The values of brokerRole.
const (
	AsyncMaster BrokerRole = "ASYNC_MASTER" // acknowledges without waiting for slaves
	SyncMaster  BrokerRole = "SYNC_MASTER"  // acknowledges when a slave has the message
	Slave       BrokerRole = "SLAVE"
)

// FlushDiskType is when a message is acknowledged.
type FlushDiskType string

// The values of flushDiskType.
const (
	AsyncFlush FlushDiskType = "ASYNC_FLUSH" // in the page cache: outlives the process
	SyncFlush  FlushDiskType = "SYNC_FLUSH"  // on the device: outlives the machine's power
)
