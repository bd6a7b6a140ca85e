package namesrv

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// Every code of the protocol table that name servers answer has a handler, and no other.
func TestHandlersAreTheTable(t *testing.T) {
	var want []wire.Code
	for _, row := range wire.Rows() {
		if row.Server&wire.Namesrv != 0 {
			want = append(want, row.Code)
		}
	}
	require.Equal(t, want, slices.Sorted(maps.Keys(handlers)))
	require.Len(t, want, 20)
	_, known := handlerOf(1<<16 + int32(wire.CodeGetRouteinfoByTopic))
	require.False(t, known, "a code is more than its lower half")
}

// A panic is answered, not spread.
func TestPanicIsAnswered(t *testing.T) {
	s, err := New(testOptions(t))
	require.NoError(t, err)
	h := handler{serve: func(*Server, *request) reply { panic("spilled") }}
	frame := s.answer([]byte("before"), h, &request{cmd: &wire.Command{Code: 105, Opaque: 7}})
	require.Contains(t, string(frame), "before")
	require.Contains(t, string(frame), "internal error, see the name server's log: spilled")
}

// What the requests lack or have too much of is said in the answer.
func TestInvalidRequests(t *testing.T) {
	s, err := New(testOptions(t))
	require.NoError(t, err)
	register := map[string]string{"brokerName": "a", "brokerAddr": "h:1", "clusterName": "c", "haServerAddr": "h:2", "brokerId": "0"}
	without := func(ext map[string]string, key string) map[string]string {
		ext = maps.Clone(ext)
		delete(ext, key)
		return ext
	}
	with := func(ext map[string]string, key, value string) map[string]string {
		ext = maps.Clone(ext)
		ext[key] = value
		return ext
	}
	for _, c := range []struct {
		code wire.Code
		ext  map[string]string
		body string
		want string
	}{
		{wire.CodeGetRouteinfoByTopic, nil, "", "topic of GetRouteinfoByTopicRequest is missing"},
		{wire.CodePutKvConfig, map[string]string{"namespace": "n", "key": "k"}, "", "value of PutKvConfigRequest is missing"},
		{wire.CodePutKvConfig, map[string]string{"namespace": "n", "key": strings.Repeat("k", 2000), "value": "v"}, "", "key of 2000 bytes"},
		{wire.CodeRegisterBroker, without(register, "brokerAddr"), "", "brokerAddr of RegisterBrokerRequest is missing"},
		{wire.CodeRegisterBroker, with(register, "brokerId", "x"), "", "brokerId of RegisterBrokerRequest is no number"},
		{wire.CodeRegisterBroker, with(register, "brokerAddr", "../../etc"), "", `broker address "../../etc" is not host:port`},
		{wire.CodeRegisterBroker, with(register, "brokerName", "a b"), "", `broker name "a b"`},
		{wire.CodeRegisterBroker, register, "{", "Failed to decode RegisterBrokerBody"},
		{wire.CodeRegisterBroker, with(register, "compressed", "true"), "no zlib", "Failed to decode RegisterBrokerBody"},
		{wire.CodeRegisterBroker, with(register, "bodyCrc32", "5"), "{}", "crc32 not match"},
		{wire.CodeQueryDataVersion, register, "", "the body is no DataVersion"},
		{wire.CodeUnregisterBroker, nil, "", "is missing"},
		{wire.CodeUpdateNamesrvConfig, nil, "serverWorkerThreads=many", "serverWorkerThreads"},
		{wire.CodeUpdateNamesrvConfig, nil, "a\\uXYZ=1", "string2Properties error"},
	} {
		cmd := wire.Command{Code: int32(c.code), Version: 409}
		for key, value := range c.ext {
			cmd.Ext = append(cmd.Ext, wire.Field{Key: []byte(key), Value: []byte(value)})
		}
		if c.body != "" {
			cmd.Body = []byte(c.body)
		}
		got := handlers[c.code].serve(s, &request{cmd: &cmd})
		require.Equal(t, wire.StatusSystemError, got.status, "%s: %s", c.code, c.want)
		require.Contains(t, got.remark, c.want)
	}
	require.Empty(t, s.table.Lines())
	require.Empty(t, s.kv.Lines())
}

// FuzzAnswer asks what the network may ask: no request panics, and every answer is a frame.
func FuzzAnswer(f *testing.F) {
	text, err := os.Open(conversation)
	require.NoError(f, err)
	defer text.Close()
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	k := &talk{t: f}
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "> "); ok {
			req := said{Version: 409}
			require.NoError(f, json.Unmarshal([]byte(rest), &req))
			req.Compress = false
			f.Add(k.frame(&req)[4:])
		}
	}
	require.NoError(f, lines.Err())
	f.Fuzz(func(t *testing.T, frame []byte) {
		o := testOptions(t)
		o.Config.Namesrv.KvConfigPath = "/proc/ringmq/kv" // no change is kept, so none takes time
		o.Config.Namesrv.ConfigStorePath = "/proc/ringmq/conf"
		s, err := New(o)
		require.NoError(t, err)
		var dec wire.Decoder
		var cmd wire.Command
		if dec.Decode(frame, &cmd) != nil {
			return
		}
		h, ok := handlerOf(cmd.Code)
		if !ok {
			return
		}
		for range 2 { // the second time some things are known
			reply := h.serve(s, &request{cmd: &cmd}).append(nil, &cmd)
			if cmd.IsOneway() {
				require.Empty(t, reply)
				continue
			}
			require.Equal(t, len(reply)-4, int(binary.BigEndian.Uint32(reply)))
			var back wire.Command
			require.NoError(t, new(wire.Decoder).Decode(reply[4:], &back))
			require.Equal(t, cmd.Opaque, back.Opaque)
			require.True(t, back.IsResponse())
		}
	})
}
