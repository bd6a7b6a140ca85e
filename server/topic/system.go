package topic

import (
	"fmt"
	"slices"
	"strings"

	"ringmq/internal/wire"
	"ringmq/server/names"
)

// Topics that RocketMQ itself needs (TopicValidator).
const (
	AutoCreate   = "TBW102" // the template of topics that are made by send
	Schedule     = "SCHEDULE_TOPIC_XXXX"
	Benchmark    = "BenchmarkTest"
	Half         = "RMQ_SYS_TRANS_HALF_TOPIC"
	HalfOp       = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	CheckMaxTime = "TRANS_CHECK_MAX_TIME_TOPIC"
	SelfTest     = "SELF_TEST_TOPIC"
	OffsetMoved  = "OFFSET_MOVED_EVENT"
	Trace        = "RMQ_SYS_TRACE_TOPIC"
	Timer        = "rmq_sys_wheel_timer" // of RocketMQ 5
)

const (
	systemPrefix = "rmq_sys_"
	replySuffix  = "_REPLY_TOPIC"
	// scheduleQueues is one queue per delay level of the default table; more levels add none in Java.
	scheduleQueues = 18
)

// sendForbidden lists the topics that clients may not send to.
var sendForbidden = []string{Schedule, Half, HalfOp, CheckMaxTime, SelfTest, OffsetMoved, Timer}

// Waits tells the topics in which messages wait for their time or their end.
func Waits(name string) bool {
	switch name {
	case Schedule, Timer, Half, HalfOp:
		return true
	}
	return false
}

// systemAlways lists the system topics of every broker, whether they exist yet or not.
var systemAlways = []string{AutoCreate, Schedule, Benchmark, Half, Trace, HalfOp, CheckMaxTime, SelfTest, OffsetMoved}

// systemConfigs are the topics that exist from the start.
func (o *Options) systemConfigs() ([]wire.TopicConfig, error) {
	const rw = PermRead | PermWrite
	inherit := func(enabled bool) int32 {
		if enabled {
			return PermInherit | rw
		}
		return PermInherit
	}
	configs := []wire.TopicConfig{
		newConfig(SelfTest, 1, rw),
		newConfig(Benchmark, 1024, rw),
		newConfig(o.Cluster, 16, inherit(o.ClusterTopic)),
		newConfig(o.Broker, 1, inherit(o.BrokerTopic)),
		newConfig(OffsetMoved, 1, rw),
		newConfig(Schedule, scheduleQueues, rw),
		newConfig(o.Cluster+replySuffix, 1, rw),
	}
	if o.AutoCreate() {
		configs = append(configs, newConfig(AutoCreate, o.DefaultQueues, PermInherit|rw))
	}
	if o.TraceTopic {
		configs = append(configs, newConfig(o.TraceTopicName, 1, rw))
	}
	for i := range configs {
		if err := names.CheckStored(configs[i].TopicName); err != nil {
			return nil, fmt.Errorf("brokerName, brokerClusterName or msgTraceTopicName, of each of which there is a topic: %w", err)
		}
	}
	return configs, nil
}

// System lists the system topics (request 305), sorted.
func (t *Table) System() []string { return t.system }

// IsSystem tells whether clients may neither create, change nor delete a topic.
func (t *Table) IsSystem(name string) bool {
	_, found := slices.BinarySearch(t.system, name)
	return found || strings.HasPrefix(name, systemPrefix)
}
