package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// TestSelect: each way of asking gives what reading everything and looking gives.
func TestSelect(t *testing.T) {
	dir := makeStore(t, 300)
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	all := selected(t, s, Selection{Queue: -1})
	require.Len(t, all, 300)
	queued := func(m Message) bool { return m.SysFlag&message.FlagTransaction&^message.TransactionCommit == 0 }
	for name, c := range map[string]struct {
		sel  Selection
		want func(m Message) bool
	}{
		"topic":         {Selection{Topic: "Topic1", Queue: -1}, func(m Message) bool { return m.Topic == "Topic1" }},
		"no such topic": {Selection{Topic: "None", Queue: -1}, func(Message) bool { return false }},
		"no such queue": {Selection{Topic: "Topic1", Queue: 9}, func(Message) bool { return false }},
		"queue":         {Selection{Topic: "Topic1", Queue: 1}, func(m Message) bool { return m.Topic == "Topic1" && m.QueueID == 1 && queued(m) }},
		"waiting":       {Selection{Topic: engine.ScheduleTopic, Queue: 2}, func(m Message) bool { return m.Topic == engine.ScheduleTopic }},
		"offsets": {Selection{Topic: "Topic1", Queue: 1, HasOffsets: true, Offsets: [2]message.QueueOffset{3, 7}}, func(m Message) bool {
			return m.Topic == "Topic1" && m.QueueID == 1 && queued(m) && m.QueueOffset >= 3 && m.QueueOffset <= 7
		}},
		"offsets of all":  {Selection{Queue: -1, HasOffsets: true, Offsets: [2]message.QueueOffset{0, 0}}, func(m Message) bool { return m.QueueOffset == 0 && queued(m) }},
		"to the end":      {Selection{Topic: "Topic0", Queue: 0, HasOffsets: true, Offsets: [2]message.QueueOffset{30, 1 << 62}}, func(m Message) bool { return m.Topic == "Topic0" && m.QueueID == 0 && queued(m) && m.QueueOffset >= 30 }},
		"key":             {Selection{Topic: "Topic0", Queue: -1, Key: "order33"}, func(m Message) bool { return strings.HasPrefix(m.Properties["KEYS"], "order33 ") }},
		"key without":     {Selection{Queue: -1, Key: "customer3"}, func(m Message) bool { return strings.HasSuffix(m.Properties["KEYS"], " customer3") }},
		"unique key":      {Selection{Topic: "Topic2", Queue: -1, UniqueKey: fmt.Sprintf("%032X", 44)}, func(m Message) bool { return m.Properties["UNIQ_KEY"] == fmt.Sprintf("%032X", 44) }},
		"unique, by scan": {Selection{Topic: "Topic2", Queue: -1, UniqueKey: fmt.Sprintf("%032X", 44), Scan: true}, func(m Message) bool { return m.Properties["UNIQ_KEY"] == fmt.Sprintf("%032X", 44) }},
		"from":            {Selection{Queue: -1, From: 1_700_000_020_500}, func(m Message) bool { return m.StoreTimestamp >= 1_700_000_020_500 }},
		"to":              {Selection{Queue: -1, To: 1_700_000_010_000}, func(m Message) bool { return m.StoreTimestamp <= 1_700_000_010_000 }},
		"from to": {Selection{Queue: -1, From: 1_700_000_010_000, To: 1_700_000_011_000}, func(m Message) bool {
			return m.StoreTimestamp >= 1_700_000_010_000 && m.StoreTimestamp <= 1_700_000_011_000
		}},
	} {
		var want []Message
		for _, m := range all {
			if c.want(m) {
				want = append(want, m)
			}
		}
		require.Equal(t, want, selected(t, s, c.sel), name)
		if len(want) > 1 {
			c.sel.Limit = len(want) - 1
			require.Equal(t, want[:len(want)-1], selected(t, s, c.sel), name)
		}
	}
	require.NotEmpty(t, all[8].BornHost)
	require.Equal(t, "message 8 ........", *all[8].Body)
	require.Contains(t, all[8].StoreHost, "2001:db8::2")

	failed := errors.New("no more")
	err = s.Select(context.Background(), Selection{Queue: -1}, nil, func([]byte, *message.Record) error { return failed })
	require.ErrorIs(t, err, failed)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, sel := range []Selection{{Queue: -1}, {Topic: "Topic1", Queue: 1}} {
		require.ErrorIs(t, s.Select(ctx, sel, nil, func([]byte, *message.Record) error { return nil }), context.Canceled)
	}
}

