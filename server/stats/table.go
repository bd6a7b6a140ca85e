package stats

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringmq/internal/clock"
	"ringmq/server/names"
)

// maxItems bounds each map of counters. Names come from requests that were let through, so
// this many is a broker gone wild; beyond it traffic is counted for the broker only.
const maxItems = 1 << 20

// Table holds all statistics of a broker.
type Table struct {
	// Broker counts whole-broker traffic.
	Broker Broker

	cluster string // key of the BROKER_ statistics; set before use
	detail  bool   // enableDetailStat: latency per queue; set before use
	light   bool   // light topics and groups count as one; set before use

	puts      *names.Map[*Counter] // by topic
	gets      *names.Map[*Counter] // by topic@group
	sentBack  *names.Map[*Counter] // by topic@group
	latencies *names.Map[*Counter] // by queueId@topic@group, or topic@group without detail; messages = ms

	mu    sync.Mutex           // the sampler's
	ticks [windowCount][]int64 // ms of the samples of each window, oldest first; under mu
}

// New makes a table whose windows begin at now.
func New(cluster string, detail bool, now time.Time) *Table {
	t := &Table{
		cluster: cluster, detail: detail,
		puts: names.NewMap[*Counter](), gets: names.NewMap[*Counter](),
		sentBack: names.NewMap[*Counter](), latencies: names.NewMap[*Counter](),
	}
	for w := range t.ticks {
		t.ticks[w] = []int64{clock.Millis(now)}
	}
	t.Broker.boot = clock.Millis(now)
	t.Broker.sampleRates(clock.Millis(now))
	return t
}

// JoinLight makes all light topics count as one, and all light groups, before the table is used (LmqBrokerStatsManager).
func (t *Table) JoinLight(join bool) { t.light = join }

// key is topic@group, or what counts for it.
func (t *Table) key(dst []byte, topic, group string) []byte {
	if t.light {
		topic, group = joined(topic), joined(group)
	}
	return appendKey(dst, topic, group)
}

func joined(name string) string {
	if names.IsLight(name) {
		return names.LightPrefix
	}
	return name
}

// Run samples the counters until ctx ends.
func (t *Table) Run(ctx context.Context, c clock.Clock) {
	second := 0
	clock.Every(ctx, c, time.Second, time.Second, func(now time.Time) {
		second++
		t.Broker.tick(now)
		for w := range windowCount {
			if second%int(spans[w].tick/time.Second) == 0 {
				t.sample(w, clock.Millis(now))
			}
		}
	})
}

// Topic is the counter of messages put into a topic (TOPIC_PUT_NUMS, TOPIC_PUT_SIZE),
// made when the topic is seen first.
func (t *Table) Topic(topic string) *Counter {
	return counter(t.puts, topic)
}

// Waits counts a message put into a topic of the broker's own, where it waits for its time or the end of its transaction
// (TOPIC_PUT_NUMS, TOPIC_PUT_SIZE).
func (t *Table) Waits(topic []byte, bytes int64) { add(t.puts, topic, 1, bytes) }

// BrokerPut counts producers' requests that stored messages, and these (BROKER_PUT_NUMS).
func (t *Table) BrokerPut(requests, messages int64) { t.Broker.Puts.AddTimes(requests, messages, 0) }

// GroupGet counts a pull that found messages (GROUP_GET_NUMS, GROUP_GET_SIZE, BROKER_GET_NUMS).
func (t *Table) GroupGet(group, topic string, messages, bytes int64) {
	var room [keyRoom]byte
	add(t.gets, t.key(room[:0], topic, group), messages, bytes)
	t.Broker.Gets.Add(messages, bytes)
	t.Broker.Found.Add(1)
}

// GroupDelayed counts a delivery of a delayed message (GROUP_GET_NUMS, GROUP_GET_SIZE); no consumer has it yet.
func (t *Table) GroupDelayed(group, topic string, bytes int64) {
	var room [keyRoom]byte
	add(t.gets, t.key(room[:0], topic, group), 1, bytes)
}

// GroupMissed counts a pull that found nothing.
func (t *Table) GroupMissed() { t.Broker.Missed.Add(1) }

// SentBack counts a message that a group gave back (SNDBCK_PUT_NUMS).
func (t *Table) SentBack(group, topic string, bytes int64) {
	var room [keyRoom]byte
	add(t.sentBack, t.key(room[:0], topic, group), 1, bytes)
}

// GroupLatency counts how long a pull that found messages took (GROUP_GET_LATENCY).
func (t *Table) GroupLatency(group, topic string, queueID int32, millis int64) {
	var room [keyRoom]byte
	key := room[:0]
	if t.detail {
		key = append(strconv.AppendInt(key, int64(queueID), 10), '@')
	}
	add(t.latencies, t.key(key, topic, group), millis, 0)
	raise(&t.Broker.longest, millis)
}

