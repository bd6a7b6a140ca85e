package message

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGrid(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8::1]:9")
	f := func(change func(*Record)) {
		t.Helper()
		r := sample()
		change(r)
		raw := r.Append(nil)
		rows, err := Grid(raw)
		require.NoError(t, err)
		require.Len(t, rows, len(Layout))
		at := 0
		for i, row := range rows {
			require.Equal(t, Layout[i].Name, row.Name)
			require.Equal(t, at, row.Offset)
			at += row.Width
			part := map[string][]byte{"BODY": r.Body, "TOPIC": r.Topic, "PROPERTIES": r.Properties}[row.Name]
			if part != nil {
				require.Equal(t, part, raw[row.Offset:at])
			}
		}
		require.Equal(t, len(raw), at)
	}
	f(func(*Record) {})
	f(func(r *Record) { r.Body = nil; r.Properties = nil })
	f(func(r *Record) { r.BornHost = v6 })
	f(func(r *Record) { r.StoreHost = v6 })
	f(func(r *Record) { r.BornHost, r.StoreHost = v6, v6 })
}

// TestGridOfDamage: every cut and every wrong length gives the rows before it.
func TestGridOfDamage(t *testing.T) {
	raw := sample().Append(nil)
	for n := range raw {
		rows, err := Grid(raw[:n])
		require.Error(t, err)
		for _, row := range rows {
			require.LessOrEqual(t, row.Offset+row.Width, n)
		}
	}
	raw[84] = 0xFF // BODYLENGTH below zero
	rows, err := Grid(raw)
	require.EqualError(t, err, "message: BODY is -16777211, want within the record")
	require.Equal(t, "BODYLENGTH", rows[len(rows)-1].Name)
}

func FuzzGrid(f *testing.F) {
	f.Add(sample().Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows, err := Grid(raw)
		var r Record
		if Decode(raw, &r) != nil {
			return
		}
		require.NoError(t, err)
		h, err := Peek(raw)
		require.NoError(t, err)
		last := rows[len(rows)-1]
		require.Equal(t, h.Size, last.Offset+last.Width)
	})
}
