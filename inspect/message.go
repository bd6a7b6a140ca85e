package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"ringmq/internal/message"
)

// Message is one record for people and programs: every field of it. Times are ms.
type Message struct {
	Topic                     string            `json:"topic"`
	QueueID                   int32             `json:"queueId"`
	QueueOffset               int64             `json:"queueOffset"`
	LogOffset                 int64             `json:"logOffset"`
	Size                      int               `json:"size"`
	MessageID                 string            `json:"messageId"` // the offset message id
	Flag                      int32             `json:"flag"`
	SysFlag                   int32             `json:"sysFlag"`
	BornTimestamp             int64             `json:"bornTimestamp"`
	BornHost                  string            `json:"bornHost"`
	StoreTimestamp            int64             `json:"storeTimestamp"`
	StoreHost                 string            `json:"storeHost"`
	ReconsumeTimes            int32             `json:"reconsumeTimes"`
	PreparedTransactionOffset int64             `json:"preparedTransactionOffset"`
	BodyCRC                   uint32            `json:"bodyCRC"`
	Properties                map[string]string `json:"properties"`
	// Body is the body as it is stored, when that is UTF-8; else BodyBase64 is.
	Body       *string `json:"body,omitempty"`
	BodyBase64 []byte  `json:"bodyBase64,omitempty"`
}

// Describe makes a Message of a record.
func Describe(raw []byte, r *message.Record) Message {
	m := Message{
		Topic: string(r.Topic), QueueID: r.QueueID, QueueOffset: int64(r.QueueOffset), LogOffset: int64(r.LogOffset), Size: len(raw),
		MessageID: string(message.AppendID(nil, r.StoreHost, r.LogOffset)),
		Flag:      r.Flag, SysFlag: r.SysFlag,
		BornTimestamp: r.BornTimestamp, BornHost: r.BornHost.String(), StoreTimestamp: r.StoreTimestamp, StoreHost: r.StoreHost.String(),
		ReconsumeTimes: r.ReconsumeTimes, PreparedTransactionOffset: int64(r.PreparedTransactionOffset),
		BodyCRC: message.BodyCRC(r.Body), Properties: map[string]string{},
	}
	for name, value := range r.Properties.All() {
		m.Properties[string(name)] = string(value)
	}
	if utf8.Valid(r.Body) {
		text := string(r.Body)
		m.Body = &text
	} else {
		m.BodyBase64 = r.Body
	}
	return m
}

// Cell is one field of a record as it lies there.
type Cell struct {
	Field  string `json:"field"`
	Offset int    `json:"offset"`
	Width  int    `json:"width"`
	Value  string `json:"value"`
}

// Cells is a record field by field, also one that is damaged: the error tells where it stops making sense.
func Cells(raw []byte) ([]Cell, error) {
	rows, err := message.Grid(raw)
	cells := make([]Cell, 0, len(rows))
	for _, row := range rows {
		cells = append(cells, Cell{row.Name, row.Offset, row.Width, cellText(row.Name, raw[row.Offset:row.Offset+row.Width])})
	}
	return cells, err
}

// cellText is a field's value for people.
func cellText(name string, b []byte) string {
	switch name {
	case "MAGIC":
		return fmt.Sprintf("0x%X", b)
	case "BODYCRC":
		return fmt.Sprintf("%d (0x%X)", binary.BigEndian.Uint32(b), b)
	case "SYSFLAG":
		return sysFlagText(int32(binary.BigEndian.Uint32(b)))
	case "BORNTIMESTAMP", "STORETIMESTAMP":
		ms := int64(binary.BigEndian.Uint64(b))
		return fmt.Sprintf("%d (%s)", ms, time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"))
	case "BORNHOST", "STOREHOST":
		addr, _ := netip.AddrFromSlice(b[:len(b)-4])
		return fmt.Sprintf("%s port %d", addr, int32(binary.BigEndian.Uint32(b[len(b)-4:])))
	case "BODY", "TOPIC", "PROPERTIES":
		return textOrHex(b)
	}
	switch len(b) {
	case 1:
		return fmt.Sprint(int8(b[0]))
	case 2:
		return fmt.Sprint(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return fmt.Sprint(int32(binary.BigEndian.Uint32(b)))
	}
	return fmt.Sprint(int64(binary.BigEndian.Uint64(b)))
}

// maxCell is how much of a text a cell shows.
const maxCell = 160

// textOrHex quotes UTF-8 and writes anything else as hex, both cut.
func textOrHex(b []byte) string {
	more := ""
	if len(b) > maxCell {
		more = fmt.Sprintf("… (%d bytes)", len(b))
		cut := b[:maxCell]
		for n := 0; n < utf8.UTFMax-1 && !utf8.Valid(cut) && utf8.Valid(b); n++ {
			cut = cut[:len(cut)-1]
		}
		b = cut
	}
	if utf8.Valid(b) {
		return fmt.Sprintf("%q", b) + more
	}
	return hex.EncodeToString(b) + more
}

// sysFlagText names the bits of SYSFLAG (MessageSysFlag).
func sysFlagText(flag int32) string {
	var names []string
	for _, bit := range []struct {
		mask, value int32
		name        string
	}{
		{message.FlagCompressed, message.FlagCompressed, "compressed"},
		{message.FlagMultiTags, message.FlagMultiTags, "multi tags"},
		{message.FlagTransaction, message.TransactionPrepared, "prepared"},
		{message.FlagTransaction, message.TransactionCommit, "commit"},
		{message.FlagTransaction, message.TransactionRollback, "rollback"},
		{message.FlagBornHostV6, message.FlagBornHostV6, "born host IPv6"},
		{message.FlagStoreHostV6, message.FlagStoreHostV6, "store host IPv6"},
		{0x700, 0x100, "LZ4"}, {0x700, 0x200, "ZSTD"}, {0x700, 0x300, "ZLIB"},
	} {
		if flag&bit.mask == bit.value {
			names = append(names, bit.name)
		}
	}
	text := fmt.Sprintf("0x%X", uint32(flag))
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	return text
}
