package message

// Positions in a record with two IPv4 hosts, each computed from the one before it. What
// lies behind a host shifts by hostV6-hostV4 for each host that is IPv6.
const (
	posTotalSize     = 0
	posMagic         = posTotalSize + 4
	posBodyCRC       = posMagic + 4
	posQueueID       = posBodyCRC + 4
	posFlag          = posQueueID + 4
	posQueueOffset   = posFlag + 4
	posLogOffset     = posQueueOffset + 8
	posSysFlag       = posLogOffset + 8
	posBornTimestamp = posSysFlag + 4
	posBornHost      = posBornTimestamp + 8
	posStoreTime     = posBornHost + hostV4
	posStoreHost     = posStoreTime + 8
	posReconsume     = posStoreHost + hostV4
	posPrepared      = posReconsume + 4
	posBodyLength    = posPrepared + 8
	posBody          = posBodyLength + 4

	hostV4 = 4 + 4
	hostV6 = 16 + 4

	// fixedSize is a record of empty body, topic and properties: the three length fields count.
	fixedSize = posBody + 1 + 2

	// MinSize is the smallest record there can be: two IPv4 hosts, a topic of one byte.
	MinSize = fixedSize + 1
	// HeadSize bytes of a record are enough for [Peek], whatever its hosts.
	HeadSize = posBody + 2*(hostV6-hostV4)
	// BlankSize is the length of the mark that fills the end of a commit log file.
	BlankSize = 8
)

const _ = uint(fixedSize-91) + uint(91-fixedSize) // the 91 bytes of RocketMQ's CommitLog.calMsgLength

// Field is one row of the record's layout.
type Field struct {
	Name   string
	Offset int // with two IPv4 hosts and empty body, topic and properties
	Width  int // with IPv4 hosts; 0 for the three parts of variable length
}

// Layout is the record, field by field; the grid in the package's doc is this table.
var Layout = []Field{
	{"TOTALSIZE", posTotalSize, 4},
	{"MAGIC", posMagic, 4},
	{"BODYCRC", posBodyCRC, 4},
	{"QUEUEID", posQueueID, 4},
	{"FLAG", posFlag, 4},
	{"QUEUEOFFSET", posQueueOffset, 8},
	{"PHYSICALOFFSET", posLogOffset, 8},
	{"SYSFLAG", posSysFlag, 4},
	{"BORNTIMESTAMP", posBornTimestamp, 8},
	{"BORNHOST", posBornHost, hostV4},
	{"STORETIMESTAMP", posStoreTime, 8},
	{"STOREHOST", posStoreHost, hostV4},
	{"RECONSUMETIMES", posReconsume, 4},
	{"PREPARED_TRANSACTION_OFFSET", posPrepared, 8},
	{"BODYLENGTH", posBodyLength, 4},
	{"BODY", posBody, 0},
	{"TOPICLENGTH", posBody, 1},
	{"TOPIC", posBody + 1, 0},
	{"PROPERTIESLENGTH", posBody + 1, 2},
	{"PROPERTIES", posBody + 3, 0},
}