// Stored is the number of messages and of bytes put into all topics since start.
func (t *Table) Stored() (messages, bytes int64) {
	for _, c := range t.puts.All() {
		messages += c.Messages()
		bytes += c.Bytes()
	}
	return messages, bytes
}

// GroupRate is the rate at which a group pulls a topic, in messages a second over the last minute.
func (t *Table) GroupRate(group, topic string) float64 {
	f, _ := t.View("GROUP_GET_NUMS", topic+"@"+group)
	return f.Minute.Rate
}

// View is a statistic over the last minute, hour and day.
type View struct{ Minute, Hour, Day Figure }

// View looks a statistic up by RocketMQ's name and key; ok is false if there is none of
// that name or nothing was counted under that key.
func (t *Table) View(name, key string) (v View, ok bool) {
	var c *Counter
	of := messages
	switch name {
	case "TOPIC_PUT_NUMS":
		c, _ = t.puts.Find(key)
	case "TOPIC_PUT_SIZE":
		c, _ = t.puts.Find(key)
		of = bytes
	case "GROUP_GET_NUMS":
		c, _ = t.gets.Find(key)
	case "GROUP_GET_SIZE":
		c, _ = t.gets.Find(key)
		of = bytes
	case "SNDBCK_PUT_NUMS":
		c, _ = t.sentBack.Find(key)
	case "GROUP_GET_LATENCY":
		c, _ = t.latencies.Find(key)
	case "BROKER_PUT_NUMS":
		c = t.broker(&t.Broker.Puts, key)
	case "BROKER_GET_NUMS":
		c = t.broker(&t.Broker.Gets, key)
	}
	if c == nil || c.times.Load() == 0 {
		return View{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return View{
		Minute: figure(c.history[minute], t.ticks[minute], of),
		Hour:   figure(c.history[hour], t.ticks[hour], of),
		Day:    figure(c.history[day], t.ticks[day], of),
	}, true
}

func (t *Table) broker(c *Counter, key string) *Counter {
	if key != t.cluster {
		return nil
	}
	return c
}

// ForgetTopic drops the statistics of a deleted topic (autoDeleteUnusedStats).
func (t *Table) ForgetTopic(topic string) {
	t.puts.Delete(topic)
	forget(t.gets, func(key string) bool { return strings.HasPrefix(key, topic+"@") })
	forget(t.sentBack, func(key string) bool { return strings.HasPrefix(key, topic+"@") })
	forget(t.latencies, func(key string) bool {
		return strings.HasPrefix(key, topic+"@") || strings.Contains(key, "@"+topic+"@")
	})
}

// ForgetGroup drops the statistics of a deleted group (autoDeleteUnusedStats).
func (t *Table) ForgetGroup(group string) {
	for _, m := range []*names.Map[*Counter]{t.gets, t.sentBack, t.latencies} {
		forget(m, func(key string) bool { return strings.HasSuffix(key, "@"+group) })
	}
}

// sample takes one sample of every counter for a window.
func (t *Table) sample(w window, millis int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ticks := t.ticks[w]
	if len(ticks) == spans[w].keep {
		ticks = ticks[:copy(ticks, ticks[1:])]
	}
	t.ticks[w] = append(ticks, millis)
	t.Broker.Puts.record(w)
	t.Broker.Gets.record(w)
	for _, m := range []*names.Map[*Counter]{t.puts, t.gets, t.sentBack, t.latencies} {
		for _, c := range m.All() {
			c.record(w)
		}
	}
}

// keyRoom holds "queueId@topic@group" of names that passed their checks.
const keyRoom = 11 + 1 + names.MaxTopic + 1 + names.MaxGroup

func appendKey(dst []byte, topic, group string) []byte {
	return append(append(append(dst, topic...), '@'), group...)
}

func add(m *names.Map[*Counter], key []byte, messages, bytes int64) {
	c, ok := m.Get(key)
	if !ok {
		c = counter(m, string(key))
	}
	c.Add(messages, bytes)
}

// counter finds or makes a counter; a full map gives one that nobody reads.
func counter(m *names.Map[*Counter], key string) *Counter {
	c, ok := m.FindOrPut(key, maxItems, func() *Counter { return new(Counter) })
	if !ok {
		return new(Counter)
	}
	return c
}

func forget(m *names.Map[*Counter], dead func(key string) bool) {
	for key := range m.All() {
		if dead(key) {
			m.Delete(key)
		}
	}
}
