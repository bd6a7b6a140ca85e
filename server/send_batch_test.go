package server

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/layout"
	"ringmq/internal/message"
)

// memberLayout is the front of a member of a batch, for seeds.
var memberLayout = layout.Table{{Name: "SIZE", Width: 4}, {Name: "MAGIC", Width: 4}, {Name: "CRC", Width: 4}, {Name: "FLAG", Width: 4}, {Name: "BODYLENGTH", Width: 4}}

func appendMember(dst []byte, m batchMember) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(batchMemberFixed+len(m.body)+len(m.properties)))
	dst = append(dst, make([]byte, 8)...)
	dst = be.AppendUint32(dst, uint32(m.flag))
	dst = be.AppendUint32(dst, uint32(len(m.body)))
	dst = append(dst, m.body...)
	dst = be.AppendUint16(dst, uint16(len(m.properties)))
	return append(dst, m.properties...)
}

// FuzzBatch: the members of a batch are its bytes, each once and in order, and those that are taken can be stored.
func FuzzBatch(f *testing.F) {
	one := batchMember{7, []byte("body"), []byte("KEYS\x01k\x02TAGS\x01t")}
	batch := appendMember(appendMember(nil, one), batchMember{-1, nil, nil})
	f.Add(batch)
	f.Add(batch[:len(batch)-1])
	f.Add(appendMember(batch, batchMember{0, []byte("b"), []byte("DELAY\x011\x02INNER_MULTI_QUEUE_OFFSET\x015\x02")}))
	for seed := range memberLayout.Seeds(batch) {
		f.Add(seed)
	}
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	model := message.Record{Topic: []byte("T"), BornHost: host, StoreHost: host}
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		members := 0
		for rest := b; len(rest) > 0; members++ {
			var m batchMember
			var err error
			if m, rest, err = nextMember(rest); err != nil {
				return
			}
			at := len(again)
			again = appendMember(again, m)
			copy(again[at+4:at+12], b[at+4:]) // which nobody looks at
		}
		require.Equal(t, len(b), len(again))
		require.True(t, string(b) == string(again))
		var bt batchState
		if err := bt.fill(&model, b, []byte("A\x01b"), []byte("CLUSTER\x01c\x02"), 1<<20); err != nil {
			return
		}
		require.Len(t, bt.records, members)
		for i := range bt.records {
			raw := bt.records[i].Append(nil)
			var r message.Record
			require.NoError(t, message.Decode(raw, &r))
			require.Equal(t, string(bt.records[i].Properties), string(r.Properties))
		}
	})
}
