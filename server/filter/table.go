package filter

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/configfile"
	"ringmq/server/filter/sql92"
	"ringmq/server/names"
)

// Bounds of a table; Java has none. Dead filters make room for others.
const (
	maxFilters = 100_000
	maxBytes   = 32 << 20 // of all expressions
)

// Options of a table.
type Options struct {
	Path  string // of consumerFilter.json
	Bloom Bloom
	// Keep is for how long a dead filter is kept: filterDataCleanTimeSpan.
	Keep func() time.Duration
	Now  time.Time
	Log  *slog.Logger
}

// Table holds the filters of a broker. Its methods may be called from any goroutine.
type Table struct {
	o      Options                        // set before use
	groups *names.Map[map[string]*Filter] // by group, then topic; replaced under mu
	// topics are the filters of each topic that have an expression, for [Table.Bits]; replaced under mu
	topics *names.Map[[]*Filter]
	file   *configfile.File
	mu     sync.Mutex
	count  int // of filters; under mu
	bytes  int // of their expressions; under mu
}

// Open reads consumerFilter.json.
func Open(o Options) (*Table, error) {
	t := &Table{o: o, groups: names.NewMap[map[string]*Filter](), topics: names.NewMap[[]*Filter]()}
	t.file = configfile.New(o.Path, t.encode)
	return t, t.file.Load(o.Log, t.decode)
}

// Find returns a group's filter of a topic, nil if there is none. It does not allocate.
func (t *Table) Find(group, topic []byte) *Filter {
	g, _ := t.groups.Get(group)
	return g[string(topic)]
}

// Has tells whether a group has a filter of any topic.
func (t *Table) Has(group []byte) bool {
	_, ok := t.groups.Get(group)
	return ok
}

// Retried matches messages that a group gave back by its filters of the topics that they were first sent to
// (ExpressionForRetryMessageFilter). Messages of topics that it filters by tags or not at all pass.
func (t *Table) Retried(group string) Match {
	name := []byte(group)
	return func(record []byte) bool {
		p, ok := message.PropertiesOf(record)
		if !ok {
			return false
		}
		f := t.Find(name, p.Get(propertyRetryTopic))
		return f == nil || f.Match == nil || f.Match(record)
	}
}

// propertyRetryTopic is the topic a message was sent to before it was given back (MessageConst).
const propertyRetryTopic = "RETRY_TOPIC"

