package filter

import (
	"fmt"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/server/names"
)

// file is consumerFilter.json.
type file struct {
	FilterDataByTopic map[string]*topicFilters `json:"filterDataByTopic"`
}

type topicFilters struct {
	GroupFilterData map[string]*groupFilter `json:"groupFilterData"`
	Topic           string                  `json:"topic"`
}

type groupFilter struct {
	BloomFilterData *bloomData `json:"bloomFilterData"`
	BornTime        int64      `json:"bornTime"`
	ClientVersion   int64      `json:"clientVersion"`
	ConsumerGroup   string     `json:"consumerGroup"`
	Dead            bool       `json:"dead"`
	DeadTime        int64      `json:"deadTime"`
	Expression      string     `json:"expression"`
	ExpressionType  string     `json:"expressionType"`
	Topic           string     `json:"topic"`
}

func (t *Table) encode() ([]byte, error) {
	t.mu.Lock()
	whole := file{FilterDataByTopic: make(map[string]*topicFilters)}
	for group, filters := range t.groups.All() {
		for topic, f := range filters {
			of := whole.FilterDataByTopic[topic]
			if of == nil {
				of = &topicFilters{GroupFilterData: make(map[string]*groupFilter), Topic: topic}
				whole.FilterDataByTopic[topic] = of
			}
			of.GroupFilterData[group] = &groupFilter{
				BloomFilterData: f.bloom, BornTime: f.Born, ClientVersion: f.Version, ConsumerGroup: group,
				Dead: f.Dead(), DeadTime: f.Died, Expression: f.Expression, ExpressionType: f.Type, Topic: topic,
			}
		}
	}
	t.mu.Unlock()
	return fastjson.MarshalPretty(&whole)
}

// presumedDeadMillis is how long ago a filter died that was alive when the broker stopped.
const presumedDeadMillis = 30_000

// decode takes a file over, or, as Java does, nothing of it if its bits are not of our shape.
func (t *Table) decode(data []byte) error {
	var whole file
	if err := fastjson.Unmarshal(data, &whole); err != nil {
		return err
	}
	groups := make(map[string]map[string]*Filter)
	presumed := clock.Millis(t.o.Now) - presumedDeadMillis
	for topic, of := range whole.FilterDataByTopic {
		if of == nil {
			continue
		}
		for group, g := range of.GroupFilterData {
			if g == nil {
				continue
			}
			if !t.o.Bloom.shaped(g.BloomFilterData) {
				t.o.Log.Warn("consumerFilter.json is of other bloom options and is ignored", "topic", topic, "group", group)
				return nil
			}
			if err := checkNames(topic, group); err != nil {
				return err
			}
			if groups[group] == nil {
				groups[group] = make(map[string]*Filter)
			}
			groups[group][topic] = t.restored(topic, group, g, presumed)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for group, filters := range groups {
		t.publish(group, nil, filters)
	}
	return nil
}

func checkNames(topic, group string) error {
	if err := names.CheckStored(topic); err != nil {
		return fmt.Errorf("topic of a filter: %w", err)
	}
	if err := names.CheckStored(group); err != nil {
		return fmt.Errorf("group of a filter: %w", err)
	}
	return nil
}

// restored is a filter of the file. What does not compile passes everything, as in Java.
func (t *Table) restored(topic, group string, g *groupFilter, presumedDead int64) *Filter {
	var match Match
	e, err := compile(g.ExpressionType, g.Expression)
	if err == nil {
		match = matching(e)
	} else {
		t.o.Log.Warn("a filter in consumerFilter.json does not compile: all messages pass", "topic", topic, "group", group, "err", err)
	}
	f := &Filter{
		Expression: g.Expression, Type: g.ExpressionType, Version: g.ClientVersion, Match: match, expression: e,
		Born: g.BornTime, Died: g.DeadTime, bloom: g.BloomFilterData,
	}
	f.MayWant = f.mayWant
	if f.Died == 0 {
		f.Died = max(presumedDead, f.Born)
	}
	return f
}
