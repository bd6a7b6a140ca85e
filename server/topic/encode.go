package topic

import (
	"bytes"
	"cmp"
	"slices"

	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

// encode makes the content of topics.json. The file is written anew for each change, as Java does, or for
// several that come together: with many topics that must not cost more than copying. So each
// topic's lines are made once, when they are first written.
func (t *Table) encode() ([]byte, error) {
	t.mu.Lock()
	version := t.version
	topics := make([]*Topic, 0, t.topics.Len())
	for _, topic := range t.topics.All() {
		topics = append(topics, topic)
	}
	t.mu.Unlock()
	if len(topics) == 0 {
		return fastjson.MarshalPretty(&wire.TopicConfigSerializeWrapper{DataVersion: version})
	}
	slices.SortFunc(topics, func(a, b *Topic) int { return cmp.Compare(a.Name, b.Name) })
	head, first, tail, err := split(version, topics[0])
	if err != nil {
		return nil, err
	}
	size := len(head) + len(first) + len(tail)
	for _, topic := range topics[1:] {
		lines, err := topic.lines()
		if err != nil {
			return nil, err
		}
		size += len(lines) + len(separator)
	}
	data := append(append(make([]byte, 0, size), head...), first...)
	for _, topic := range topics[1:] {
		lines, err := topic.lines()
		if err != nil {
			return nil, err
		}
		data = append(append(data, separator...), lines...)
	}
	return append(data, tail...), nil
}

// What stands before, between and behind the topics.
const (
	tableBegin = "\"topicConfigTable\":{\n"
	separator  = ",\n"
	tableEnd   = "\n\t}\n}"
)

// split makes the file of one topic and cuts it in three.
func split(version wire.DataVersion, topic *Topic) (head, lines, tail []byte, err error) {
	data, err := fastjson.MarshalPretty(&wire.TopicConfigSerializeWrapper{
		DataVersion: version, TopicConfigTable: map[string]*wire.TopicConfig{topic.Name: &topic.config},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	at := bytes.Index(data, []byte(tableBegin)) + len(tableBegin)
	end := len(data) - len(tableEnd)
	return data[:at], data[at:end], data[end:], nil
}

// lines are the topic's in the file.
func (t *Topic) lines() ([]byte, error) {
	if p := t.text.Load(); p != nil {
		return *p, nil
	}
	_, lines, _, err := split(wire.DataVersion{}, t)
	if err != nil {
		return nil, err
	}
	lines = bytes.Clone(lines)
	t.text.Store(&lines)
	return lines, nil
}
