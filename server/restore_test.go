package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
	"ringmq/internal/wire"
)

func newTopic(name string, queues int32) wire.TopicConfig {
	return wire.TopicConfig{TopicName: name, ReadQueueNums: queues, WriteQueueNums: queues, Perm: 6, TopicFilterType: "SINGLE_TAG"}
}

// TestRestoreState: a store whose config folder is gone, or from before, gets its topics and groups back.
func TestRestoreState(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "store", "config")
	put := func(b *testBroker, topic string, queue int32) {
		q := b.store.Queue([]byte(topic), queue)
		got, err := b.store.Append(q, &message.Record{Topic: []byte(topic), Body: []byte("x"), StoreTimestamp: time.Now().UnixMilli() + 10})
		require.NoError(t, err)
		_, err = b.store.Commit(got.End(), nil)
		require.NoError(t, err)
	}
	start := func() *testBroker { return newBroker(t, "off", dir, nil) }
	b := start()
	require.NoError(t, b.topics.Update(newTopic("T", 4)))
	put(b, "T", 3)
	b.stop(t)()
	old, err := os.ReadFile(filepath.Join(config, "topics.json"))
	require.NoError(t, err)

	b = start()
	require.NoError(t, b.topics.Update(newTopic("U", 2)))
	require.NoError(t, b.topics.Update(newTopic("gone", 1)))
	_, err = b.groups.FindOrCreate("g")
	require.NoError(t, err)
	put(b, "U", 1)
	put(b, "%RETRY%g", 0)
	put(b, "%DLQ%h", 0)
	require.NoError(t, b.topics.Delete("gone"))
	require.NoError(t, b.store.DeleteTopic("gone"))
	b.stop(t)()

	for _, c := range []struct {
		name   string
		change func()
	}{
		{"folder gone", func() { require.NoError(t, os.RemoveAll(config)) }},
		{"topics from before, groups gone", func() {
			require.NoError(t, os.RemoveAll(config))
			require.NoError(t, os.Mkdir(config, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(config, "topics.json"), old, 0o644))
		}},
		{"damaged", func() {
			for _, name := range []string{"topics.json", "subscriptionGroup.json"} {
				require.NoError(t, os.RemoveAll(filepath.Join(config, name+".bak")))
				require.NoError(t, os.WriteFile(filepath.Join(config, name), nil, 0o644))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change()
			for range 2 { // and it stays so
				b := start()
				require.EqualValues(t, 4, b.topics.Find("T").WriteQueues())
				require.EqualValues(t, 2, b.topics.Find("U").ReadQueues())
				require.NotNil(t, b.topics.Find("%RETRY%g"))
				require.NotNil(t, b.topics.Find("%DLQ%h"))
				require.Nil(t, b.topics.Find("gone"))
				require.NotNil(t, b.groups.Find("g"))
				require.NotNil(t, b.groups.Find("h"))
				b.stop(t)()
			}
		})
	}
}
