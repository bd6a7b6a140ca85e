package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

func options(t testing.TB, sizes string) *SendOptions {
	t.Helper()
	s, err := ParseSizes(sizes)
	require.NoError(t, err)
	return &SendOptions{Topic: "T", Topics: 1, Queues: 16, Conns: 2, InFlight: 8, Batch: 1, Sizes: s}
}

// decoded is a request as a broker sees it.
func decoded(t *testing.T, frame []byte) (wire.Command, wire.SendMessageRequest) {
	t.Helper()
	require.EqualValues(t, len(frame)-4, binary.BigEndian.Uint32(frame))
	var dec wire.Decoder
	var cmd wire.Command
	var h wire.SendMessageRequest
	require.NoError(t, dec.Decode(frame[4:], &cmd))
	cmd = *cmd.Clone()
	require.NoError(t, h.DecodeV2(cmd.Ext))
	return cmd, h
}

func properties(text []byte) map[string]string {
	m := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\x02") {
		if name, value, ok := strings.Cut(part, "\x01"); ok {
			m[name] = value
		}
	}
	return m
}

// Every request a slot is used for is a valid one, and differs from the last where it must.
func TestSlotsAreWholeRequests(t *testing.T) {
	for _, serialize := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		for _, topics := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d/%d topics", serialize, topics), func(t *testing.T) {
				o := options(t, "20-3000")
				o.Serialize, o.Topics, o.Tags, o.Keys = serialize, topics, []string{"red", "blue"}, 2
				o.Properties = map[string]string{"city": "Köln", "a": "b"}
				slots, err := makeSlots(o, 1, true)
				require.NoError(t, err)
				require.Len(t, slots, 8)
				seen, count := map[string]bool{}, uint64(0)
				for round := range 3 {
					born := [13]byte([]byte(fmt.Sprint(1_700_000_000_000 + int64(round))))
					for k := range slots {
						s := &slots[k]
						count = s.renew(&born, count)
						wantTopic, wantQueue := "T", int32((8+k)%16)
						if topics > 1 {
							s.aim(k%3, 12-k)
							wantTopic, wantQueue = fmt.Sprintf("T_%06d", k%3), int32(12-k)
						}
						cmd, h := decoded(t, s.frame)
						require.EqualValues(t, wire.CodeSendMessageV2, cmd.Code)
						require.EqualValues(t, opaqueBase+k, cmd.Opaque)
						require.Equal(t, wantTopic, string(h.Topic))
						require.Equal(t, wantQueue, h.QueueID)
						require.EqualValues(t, 1_700_000_000_000+int64(round), h.BornTimestamp)
						require.Len(t, cmd.Body, s.body)
						require.Len(t, s.stamp, stampBytes)
						p := properties(h.Properties)
						require.Equal(t, []string{"red", "blue"}[k%2], p["TAGS"])
						require.Equal(t, "Köln", p["city"])
						require.Len(t, p["UNIQ_KEY"], 32)
						for _, key := range append(strings.Fields(p["KEYS"]), p["UNIQ_KEY"]) {
							require.False(t, seen[key], key)
							seen[key] = true
							require.NotContains(t, key, "Z")
						}
					}
				}
			})
		}
	}
}

func TestBatchSlots(t *testing.T) {
	o := options(t, "50")
	o.Batch = 5
	slots, err := makeSlots(o, 0, false)
	require.NoError(t, err)
	born := [13]byte([]byte("1700000000000"))
	require.EqualValues(t, 105, slots[2].renew(&born, 100))
	cmd, h := decoded(t, slots[2].frame)
	require.EqualValues(t, wire.CodeSendBatchMessage, cmd.Code)
	require.True(t, h.Batch)
	require.Equal(t, 250, slots[2].body)
	keys := map[string]bool{}
	for b := cmd.Body; len(b) > 0; {
		size := binary.BigEndian.Uint32(b)
		require.EqualValues(t, 50, binary.BigEndian.Uint32(b[16:]))
		p := properties(b[20+50+2 : size])
		require.Len(t, p["UNIQ_KEY"], 32)
		require.NotContains(t, p, "WAIT")
		keys[p["UNIQ_KEY"]] = true
		b = b[size:]
	}
	require.Len(t, keys, 5)
}

func TestNoUniqueKey(t *testing.T) {
	o := options(t, "50")
	o.NoUniqueKey = true
	slots, err := makeSlots(o, 0, false)
	require.NoError(t, err)
	_, h := decoded(t, slots[0].frame)
	require.NotContains(t, properties(h.Properties), "UNIQ_KEY")
}

func TestSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for text, want := range map[string][2]int{"1024": {1024, 1024}, "128-16384": {128, 16384}, "7,9": {7, 9}, "5-5": {5, 5}} {
		s, err := ParseSizes(text)
		require.NoError(t, err)
		require.Equal(t, want[0], s.Min())
		low, high := 1<<30, 0
		small := 0
		for range 10_000 {
			n := s.draw(r)
			low, high = min(low, n), max(high, n)
			if n < 1448 { // the middle of the doublings of 128-16384
				small++
			}
		}
		require.GreaterOrEqual(t, low, want[0])
		require.LessOrEqual(t, high, want[1])
		if want[0] != want[1] {
			require.LessOrEqual(t, low, want[0]+want[0]/50+1)
			require.GreaterOrEqual(t, high, want[1]-want[1]/50-1)
		}
		if text == "128-16384" {
			require.InDelta(t, 5000, small, 300)
		}
	}
	for _, text := range []string{"", "0", "-1", "5-4", "1,,2", "x", "1-x", "9999999999"} {
		_, err := ParseSizes(text)
		require.ErrorContains(t, err, "want bytes", text)
	}
}

func TestPutHexAndDecimal(t *testing.T) {
	for _, n := range []uint64{0, 1, 0xabcdef, 1<<64 - 1, 1234567890123456789} {
		var h [16]byte
		putHex(&h, n)
		require.Equal(t, fmt.Sprintf("%016X", n), string(h[:]))
		var d [6]byte
		putDecimal(d[:], n)
		require.Equal(t, fmt.Sprintf("%06d", n%1_000_000), string(d[:]))
	}
}

// BenchmarkRenew is what the tool itself does for a request.
func BenchmarkRenew(b *testing.B) {
	slots, err := makeSlots(options(b, "1024"), 0, false)
	require.NoError(b, err)
	tally := &tally{run: &run{wall: time.Now().UnixMilli()}}
	b.ReportAllocs()
	count := uint64(0)
	for i := range b.N {
		count = slots[i&7].renew(tally.bornText(time.Duration(i)), count)
	}
}
