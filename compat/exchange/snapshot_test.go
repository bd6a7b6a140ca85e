package exchange

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/compat/raw"
)

func sample() *snapshot {
	return &snapshot{
		queues:  map[queue][][]byte{{"T", 0}: {[]byte("a"), []byte("b")}, {"T", 1}: {[]byte("c")}},
		topics:  map[string]raw.TopicConfig{"T": {Name: "T", Read: 2, Write: 2, Perm: 6}},
		groups:  map[string]map[string]any{"G": {"retryMaxTimes": 7.0}},
		offsets: map[string]string{"G": "0:1,1:2"},
		byKey:   map[string][]string{"T#k": {"T:0@1"}},
	}
}

// TestEquals shows that the checker finds each kind of difference.
func TestEquals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*snapshot)
		want   string
	}{
		{"nothing", func(*snapshot) {}, ""},
		{"a message gone", func(s *snapshot) { s.queues[queue{"T", 0}] = s.queues[queue{"T", 0}][:1] }, "T:0 has 1 messages, had 2"},
		{"a queue gone", func(s *snapshot) { delete(s.queues, queue{"T", 1}) }, "T:1 has 0 messages, had 1"},
		{"a message more", func(s *snapshot) { s.queues[queue{"T", 1}] = append(s.queues[queue{"T", 1}], []byte("d")) }, "T:1 has 2 messages, had 1"},
		{"another byte", func(s *snapshot) { s.queues[queue{"T", 0}][1] = []byte("B") }, "T:0@1 is 42, was 62"},
		{"another topic setting", func(s *snapshot) { s.topics["T"] = raw.TopicConfig{Name: "T", Read: 3} }, "topics are"},
		{"another group setting", func(s *snapshot) { s.groups["G"]["retryMaxTimes"] = 8.0 }, "groups are"},
		{"another offset", func(s *snapshot) { s.offsets["G"] = "0:1,1:3" }, "committed offsets are"},
		{"a key without its message", func(s *snapshot) { s.byKey["T#k"] = nil }, "messages by key are"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := sample()
			tc.change(found)
			err := sample().equals(found)
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}

func TestOffsetsInTheFile(t *testing.T) {
	text := "{\n\t\"offsetTable\":{\n\t\t\"ex_plain@G\":{0:1,1:2\n\t\t},\n\t\t\"other@G\":{0:9}\n\t}\n}"
	require.Equal(t, "0:1,1:2", offsetsIn(text, "G"))
	require.Empty(t, offsetsIn(text, "H"))
}