// TestSelectOverDamage: damage is told, and the rest is found.
func TestSelectOverDamage(t *testing.T) {
	dir := makeStore(t, 100)
	damage(t, dir, []string{"flip", "commitlog/" + strings.Repeat("0", 20), "90", "1"})
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	for _, sel := range []Selection{{Queue: -1}, {Topic: "Topic0", Queue: 0}, {Topic: "Topic0", Queue: -1, UniqueKey: strings.Repeat("0", 32)}} {
		var told []Problem
		n := 0
		require.NoError(t, s.Select(context.Background(), sel, func(p Problem) { told = append(told, p) }, func([]byte, *message.Record) error { n++; return nil }))
		require.Len(t, told, 1)
		require.Contains(t, told[0].String(), "BODYCRC")
		require.Equal(t, map[bool]int{true: 0, false: n}[sel.UniqueKey != ""], n)
	}
	raw, wrong, err := s.Look(0)
	require.NoError(t, err)
	require.ErrorContains(t, wrong, "BODYCRC")
	cells, err := Cells(raw)
	require.NoError(t, err)
	require.Len(t, cells, len(message.Layout))
	_, wrong, err = s.Look(1)
	require.NoError(t, err)
	require.Error(t, wrong)
	_, _, err = s.Look(1 << 40)
	require.ErrorContains(t, err, "outside")
}

func TestOffsets(t *testing.T) {
	dir := makeStore(t, 100)
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	o, err := s.Offsets("", "")
	require.NoError(t, err)
	require.Equal(t, []QueueRange{
		{engine.ScheduleTopic, 2, 0, 10}, {"Topic0", 0, 0, 13}, {"Topic0", 1, 0, 11}, {"Topic1", 0, 0, 13}, {"Topic1", 1, 0, 10}, {"Topic2", 0, 0, 14}, {"Topic2", 1, 0, 9},
	}, o.Queues)
	require.Equal(t, []GroupOffset{
		{"CG", "%RETRY%CG", 0, 0, 0, 0}, {"CG", "Topic0", 0, 3, 13, 10}, {"CG", "Topic0", 1, 5, 11, 6}, {"CG", "Topic1", 0, 2, 13, 11},
	}, o.Groups)
	require.Equal(t, []DelayOffset{{3, 1, 10, 9}}, o.Delays)
	o, err = s.Offsets("Topic0", "CG")
	require.NoError(t, err)
	require.Len(t, o.Queues, 2)
	require.Len(t, o.Groups, 2)
	o, err = s.Offsets("", "other")
	require.NoError(t, err)
	require.Empty(t, o.Groups)

	require.NoError(t, os.WriteFile(filepath.Join(dir, configName, offsetsFile), []byte(`{"offsetTable":{`), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, configName, delaysFile)))
	o, err = s.Offsets("", "")
	require.NoError(t, err)
	require.Len(t, o.Groups, 1, "from the .bak")
	require.Equal(t, []string{"config/delayOffset.json does not exist"}, o.Missing)
}

// TestOffsetsOfExpired: a queue begins where the log does.
func TestOffsetsOfExpired(t *testing.T) {
	dir := makeStore(t, 300)
	require.NoError(t, os.Remove(filepath.Join(dir, engine.CommitLogName, strings.Repeat("0", 20))))
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	o, err := s.Offsets("Topic1", "")
	require.NoError(t, err)
	for _, q := range o.Queues {
		list := selected(t, s, Selection{Topic: q.Topic, Queue: q.Queue})
		require.Equal(t, q.Min, list[0].QueueOffset)
		require.Equal(t, q.Max, list[len(list)-1].QueueOffset+1)
		require.Positive(t, q.Min)
	}
	r, lines := check(t, dir, CheckOptions{})
	require.Zero(t, r.Problems, lines)
}

// TestLightQueues: their entries are checked, too.
func TestLightQueues(t *testing.T) {
	dir := unpack(t, "light")
	damage(t, dir, []string{"flip", "consumequeue/%LMQ%a/0/" + strings.Repeat("0", 20), "29", "1"})
	_, lines := check(t, dir, CheckOptions{})
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "consumequeue/%LMQ%a/0/00000000000000000000:20: entry at queue offset 1: want")
}
