package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sendRequest is a send as a stock client makes it, with 200 bytes of properties.
func sendRequest(s Serialize) []byte {
	properties := "KEYS\x01order-4711\x02UNIQ_KEY\x017F000001000155B1F8E9C2A400000000\x02WAIT\x01true\x02TAGS\x01TagA\x02CLUSTER\x01DefaultCluster\x02traceparent\x01"
	properties += strings.Repeat("x", 200-len(properties))
	h := &SendMessageRequest{
		ProducerGroup: []byte("order-producer"), Topic: []byte("OrderTopic"), DefaultTopic: []byte("TBW102"),
		DefaultTopicQueueNums: 4, QueueID: 3, BornTimestamp: 1700000000000, Properties: []byte(properties),
		HasReconsumeTimes: true, HasUnitMode: true, HasBatch: true, BrokerName: []byte("broker-a"),
	}
	return AppendRequest(nil, s, CodeSendMessageV2, 123456, 0, h.V2(), make([]byte, 1024))[4:]
}

var sendResponse = &SendMessageResponse{
	MsgID: []byte("7F00000100002A9F0000000000A1B2C3"), QueueID: 3, QueueOffset: 4711,
	Region: []byte("DefaultRegion"), TraceOn: []byte("true"),
}

func serializations(f func(name string, s Serialize)) {
	f("json", JSON)
	f("rocketmq", RocketMQ)
}

func BenchmarkDecodeSend(b *testing.B) {
	serializations(func(name string, s Serialize) {
		b.Run(name, func(b *testing.B) {
			frame := sendRequest(s)
			var d Decoder
			var c Command
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(frame, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"+header", func(b *testing.B) {
			frame := sendRequest(s)
			var d Decoder
			var c Command
			var h SendMessageRequest
			b.ReportAllocs()
			for b.Loop() {
				if d.Decode(frame, &c) != nil || h.DecodeV2(c.Ext) != nil {
					b.Fatal("does not decode")
				}
			}
		})
	})
}

func BenchmarkEncodeSendResponse(b *testing.B) {
	serializations(func(name string, s Serialize) {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendResponseTo(dst[:0], s, 123456, StatusSuccess, "", sendResponse, nil)
			}
		})
	})
}

// TestHotPathDoesNotAllocate holds what the benchmarks report.
func TestHotPathDoesNotAllocate(t *testing.T) {
	serializations(func(name string, s Serialize) {
		frame := sendRequest(s)
		pull := AppendRequest(nil, s, CodePullMessage, 1, 0, &PullMessageRequest{Topic: []byte("T"), ConsumerGroup: []byte("g\x01")}, nil)[4:]
		var d Decoder
		var c Command
		var h SendMessageRequest
		var p PullMessageRequest
		dst := make([]byte, 0, 4096)
		pulled := &PullMessageResponse{NextBeginOffset: 5}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if d.Decode(frame, &c) != nil || h.DecodeV2(c.Ext) != nil {
				panic("the send does not decode")
			}
			dst = AppendResponse(dst[:0], &c, StatusSuccess, "", sendResponse, nil)
			dst = AppendResponse(dst[:0], &c, StatusTopicNotExist, "topic[T] not exist", nil, nil)
			if d.Decode(pull, &c) != nil || p.Decode(c.Ext) != nil {
				panic("the pull does not decode")
			}
			dst = AppendResponseHead(dst[:0], s, 5, StatusSuccess, "FOUND", pulled, 1<<20)
		}), name)
	})
}
