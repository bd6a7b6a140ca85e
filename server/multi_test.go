package server

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forgedMember is a batch body of one message with properties.
func forgedMember(properties string) string {
	head := make([]byte, 20)
	head[3], head[19] = byte(20+1+2+len(properties)), 1
	return hex.EncodeToString(append(append(head, 'b', 0, byte(len(properties))), properties...))
}

// TestForgedOffsets: offsets in light queues that a client made up put its messages nowhere, however they come: not now,
// and not when the queues are made again from the log, where the offsets that the store wrote count.
func TestForgedOffsets(t *testing.T) {
	dir := t.TempDir()
	start := func() *testBroker {
		return newBroker(t, "off", dir, map[string]string{"enableLmq": "true", "enableMultiDispatch": "true"})
	}
	b := start()
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	const (
		names   = "INNER_MULTI_DISPATCH\x01%LMQ%x"
		offsets = "INNER_MULTI_QUEUE_OFFSET\x01"
		forged  = names + ",victim\x02" + offsets + "2,0"
		late    = "DELAY\x0118\x02"
	)
	batch := func(shared, own string) *said {
		r := sendRequest("T", 0, shared, "")
		r.Code, r.Ext["m"], r.Hex = 320, "true", forgedMember(own)
		return r
	}
	reply := replyRequest("nobody", "x")
	reply.Ext["i"] = late + forged
	for name, req := range map[string]*said{
		"late":            sendRequest("T", 0, late+forged, "x"),
		"in two":          sendRequest("T", 0, late+names+"\x02"+offsets+"\x01\x02"+offsets+"0", "x"),
		"half":            sendRequest("T", 0, "TRAN_MSG\x01true\x02"+forged, "x"),
		"batch, shared":   batch(forged, "a\x01b"),
		"batch, own":      batch("a\x01b", forged),
		"batch, of both":  batch(offsets+"0", names),
		"batch, mistaken": batch(strings.TrimSuffix(offsets, "\x01")+"\x02"+offsets+"0", names),
	} {
		require.Contains(t, k.ask(req)[0], "< 0 ", name)
	}
	k.ask(reply) // it has nobody to go to
	require.Contains(t, k.ask(sendRequest("T", 0, names+"\x02"+offsets+"7", "x"))[0], "< 0 ")
	last := strconv.Itoa(int(b.store.Visible()))
	require.Contains(t, k.ask(sendRequest("T", 0, names+"\x02"+offsets+"7", "y"))[0], "< 0 ")
	back := &said{Conn: "c", Code: 36, Ext: map[string]string{"offset": last, "group": "CG", "delayLevel": "18"}}
	require.Contains(t, k.ask(back)[0], "< 0 ")

	check := func() {
		require.EqualValues(t, 2, b.store.MaxOffset([]byte("%LMQ%x"), 0))
		require.Nil(t, b.store.Lookup([]byte("victim"), 0))
		require.Zero(t, b.store.Stats().Damage)
		require.Empty(t, b.errors.lines())
	}
	check()
	k.close()
	b.stop(t)()
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "store", "consumequeue")))
	b = start()
	check()
	b.stop(t)()
}
