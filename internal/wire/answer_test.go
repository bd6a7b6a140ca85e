package wire

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSendAnswers: whatever the answer before was, an answer is what AppendResponseTo writes.
func TestSendAnswers(t *testing.T) {
	ids := [][]byte{[]byte("7F00000100002A9F0000000000A1B2C3"), []byte("7F00000100002A9FFFFFFFFFFFFFFFFF"), []byte("A,B"), nil}
	texts := [][]byte{[]byte("DefaultRegion"), []byte("true"), []byte(`a"b\`), []byte(`"queueOffset":"1"msgId":"`), []byte("\x00\x0bqueueOffset\x00\x05msgId\x00\x07queueId"), {}, nil}
	serializations(func(name string, s Serialize) {
		var a SendAnswers
		check := func(opaque int32, h SendMessageResponse) {
			t.Helper()
			want := AppendResponseTo([]byte("before"), s, opaque, StatusSuccess, "", &h, nil)
			for range 2 {
				require.Equal(t, string(want), string(a.Append([]byte("before"), s, opaque, &h)), name)
			}
		}
		for _, n := range []int64{0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10000, 123456, math.MaxInt32, math.MinInt32, -1, math.MaxInt64, math.MinInt64} {
			check(int32(n), SendMessageResponse{MsgID: ids[0], QueueID: int32(n), QueueOffset: n, Region: texts[0], TraceOn: texts[1]})
		}
		for range 2000 {
			h := SendMessageResponse{
				MsgID: ids[rand.IntN(len(ids))], QueueID: rand.Int32() >> rand.IntN(31), QueueOffset: rand.Int64() >> rand.IntN(63),
				Region: texts[rand.IntN(len(texts))], TraceOn: texts[rand.IntN(len(texts))],
			}
			if rand.IntN(50) == 0 {
				h.TransactionID = ids[0]
			}
			check(rand.Int32()>>rand.IntN(31), h)
		}
	})
}

func BenchmarkSendAnswers(b *testing.B) {
	serializations(func(name string, s Serialize) {
		b.Run(name, func(b *testing.B) {
			var a SendAnswers
			h := *sendResponse
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.QueueOffset = 100000 + int64(i&0xffff)
				dst = a.Append(dst[:0], s, 1_000_000_000+int32(i&31), &h)
			}
		})
	})
}
