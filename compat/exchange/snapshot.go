package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ringmq/compat/raw"
)

// snapshot is what a broker answers about a store.
type snapshot struct {
	// queues holds every message, by queue and offset from 0, as bytes.
	queues map[queue][][]byte
	topics map[string]raw.TopicConfig
	groups map[string]map[string]any
	// offsets are a group's committed offsets of ex_plain, written 0:1,1:2,….
	offsets map[string]string
	// byKey says which messages a key leads to; nil if the broker does not say.
	byKey map[string][]string
}

// keys are looked up in each snapshot: topic and key.
var keys = [][2]string{
	{"ex_plain", "p0-7"}, {"ex_plain", "Up0-399"}, {"ex_plain", "p1-1"}, {"ex_plain", "p2-200"}, {"ex_tags", "标签"}, {"ex_batch", "b0-5-24"},
	{"ex_batch", "b1-0-0"}, {"ex-odd_Name%1", "odd"}, {"ex_plain", "nowhere"},
}

// take asks a broker for everything.
func take(ctx context.Context, c *raw.Conn) (*snapshot, error) {
	s := &snapshot{queues: map[queue][][]byte{}, groups: map[string]map[string]any{}, offsets: map[string]string{}, byKey: map[string][]string{}}
	for topic, count := range topics {
		for id := range int32(count) {
			if err := s.queue(ctx, c, queue{topic, id}); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range []string{lightOne, lightTwo} {
		if err := s.light(ctx, c, name); err != nil {
			return nil, err
		}
	}
	if err := s.tables(ctx, c); err != nil {
		return nil, err
	}
	return s, s.lookUp(ctx, c)
}

func (s *snapshot) queue(ctx context.Context, c *raw.Conn, q queue) error {
	lo, _, err := c.ReadQueue(ctx, "CG_ex_reader", q.topic, q.id, func(r raw.Record) error {
		s.queues[q] = append(s.queues[q], r.Raw)
		if r.QueueOffset%97 != 0 {
			return nil
		}
		// A sample, by the other way to a message.
		seen, err := c.View(ctx, r.Offset)
		if err == nil && !bytes.Equal(seen.Raw, r.Raw) {
			err = errors.New("it returned another record")
		}
		if err != nil {
			return fmt.Errorf("view of %s:%d@%d by its commit log offset %d: %w", q.topic, q.id, r.QueueOffset, r.Offset, err)
		}
		return nil
	})
	if err == nil && lo != 0 {
		err = fmt.Errorf("%s:%d begins at %d", q.topic, q.id, lo)
	}
	return err
}

// light takes a light queue, whose records say where they stand in their own topic's.
func (s *snapshot) light(ctx context.Context, c *raw.Conn, name string) error {
	q := queue{name, 0}
	end, err := c.Offset(ctx, raw.CodeMaxOffset, name, 0)
	if err != nil {
		return err
	}
	for next := int64(0); next < end; {
		p, err := c.Pull(ctx, "CG_ex_reader", name, 0, next, 32)
		if err != nil {
			return err
		}
		if p.Code != raw.Success || len(p.Records) == 0 || p.Next != next+int64(len(p.Records)) {
			return fmt.Errorf("pull of %s at %d of %d answers %d %q, %d messages, and goes on at %d", name, next, end, p.Code, p.Remark, len(p.Records), p.Next)
		}
		for _, r := range p.Records {
			s.queues[q] = append(s.queues[q], r.Raw)
		}
		next = p.Next
	}
	offset, err := c.CommittedOffset(ctx, lightGroup, name, 0)
	if err != nil {
		return err
	}
	s.offsets[lightGroup+"@"+name] = fmt.Sprint(offset)
	return nil
}

// tables takes what stands in the broker's JSON files.
func (s *snapshot) tables(ctx context.Context, c *raw.Conn) error {
	all, err := c.Topics(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(name string, _ raw.TopicConfig) bool { // the others are each program's own
		return !strings.HasPrefix(name, "ex") && !strings.HasPrefix(name, "%RETRY%CG_ex")
	})
	delete(all, loadTopic) // made after the snapshot, the first time
	s.topics = all
	groups, err := c.Groups(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{pushGroup, settledGroup} {
		config := map[string]any{}
		if len(groups[name]) > 0 {
			if err := json.Unmarshal(groups[name], &config); err != nil {
				return fmt.Errorf("group %s: %w", name, err)
			}
		}
		s.groups[name] = config
		var offsets []string
		for id := range int32(topics["ex_plain"]) {
			offset, err := c.CommittedOffset(ctx, name, "ex_plain", id)
			if err != nil {
				return err
			}
			offsets = append(offsets, fmt.Sprintf("%d:%d", id, offset))
		}
		s.offsets[name] = strings.Join(offsets, ",")
	}
	return nil
}

func (s *snapshot) lookUp(ctx context.Context, c *raw.Conn) error {
	for _, k := range keys {
		records, err := c.QueryKey(ctx, k[0], k[1], 64)
		if err != nil {
			return fmt.Errorf("look up key %s of %s: %w", k[1], k[0], err)
		}
		var found []string
		for _, r := range records {
			found = append(found, fmt.Sprintf("%s:%d@%d", r.Topic, r.Queue, r.QueueOffset))
		}
		slices.Sort(found)
		s.byKey[k[0]+"#"+k[1]] = found
	}
	return nil
}

// equals says what differs in what the next program found.
func (s *snapshot) equals(found *snapshot) error {
	if err := s.isPrefixOf(found); err != nil {
		return err
	}
	for q, records := range found.queues {
		if len(records) != len(s.queues[q]) {
			return fmt.Errorf("%s:%d has %d messages, had %d", q.topic, q.id, len(records), len(s.queues[q]))
		}
	}
	for _, c := range []struct {
		what      string
		had, have any
	}{
		{"topics", s.topics, found.topics}, {"groups", s.groups, found.groups}, {"committed offsets", s.offsets, found.offsets},
		{"messages by key", s.byKey, found.byKey},
	} {
		if !reflect.DeepEqual(c.had, c.have) {
			return fmt.Errorf("%s are %v, were %v", c.what, c.have, c.had)
		}
	}
	return nil
}

// isPrefixOf says which message of a queue is not where it was; a queue may have more.
func (s *snapshot) isPrefixOf(found *snapshot) error {
	for q, records := range s.queues {
		for offset, want := range records {
			if offset >= len(found.queues[q]) {
				return fmt.Errorf("%s:%d has %d messages, had %d", q.topic, q.id, len(found.queues[q]), len(records))
			}
			if got := found.queues[q][offset]; !bytes.Equal(want, got) {
				return fmt.Errorf("%s:%d@%d is %x, was %x", q.topic, q.id, offset, head(got), head(want))
			}
		}
	}
	return nil
}

// head is as much of a record as a report needs.
func head(record []byte) []byte { return record[:min(len(record), 120)] }
