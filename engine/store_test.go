package engine

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

func testRecord(topic, body string) *message.Record {
	return &message.Record{
		Topic: []byte(topic), Body: []byte(body),
		Properties:    message.Properties(nil).Append("TAGS", "TagA"),
		BornTimestamp: 1000, StoreTimestamp: 2000,
		BornHost: netip.MustParseAddrPort("127.0.0.1:1234"), StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
	}
}

func TestAppendCommitGet(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), CommitLogFileSize: 1 << 16})
	require.NoError(t, err)
	q := s.Queue([]byte("T"), 0)
	for i := range 1000 {
		got, err := s.Append(q, testRecord("T", fmt.Sprint("body", i)))
		require.NoError(t, err)
		require.Equal(t, message.QueueOffset(i), got.QueueOffset)
		done, err := s.Commit(got.End(), nil)
		require.NoError(t, err)
		require.True(t, done)
	}
	checkQueue(t, s, 1000)
	require.NoError(t, s.Close())
	s, err = Open(s.o)
	require.NoError(t, err)
	checkQueue(t, s, 1000)
	require.NoError(t, s.Close())
}

func checkQueue(t *testing.T, s *Store, n int) {
	t.Helper()
	at := message.QueueOffset(0)
	for int(at) < n {
		res := NewGetResult()
		s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), Offset: at, MaxMsgs: 32}, res)
		require.Equal(t, Found, res.Status)
		for _, b := range res.Buffers() {
			for len(b) > 0 {
				var r message.Record
				require.NoError(t, message.Decode(b, &r))
				require.Equal(t, fmt.Sprint("body", at), string(r.Body))
				require.Equal(t, at, r.QueueOffset)
				at++
				b = b[r.Size():]
			}
		}
		require.Equal(t, at, res.Next)
		res.Release()
	}
}
