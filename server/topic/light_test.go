package topic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// Light topics exist when they are asked for, and nowhere else.
func TestLightTopics(t *testing.T) {
	table := open(t, func(o *Options) { o.Light = true })
	version := table.version
	light := table.Lookup([]byte("%LMQ%a"))
	require.True(t, light.Light)
	require.Equal(t, "TopicConfig [topicName=%LMQ%a, readQueueNums=1, writeQueueNums=1, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false]", show(light))
	require.Same(t, light, table.Find("%LMQ%a"))
	require.Zero(t, testing.AllocsPerRun(100, func() { table.Lookup([]byte("%LMQ%a")) }))
	require.Nil(t, table.Find("%LMQ%a/b"))
	made, err := table.CreateOnSend("%LMQ%new", "none", 4, false)
	require.NoError(t, err)
	require.True(t, made.Light)
	require.NoError(t, table.Update(wire.TopicConfig{TopicName: "%LMQ%a", ReadQueueNums: 8, WriteQueueNums: 8, TopicFilterType: singleTag}))
	require.EqualValues(t, 1, table.Find("%LMQ%a").ReadQueues())
	require.Equal(t, version, table.version, "the name servers hear nothing")
	require.NotContains(t, table.Snapshot().TopicConfigTable, "%LMQ%a")
	light.Put(1, 2, 20)
	require.EqualValues(t, 2, table.o.Stats.Topic("%LMQ%").Messages())

	require.Nil(t, open(t).Find("%LMQ%a"), "not without enableLmq")
}
