package bench

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// java497 is the answer to a send as a Java 4.9.7 broker writes it.
const java497 = `{"code":0,"extFields":{"queueId":"3","TRACE_ON":"true","MSG_REGION":"DefaultRegion","msgId":"7F00000100002A9F0000000000000000","queueOffset":"12"},"flag":1,"language":"JAVA","opaque":1000000007,"serializeTypeCurrentRPC":"JSON","version":401}`

func jsonFrame(header string) []byte {
	return append([]byte{0, byte(len(header) >> 16), byte(len(header) >> 8), byte(len(header))}, header...)
}

func TestRepliesAreReadWhereTheyStand(t *testing.T) {
	opaque, ok := succeeded([]byte(java497))
	require.True(t, ok)
	require.EqualValues(t, 1_000_000_007, opaque)
	for _, other := range []string{
		bytes.NewBufferString(java497).String()[:40], "", "{}",
		`{"code":0,"flag":1,"language":"JAVA","opaque":100000007,"serializeTypeCurrentRPC":"JSON","version":401}`,
		`{"code":0,"flag":0,"language":"JAVA","opaque":1000000007,"serializeTypeCurrentRPC":"JSON","version":401}`,
		`{"code":0,"flag":1,"language":"JAVA","opaque":9999999999,"serializeTypeCurrentRPC":"JSON","version":401}`,
		`{"code":2,"flag":1,"language":"JAVA","opaque":1000000007,"serializeTypeCurrentRPC":"JSON","version":401}`,
		`{"code":0,"flag":1,"language":"JAVA","opaque":1000000007,"remark":"x","serializeTypeCurrentRPC":"JSON","version":401}`,
	} {
		_, ok := succeeded([]byte(other))
		require.False(t, ok, other)
	}
	// What is not read in place is decoded.
	var r replyReader
	got, err := r.read(jsonFrame(`{"code":2,"flag":1,"language":"JAVA","opaque":1000000007,"remark":"[TIMEOUT]","serializeTypeCurrentRPC":"JSON","version":401}`))
	require.NoError(t, err)
	require.Equal(t, reply{opaque: 1_000_000_007, status: wire.StatusSystemBusy, remark: []byte("[TIMEOUT]"), ok: true}, got)
	got, err = r.read(jsonFrame(`{"code":40,"flag":2,"language":"JAVA","opaque":5,"serializeTypeCurrentRPC":"JSON","version":401}`))
	require.NoError(t, err)
	require.False(t, got.ok, "a request of the broker")
	_, err = r.read([]byte{1})
	require.Error(t, err)
}

// Whatever stands in an answer, reading it in place gives what decoding gives; and no bytes make the reader fail in
// another way than with an error.
func FuzzReply(f *testing.F) {
	f.Add([]byte("x"), "", int32(0), int32(opaqueBase), true, jsonFrame(java497))
	f.Add([]byte("7F00"), "busy", int32(2), int32(7), false, []byte{1, 0, 0, 13, 0, 0})
	f.Add([]byte(`","flag":1,"language":"JAVA","opaque":`), `{"code":0,`, int32(0), int32(-1), true, []byte{})
	f.Fuzz(func(t *testing.T, id []byte, remark string, code, opaque int32, json bool, raw []byte) {
		var r replyReader
		_, _ = r.read(raw)
		s := wire.RocketMQ
		if json {
			s = wire.JSON
		}
		h := &wire.SendMessageResponse{MsgID: id, QueueOffset: int64(opaque) * 3}
		frame := wire.AppendResponseTo(nil, s, opaque, wire.Status(int16(code)), remark, h, id)[4:]
		got, err := r.read(frame)
		require.NoError(t, err)
		var dec replyReader
		want, err := dec.decode(frame)
		require.NoError(t, err)
		if want.status == wire.StatusSuccess {
			want.remark, got.remark = nil, nil // nobody reads it then
		}
		require.Equal(t, want, got)
		require.Equal(t, opaque, got.opaque)
	})
}

func BenchmarkReply(b *testing.B) {
	for name, s := range map[string]wire.Serialize{"json": wire.JSON, "rocketmq": wire.RocketMQ} {
		b.Run(name, func(b *testing.B) {
			h := &wire.SendMessageResponse{MsgID: bytes.Repeat([]byte("0"), 32), QueueOffset: 12345, Region: []byte("DefaultRegion"), TraceOn: []byte("true")}
			frame := wire.AppendResponseTo(nil, s, opaqueBase+3, wire.StatusSuccess, "", h, nil)[4:]
			var r replyReader
			b.ReportAllocs()
			for range b.N {
				if a, err := r.read(frame); err != nil || a.opaque != opaqueBase+3 {
					b.Fatal(a, err)
				}
			}
		})
	}
}
