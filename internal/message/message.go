package message

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
)

// LogOffset is a position in the commit log, in bytes since the store was created.
type LogOffset int64

// QueueOffset is a position in one consume queue, in entries since the queue was created.
type QueueOffset int64

// Magic numbers of the second field (MessageDecoder.MESSAGE_MAGIC_CODE, CommitLog.BLANK_MAGIC_CODE).
const (
	Magic      uint32 = 0xDAA320A7
	BlankMagic uint32 = 0xCBD43194
)

// SysFlag bits (MessageSysFlag).
const (
	FlagCompressed  int32 = 0x1
	FlagMultiTags   int32 = 0x2
	FlagTransaction int32 = 0x3 << 2 // mask of the four kinds below
	FlagBornHostV6  int32 = 0x1 << 4
	FlagStoreHostV6 int32 = 0x1 << 5

	TransactionNone     int32 = 0x0
	TransactionPrepared int32 = 0x1 << 2
	TransactionCommit   int32 = 0x2 << 2
	TransactionRollback int32 = 0x3 << 2
)

// Limits of the layout: lengths that the length fields can carry.
const (
	MaxTopic      = 127
	MaxProperties = 32767
)

// Errors of [Record.Check].
var (
	ErrTopicLength      = errors.New("message: topic must have 1 to 127 bytes")
	ErrPropertiesLength = errors.New("message: properties longer than 32767 bytes")
)

// Record is one message as the commit log holds it.
//
// Decoding makes the byte slices alias the input. TOTALSIZE, MAGIC, BODYCRC and the lengths
// are not fields: encoding computes them, decoding checks them.
type Record struct {
	Topic      []byte
	Body       []byte
	Properties Properties

	QueueID     int32
	Flag        int32 // the application's own
	SysFlag     int32 // the two host bits follow BornHost and StoreHost
	QueueOffset QueueOffset
	LogOffset   LogOffset

	BornTimestamp  int64 // ms, the client's clock
	StoreTimestamp int64 // ms, never going backwards within a log
	BornHost       netip.AddrPort
	StoreHost      netip.AddrPort

	ReconsumeTimes            int32
	PreparedTransactionOffset LogOffset

	// Seal lets encoding append a checksum over the whole record to the properties. Decoding leaves it
	// false: a seal is part of the properties then.
	Seal bool
}

// Transaction is the transaction kind of the record: one of the Transaction… constants.
func (r *Record) Transaction() int32 { return r.SysFlag & FlagTransaction }

// Check tells why the record cannot be encoded, or nil.
func (r *Record) Check() error {
	if len(r.Topic) == 0 || len(r.Topic) > MaxTopic {
		return ErrTopicLength
	}
	if len(r.Properties)+r.sealRoom() > MaxProperties {
		return ErrPropertiesLength
	}
	return nil
}

// Size is the encoded length in bytes.
func (r *Record) Size() int {
	return fixedSize + hostExtra(r.BornHost) + hostExtra(r.StoreHost) + len(r.Body) + len(r.Topic) + len(r.Properties) + r.sealRoom()
}

func hostExtra(h netip.AddrPort) int {
	if isV6(h) {
		return hostV6 - hostV4
	}
	return 0
}

// isV6 holds for IPv4 addresses written as IPv6, too, as records of other brokers may have them: what was
// decoded has the size that it was decoded from. Who makes a record unmaps its hosts.
func isV6(h netip.AddrPort) bool { return h.Addr().Is6() }

// BodyCRC is the BODYCRC field of a body: CRC-32 (IEEE) with the sign bit cleared, as UtilAll.crc32 does.
func BodyCRC(body []byte) uint32 { return crc32.ChecksumIEEE(body) & 0x7FFFFFFF }

// Append appends the encoded record to dst. The record must pass [Record.Check].
func (r *Record) Append(dst []byte) []byte {
	n := r.Size()
	dst = append(dst, make([]byte, n)...)
	r.Encode(dst[len(dst)-n:], BodyCRC(r.Body))
	return dst
}

// Encode writes the record to the front of dst, which must have room for Size bytes, and
// returns that size. crc is BodyCRC(r.Body), which a caller computes before it takes a lock.
// The record must pass [Record.Check].
func (r *Record) Encode(dst []byte, crc uint32) int {
	size := r.Size()
	dst = dst[:size:size]
	sysFlag := r.SysFlag &^ (FlagBornHostV6 | FlagStoreHostV6)
	if isV6(r.BornHost) {
		sysFlag |= FlagBornHostV6
	}
	if isV6(r.StoreHost) {
		sysFlag |= FlagStoreHostV6
	}
	be := binary.BigEndian
	be.PutUint32(dst[posTotalSize:], uint32(size))
	be.PutUint32(dst[posMagic:], Magic)
	be.PutUint32(dst[posBodyCRC:], crc)
	be.PutUint32(dst[posQueueID:], uint32(r.QueueID))
	be.PutUint32(dst[posFlag:], uint32(r.Flag))
	be.PutUint64(dst[posQueueOffset:], uint64(r.QueueOffset))
	be.PutUint64(dst[posLogOffset:], uint64(r.LogOffset))
	be.PutUint32(dst[posSysFlag:], uint32(sysFlag))
	be.PutUint64(dst[posBornTimestamp:], uint64(r.BornTimestamp))
	p := putHost(dst, posBornHost, r.BornHost)
	be.PutUint64(dst[p:], uint64(r.StoreTimestamp))
	p = putHost(dst, p+8, r.StoreHost)
	be.PutUint32(dst[p:], uint32(r.ReconsumeTimes))
	be.PutUint64(dst[p+4:], uint64(r.PreparedTransactionOffset))
	be.PutUint32(dst[p+12:], uint32(len(r.Body)))
	p += 16
	p += copy(dst[p:], r.Body)
	dst[p] = byte(len(r.Topic))
	p++
	p += copy(dst[p:], r.Topic)
	be.PutUint16(dst[p:], uint16(size-p-2))
	copy(dst[p+2:], r.Properties)
	if r.Seal {
		putSeal(dst, r.sealRoom())
	}
	return size
}

// putHost writes IP and port at p and returns the position behind them.
func putHost(dst []byte, p int, h netip.AddrPort) int {
	if isV6(h) {
		a := h.Addr().As16()
		p += copy(dst[p:], a[:])
	} else {
		var a [4]byte
		if h.Addr().IsValid() {
			a = h.Addr().As4()
		}
		p += copy(dst[p:], a[:])
	}
	binary.BigEndian.PutUint32(dst[p:], uint32(h.Port()))
	return p + 4
}
