package wire

import (
	"bytes"
	"compress/zlib"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/fastjson"
)

// addFrames seeds a fuzzer with every header of the table and every frame recorded from Java.
func addFrames(f *testing.F, add func(frame []byte)) {
	for _, seed := range headerSeeds {
		for _, s := range []Serialize{JSON, RocketMQ} {
			add(encodeSeed(seed, s, []byte("body")))
		}
	}
	for _, list := range readExchanges(f) {
		for _, e := range list {
			add(e.request[4:])
			if e.response != nil {
				add(e.response[4:])
			}
		}
	}
}

// FuzzDecode: a frame reads the same with a Decoder that has seen it, its texts lie within bounds, and whatever
// typed header reads it writes fields that read the same again.
func FuzzDecode(f *testing.F) {
	addFrames(f, func(frame []byte) { f.Add(frame) })
	f.Fuzz(func(t *testing.T, frame []byte) {
		var d Decoder
		var c Command
		if d.Decode(frame, &c) != nil {
			return
		}
		first := describe(&c)
		var again Command
		require.NoError(t, d.Decode(frame, &again))
		require.Equal(t, first, describe(&again))
		require.Equal(t, first, describe(again.Clone()))
		kept := again.Clone()
		for _, seed := range headerSeeds {
			h := seed.blank()
			if h.Decode(kept.Ext) != nil {
				continue
			}
			for _, s := range []Serialize{JSON, RocketMQ} {
				out := AppendResponseTo(nil, s, kept.Opaque, StatusSuccess, string(kept.Remark), h.(Header), kept.Body)
				var back Command
				require.NoError(t, d.Decode(out[4:], &back))
				require.Equal(t, kept.Opaque, back.Opaque)
				require.True(t, bytes.Equal(kept.Body, back.Body))
			}
		}
	})
}

// FuzzShapes: a header read behind another one reads as with a fresh Decoder.
func FuzzShapes(f *testing.F) {
	var last []byte
	addFrames(f, func(frame []byte) {
		if frame[0] == byte(JSON) {
			header := frame[4 : 4+int(frame[1])<<16+int(frame[2])<<8+int(frame[3])]
			f.Add(last, header)
			f.Add(header, bytes.Replace(header, []byte(`":"`), []byte(`":"x`), 1))
			last = header
		}
	})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var used Decoder
		var c Command
		used.Decode(frameOf(JSON, string(one), ""), &c)
		var long, short updated
		for _, header := range [][]byte{two, two, one, two, one, one} {
			var fresh Decoder
			var want, got Command
			frame := frameOf(JSON, string(header), "body")
			errWant, errGot := fresh.Decode(frame, &want), used.Decode(frame, &got)
			require.Equal(t, errWant, errGot)
			if errWant == nil {
				require.Equal(t, describe(&want), describe(&got))
				long.follow(t, &got, (*SendMessageRequest).Decode, (*SendMessageRequest).Update)
				short.follow(t, &got, (*SendMessageRequest).DecodeV2, (*SendMessageRequest).UpdateV2)
			}
		}
	})
}

// updated is a header that is read in part where it can be.
type updated struct {
	header         SendMessageRequest
	shape, changed uint32
}

// follow reads the header of c in part, and requires what reading it as a whole gives.
func (u *updated) follow(t *testing.T, c *Command, decode func(*SendMessageRequest, Ext) error, update func(*SendMessageRequest, Ext, uint32) error) {
	var whole SendMessageRequest
	err := decode(&whole, c.Ext)
	if u.shape != 0 && u.shape == c.Shape {
		errPart := update(&u.header, c.Ext, u.changed|c.Changed)
		require.Equal(t, err, errPart)
	} else {
		u.header = whole
	}
	u.shape, u.changed = c.Shape, c.Changed
	if err != nil {
		u.shape = 0
		return
	}
	require.Equal(t, whole, u.header)
}