// Register takes over what a client subscribes its group to. What is not expressed in tags becomes
// a filter; filters of topics that are not subscribed to are dead. The error tells which subscription the
// broker cannot filter by, and why; the others are registered.
func (t *Table) Register(group string, subscriptions []wire.SubscriptionData, now time.Time) error {
	if _, known := t.groups.Find(group); !known && !anyExpression(subscriptions) {
		return nil // the usual heartbeat
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old, _ := t.groups.Find(group)
	if !t.hasRoom(old, subscriptions) {
		t.drop((*Filter).Dead)
		if old, _ = t.groups.Find(group); !t.hasRoom(old, subscriptions) {
			return fmt.Errorf("the filters of group %s are not registered: the broker has %d with %d bytes of text, and takes %d and %d",
				group, t.count, t.bytes, maxFilters, maxBytes)
		}
	}
	next := make(map[string]*Filter, len(old))
	maps.Copy(next, old)
	subscribed := make(map[string]bool, len(subscriptions))
	var errs []error
	for i := range subscriptions {
		s := &subscriptions[i]
		subscribed[s.Topic] = true
		if isExpression(s) {
			errs = append(errs, t.register(next, group, s, clock.Millis(now)))
		}
	}
	for topic, f := range next {
		if !subscribed[topic] && !f.Dead() {
			next[topic] = f.dead(clock.Millis(now))
		}
	}
	t.publish(group, old, next)
	return errors.Join(errs...)
}

// hasRoom tells whether what is new among the subscriptions fits the bounds. t.mu is held.
func (t *Table) hasRoom(old map[string]*Filter, subscriptions []wire.SubscriptionData) bool {
	count, bytes := t.count, t.bytes
	for i := range subscriptions {
		s := &subscriptions[i]
		if f := old[s.Topic]; isExpression(s) && (f == nil || f.Expression != s.SubString) {
			count++
			bytes += len(s.SubString)
		}
	}
	return count <= maxFilters && bytes <= maxBytes || count == t.count
}

func anyExpression(subscriptions []wire.SubscriptionData) bool {
	for i := range subscriptions {
		if isExpression(&subscriptions[i]) {
			return true
		}
	}
	return false
}

func isExpression(s *wire.SubscriptionData) bool {
	return s.ExpressionType != "" && s.ExpressionType != wire.ExpressionTag && s.SubString != ""
}

// register puts one subscription's filter into a group's (FilterDataMapByTopic.register). t.mu is held.
func (t *Table) register(group map[string]*Filter, name string, s *wire.SubscriptionData, nowMillis int64) error {
	old := group[s.Topic]
	switch {
	case old == nil:
	case s.SubVersion < old.Version:
		return nil
	case s.SubVersion == old.Version || old.Expression == s.SubString && old.Type == s.ExpressionType:
		if old.Dead() || s.SubVersion > old.Version {
			group[s.Topic] = old.alive(s.SubVersion)
		}
		return nil
	}
	err := names.CheckStored(s.Topic)
	var e *sql92.Expression
	if err == nil {
		e, err = compile(s.ExpressionType, s.SubString)
	}
	if err != nil {
		delete(group, s.Topic)
		return fmt.Errorf("group %s cannot filter topic %s: %w", name, s.Topic, err)
	}
	f := &Filter{
		Expression: s.SubString, Type: s.ExpressionType, Version: s.SubVersion,
		Match: matching(e), expression: e, Born: nowMillis, bloom: t.o.Bloom.of(name, s.Topic),
	}
	f.MayWant = f.mayWant
	group[s.Topic] = f
	return nil
}

// publish replaces a group's filters. t.mu is held.
func (t *Table) publish(group string, old, next map[string]*Filter) {
	if maps.Equal(old, next) {
		return
	}
	for _, f := range old {
		t.count--
		t.bytes -= len(f.Expression)
	}
	for _, f := range next {
		t.count++
		t.bytes += len(f.Expression)
	}
	if len(next) == 0 {
		t.groups.Delete(group)
	} else {
		t.groups.Put(group, next)
	}
	for topic, f := range old {
		t.replace(topic, f, next[topic])
	}
	for topic, f := range next {
		if old[topic] == nil {
			t.replace(topic, nil, f)
		}
	}
	t.file.Mark()
}

// drop forgets filters. t.mu is held.
func (t *Table) drop(gone func(*Filter) bool) {
	for group, old := range t.groups.All() {
		next := maps.Clone(old)
		maps.DeleteFunc(next, func(_ string, f *Filter) bool { return gone(f) })
		t.publish(group, old, next)
	}
}

// Sweep marks the filters of groups without clients as dead, and forgets those that have been dead for long
// enough (ConsumerFilterManager.clean).
func (t *Table) Sweep(now time.Time, online func(group string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for group, old := range t.groups.All() {
		if online(group) {
			continue
		}
		next := maps.Clone(old)
		for topic, f := range old {
			if !f.Dead() {
				next[topic] = f.dead(clock.Millis(now))
			}
		}
		t.publish(group, old, next)
	}
	keep := t.o.Keep().Milliseconds()
	t.drop(func(f *Filter) bool { return f.Dead() && clock.Millis(now)-f.Died >= keep })
}

// SaveIfMarked writes consumerFilter.json if the filters have changed since it was written.
func (t *Table) SaveIfMarked() error { return t.file.SaveIfMarked() }
