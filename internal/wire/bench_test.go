package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sendHeader is a send as a stock client makes it, with 200 bytes of properties.
var sendHeader = func() *SendMessageRequest {
	p := "KEYS\x01order-4711\x02UNIQ_KEY\x017F000001000155B1F8E9C2A400000000\x02WAIT\x01true\x02TAGS\x01TagA\x02CLUSTER\x01DefaultCluster\x02traceparent\x01"
	p += strings.Repeat("x", 200-len(p))
	return &SendMessageRequest{
		ProducerGroup: []byte("order-producer"), Topic: []byte("OrderTopic"), DefaultTopic: []byte("TBW102"),
		DefaultTopicQueueNums: 4, QueueID: 3, BornTimestamp: 1700000000000, Properties: []byte(p),
		HasReconsumeTimes: true, HasUnitMode: true, HasBatch: true, BrokerName: []byte("broker-a"),
	}
}()

var sendResponse = &SendMessageResponse{
	MsgID: []byte("7F00000100002A9F0000000000A1B2C3"), QueueID: 3, QueueOffset: 4711,
	Region: []byte("DefaultRegion"), TraceOn: []byte("true"),
}

func serializations(f func(name string, s Serialize)) {
	f("json", JSON)
	f("rocketmq", RocketMQ)
}

// sendRequests are requests of one producer: queue, times, key and opaque change from one to the next.
func sendRequests(s Serialize) [][]byte {
	var frames [][]byte
	for i := range 64 {
		h := *sendHeader
		h.QueueID = int32(i % 4)
		h.BornTimestamp += int64(i * 7)
		h.Properties = bytes.Replace(h.Properties, []byte("4711"), fmt.Append(nil, 4711+i), 1)
		frames = append(frames, AppendRequest(nil, s, CodeSendMessageV2, int32(99960+i), 0, h.V2(), make([]byte, 1024))[4:])
	}
	return frames
}

func BenchmarkDecodeSend(b *testing.B) {
	serializations(func(name string, s Serialize) {
		frames := sendRequests(s)
		b.Run(name, func(b *testing.B) {
			var d Decoder
			var c Command
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := d.Decode(frames[i%64], &c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"+header", func(b *testing.B) {
			var d Decoder
			var c Command
			var h SendMessageRequest
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if d.Decode(frames[i%64], &c) != nil || h.DecodeV2(c.Ext) != nil {
					b.Fatal("does not decode")
				}
			}
		})
	})
	b.Run("json-scan", func(b *testing.B) { // headers that no shape fits
		frames := sendRequests(JSON)
		var d Decoder
		var c Command
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			d.fields, d.scratch, d.spans = d.fields[:0], d.scratch[:0], d.spans[:0]
			f := frames[i%64]
			if d.scanHeader(f[4:len(f)-1024], &c) != nil {
				b.Fatal("does not decode")
			}
		}
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
		frames := sendRequests(s)
		pull := AppendRequest(nil, s, CodePullMessage, 1, 0, &PullMessageRequest{Topic: []byte("T"), ConsumerGroup: []byte("g\x01")}, nil)[4:]
		var d Decoder
		var c Command
		var h SendMessageRequest
		var p PullMessageRequest
		dst := make([]byte, 0, 4096)
		pulled := &PullMessageResponse{NextBeginOffset: 5}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if d.Decode(frames[0], &c) != nil || h.DecodeV2(c.Ext) != nil {
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
