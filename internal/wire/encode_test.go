package wire

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// split cuts frames off b and returns the header and body of the only one.
func split(t *testing.T, b []byte) (s Serialize, header, body string) {
	t.Helper()
	require.GreaterOrEqual(t, len(b), 8)
	require.Equal(t, uint32(len(b)-4), binary.BigEndian.Uint32(b), "the length prefix")
	word := binary.BigEndian.Uint32(b[4:])
	size := int(word & 0xffffff)
	require.LessOrEqual(t, size, len(b)-8)
	return Serialize(word >> 24), string(b[8 : 8+size]), string(b[8+size:])
}

func TestAppendJSON(t *testing.T) {
	req := &Command{Opaque: 77, Serialize: JSON}
	for name, c := range map[string]struct {
		frame        []byte
		header, body string
	}{
		"request": {AppendRequest(nil, JSON, CodeGetMaxOffset, 5, FlagOneway, &GetMaxOffsetRequest{Topic: "T", QueueID: 3}, nil),
			`{"code":30,"extFields":{"queueId":"3","topic":"T"},"flag":2,"language":"JAVA","opaque":5,"serializeTypeCurrentRPC":"JSON","version":409}`, ""},
		"no header": {AppendRequest(nil, JSON, CodeHeartBeat, 5, 0, nil, []byte("{}")),
			`{"code":34,"flag":0,"language":"JAVA","opaque":5,"serializeTypeCurrentRPC":"JSON","version":409}`, "{}"},
		"response": {AppendResponse(nil, req, StatusSuccess, "", nil, nil),
			`{"code":0,"flag":1,"language":"JAVA","opaque":77,"serializeTypeCurrentRPC":"JSON","version":409}`, ""},
		"empty header": {AppendResponse(nil, req, StatusSuccess, "", &UpdateConsumerOffsetResponse{}, nil),
			`{"code":0,"extFields":{},"flag":1,"language":"JAVA","opaque":77,"serializeTypeCurrentRPC":"JSON","version":409}`, ""},
		"no set field": {AppendResponse(nil, req, StatusSuccess, "", &GetKvConfigResponse{}, nil),
			`{"code":0,"extFields":{},"flag":1,"language":"JAVA","opaque":77,"serializeTypeCurrentRPC":"JSON","version":409}`, ""},
		"remark": {AppendResponse(nil, req, StatusTopicNotExist, "topic[中] \"x\"\n", nil, []byte("b")),
			`{"code":17,"flag":1,"language":"JAVA","opaque":77,"remark":"topic[中] \"x\"\n","serializeTypeCurrentRPC":"JSON","version":409}`, "b"},
		"refused send": {AppendResponse(nil, req, StatusNoPermission, "no", &SendMessageRefusal{Region: []byte("DefaultRegion"), TraceOn: []byte("true")}, nil),
			`{"code":16,"extFields":{"TRACE_ON":"true","MSG_REGION":"DefaultRegion"},"flag":1,"language":"JAVA","opaque":77,"remark":"no","serializeTypeCurrentRPC":"JSON","version":409}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, header, body := split(t, c.frame)
			require.Equal(t, JSON, s)
			require.Equal(t, c.header, header)
			require.Equal(t, c.body, body)
		})
	}
}

func TestAppendRocketMQ(t *testing.T) {
	req := &Command{Opaque: 77, Serialize: RocketMQ}
	s, header, body := split(t, AppendResponse([]byte{}, req, StatusQueryNotFound, "nö", &GetMaxOffsetResponse{Offset: -1}, []byte("b")))
	require.Equal(t, RocketMQ, s)
	require.Equal(t, "b", body)
	require.Equal(t, "\x00\x16\x00\x01\x99\x00\x00\x00\x4d\x00\x00\x00\x01\x00\x00\x00\x03nö\x00\x00\x00\x0e\x00\x06offset\x00\x00\x00\x02-1", header)
}

// TestAppendKeepsWhatIsThere: frames go behind each other in one buffer.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	for _, s := range []Serialize{JSON, RocketMQ} {
		one := AppendResponseTo(nil, s, 1, StatusSuccess, "", nil, []byte("body"))
		two := AppendRequest(nil, s, CodeHeartBeat, 2, 0, nil, []byte("{}"))
		both := AppendRequest(AppendResponseTo(nil, s, 1, StatusSuccess, "", nil, []byte("body")), s, CodeHeartBeat, 2, 0, nil, []byte("{}"))
		require.Equal(t, string(one)+string(two), string(both))
	}
}

// TestAppendResponseHead: head and body together are what AppendResponse makes.
func TestAppendResponseHead(t *testing.T) {
	for _, s := range []Serialize{JSON, RocketMQ} {
		h := &PullMessageResponse{NextBeginOffset: 5}
		whole := AppendResponseTo([]byte("x"), s, 9, StatusSuccess, "FOUND", h, []byte("records"))
		head := AppendResponseHead([]byte("x"), s, 9, StatusSuccess, "FOUND", h, len("records"))
		require.Equal(t, string(whole), string(head)+"records")
	}
}

func TestAppendReplacesBytesThatAreNoText(t *testing.T) {
	frame := AppendRequest(nil, JSON, CodeGetMaxOffset, 5, 0, &GetMaxOffsetRequest{Topic: "T\xff\xc3"}, nil)
	var d Decoder
	var c Command
	require.NoError(t, d.Decode(frame[4:], &c))
	topic, _ := c.Ext.Get("topic")
	require.Equal(t, "T\ufffd\ufffd", string(topic))
}

// TestAppendTooLongHeader: escaping must not push a header past what its length field can say.
func TestAppendTooLongHeader(t *testing.T) {
	value := strings.Repeat("\x01", 4<<20)
	for _, s := range []Serialize{JSON, RocketMQ} {
		remark := value // 24 MiB when it is escaped
		if s == RocketMQ {
			remark = strings.Repeat(value, 5)
		}
		for _, frame := range [][]byte{
			AppendResponseTo(nil, s, 7, StatusSuccess, remark, nil, []byte("body")),
			AppendResponseTo(nil, s, 7, StatusSuccess, "", &GetKvConfigResponse{Value: remark}, []byte("body")),
		} {
			var d Decoder
			var c Command
			require.NoError(t, d.Decode(frame[4:], &c))
			require.Equal(t, int32(7), c.Opaque)
			require.Equal(t, int32(StatusSystemError), c.Code)
			require.Equal(t, "body", string(c.Body))
			require.Contains(t, string(c.Remark), "longer than 16 MiB")
		}
	}
}