// bodies lists every body type once.
var bodies = []func() any{
	func() any { return new(TopicConfigSerializeWrapper) }, func() any { return new(TopicList) }, func() any { return new(TopicStatsTable) },
	func() any { return new(TopicRouteData) }, func() any { return new(ClusterInfo) }, func() any { return new(KVTable) },
	func() any { return new(HeartbeatData) }, func() any { return new(CheckClientRequestBody) }, func() any { return new(ConsumerConnection) },
	func() any { return new(ProducerConnection) }, func() any { return new(ProducerTableInfo) }, func() any { return new(GetConsumerListByGroupResponseBody) },
	func() any { return new(GroupList) }, func() any { return new(LockBatchRequestBody) }, func() any { return new(UnlockBatchRequestBody) },
	func() any { return new(LockBatchResponseBody) }, func() any { return new(SubscriptionGroupConfig) }, func() any { return new(SubscriptionGroupWrapper) },
	func() any { return new(OffsetSerializeWrapper) }, func() any { return new(DelayOffsetSerializeWrapper) }, func() any { return new(ConsumeStats) },
	func() any { return new(ConsumeStatsList) }, func() any { return new(QueryConsumeTimeSpanBody) }, func() any { return new(QueryCorrectionOffsetBody) },
	func() any { return new(ResetOffsetBody) }, func() any { return new(ResetOffsetBodyForC) }, func() any { return new(GetConsumerStatusBody) },
	func() any { return new(OffsetMovedEvent) }, func() any { return new(BrokerStatsData) }, func() any { return new(QueryConsumeQueueResponseBody) },
	func() any { return new(ConsumeMessageDirectlyResult) }, func() any { return new(ConsumerRunningInfo) }, func() any { return new(RegisterBrokerBody) },
	func() any { return new(DataVersion) }, func() any { return new(TopicConfig) },
}

// FuzzBodies: no body crashes a reader, and what was read writes and reads the same.
func FuzzBodies(f *testing.F) {
	for i, blank := range bodies {
		data, err := fastjson.Marshal(blank())
		require.NoError(f, err)
		f.Add(uint8(i), data)
	}
	for _, list := range readExchanges(f) {
		for _, e := range list {
			var d Decoder
			var c Command
			require.NoError(f, d.Decode(e.request[4:], &c))
			types := bodyTypes[Code(c.Code)]
			for i, frame := range [][]byte{e.request, e.response} {
				if frame == nil || types[i] == nil || d.Decode(frame[4:], &c) != nil {
					continue
				}
				kind := slices.IndexFunc(bodies, func(blank func() any) bool { return reflect.TypeOf(blank()) == reflect.TypeOf(types[i]()) })
				require.GreaterOrEqual(f, kind, 0)
				f.Add(uint8(kind), bytes.Clone(c.Body))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		blank := bodies[int(kind)%len(bodies)]
		v := blank()
		if fastjson.Unmarshal(data, v) != nil {
			return
		}
		once, err := fastjson.Marshal(v)
		require.NoError(t, err)
		back := blank()
		require.NoError(t, fastjson.Unmarshal(once, back), "%s", once)
		twice, err := fastjson.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

// FuzzRegister reads the inside of a compressed registration, which a fuzzer would hardly find through zlib.
func FuzzRegister(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00\x00\x01\x00\x00\x00\x14T 8 8 6 SINGLE_TAG\x00\x00\x00\x00\x02[]"))
	f.Add(inflate(f, compressedBody(f)))
	f.Fuzz(func(t *testing.T, plain []byte) {
		var b RegisterBrokerBody
		if b.decodePlain(plain) != nil {
			return
		}
		data, err := b.EncodeCompressed()
		require.NoError(t, err)
		var back RegisterBrokerBody
		require.NoError(t, back.DecodeCompressed(data))
		again, err := back.EncodeCompressed()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}

// FuzzCompressed reads whole registrations: no input makes it take more than its bounds.
func FuzzCompressed(f *testing.F) {
	f.Add(compressedBody(f))
	f.Add([]byte("x\x9c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b RegisterBrokerBody
		if b.DecodeCompressed(data) == nil {
			_, err := b.EncodeCompressed()
			require.NoError(t, err)
		}
	})
}

func inflate(t testing.TB, data []byte) []byte {
	z, err := zlib.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	return plain
}
