package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"ringmq/compat/raw"
)

var headerAttacks = []attack{
	{name: "JSON headers of wrong types", run: both(wrongJSON)},
	{name: "JSON nested 100,000 deep", run: both(deepJSON)},
	{name: "header fields that are no numbers", run: wrongFields},
	{name: "missing header fields", run: missingFields},
	{name: "numbers at the edges", javaFails: "dispatches nothing any more after a message with the sysFlag −1", run: edgeNumbers},
	{name: "bodies that are not what the request needs", run: wrongBodies},
}

// text makes a frame with this text as its JSON header.
func text(header string) []byte {
	n := uint32(len(header))
	return frame(4+n, n, []byte(header))
}

func wrongJSON(_ context.Context, s *suite, addr string) error {
	fair := []end{closed, answered, silent} // lenient parsers make something of most of it
	var rows []poke
	for _, header := range []string{
		`[]`, `null`, `"text"`, `1`, `{`, `{"code":"x","opaque":1}`, `{"code":[],"opaque":{}}`, `{"code":1e999,"opaque":1}`,
		`{"code":99999999999,"opaque":99999999999}`, `{"code":9999,"extFields":[1,2],"opaque":1}`, `{"code":9999,"extFields":{"a":{"b":1}},"opaque":1}`,
		`{"code":9999,"extFields":"text","opaque":1}`, `{"code":9999,"language":7,"opaque":1}`, `{"code":9999,"remark":{"a":1},"opaque":1}`,
		"{\"code\":9999,\"opaque\":1,\"x\":\"\xff\xfe\"}", `{"code":9999,"opaque":1,"@type":"java.lang.Runtime"}`,
		`{"code":9999,"opaque":1,"extFields":{"a":"\ud800"}}`, `{"$ref":"$","code":9999}`,
	} {
		rows = append(rows, poke{header, text(header), fair})
	}
	return s.pokeAll(addr, rows)
}

func deepJSON(_ context.Context, s *suite, addr string) error {
	const depth = 100_000
	return s.pokeAll(addr, []poke{
		{"arrays", text(`{"code":9999,"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`), []end{closed, answered, silent}},
		{"objects", text(strings.Repeat(`{"a":`, depth)), []end{closed}},
		{"open arrays", text(strings.Repeat(`[`, depth)), []end{closed}},
	})
}

// requests are honest requests of a broker, to be spoiled field by field.
func requests() map[int]map[string]string {
	queue := map[string]string{"topic": honestTopic, "queueId": "0"}
	with := func(base map[string]string, pairs ...string) map[string]string {
		m := maps.Clone(base)
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	group := with(queue, "consumerGroup", "CG_hostile")
	return map[int]map[string]string{
		raw.CodeSend: raw.SendExt(honestTopic, 0, ""),
		raw.CodePull: with(group, "queueOffset", "0", "maxMsgNums", "1", "sysFlag", "4", "commitOffset", "0", "suspendTimeoutMillis", "0",
			"subscription", "*", "subVersion", "0", "expressionType", "TAG"),
		raw.CodeQueryOffset:  group,
		raw.CodeUpdateOffset: with(group, "commitOffset", "1"),
		raw.CodeMaxOffset:    queue,
		raw.CodeMinOffset:    queue,
		29:                   with(queue, "timestamp", "1"),
		32:                   queue,
		raw.CodeViewMessage:  {"offset": "0"},
		raw.CodeSendBack:     {"offset": "0", "group": "CG_hostile", "delayLevel": "1"},
		raw.CodeQueryMessage: {"topic": honestTopic, "key": "k", "maxNum": "1", "beginTimestamp": "0", "endTimestamp": "1"},
	}
}

// numbers are fields that hold a number.
var numbers = map[string]bool{
	"queueId": true, "sysFlag": true, "flag": true, "bornTimestamp": true, "reconsumeTimes": true, "defaultTopicQueueNums": true,
	"queueOffset": true, "maxMsgNums": true, "commitOffset": true, "suspendTimeoutMillis": true, "subVersion": true, "timestamp": true,
	"offset": true, "delayLevel": true, "maxNum": true, "beginTimestamp": true, "endTimestamp": true,
}

// each sends every request once for each of its fields, changed by spoil, and wants any answer to come.
func (s *suite) each(ctx context.Context, spoil func(ext map[string]string, field string) []map[string]string) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	for code, ext := range requests() {
		for field := range ext {
			for _, spoiled := range spoil(maps.Clone(ext), field) {
				if c, err = s.ask(ctx, c, code, spoiled, []byte("x")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ask wants an answer or a closed connection, and returns a connection to go on with.
func (s *suite) ask(ctx context.Context, c *raw.Conn, code int, ext map[string]string, body []byte) (*raw.Conn, error) {
	s.sent.add(len(body) + 300)
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.Call(call, code, ext, body)
	switch {
	case err == nil:
		return c, nil
	case call.Err() != nil:
		return c, fmt.Errorf("no answer to request code %d with %.300q", code, ext)
	}
	c.Close()
	return raw.Dial(ctx, s.broker.Addr)
}

func wrongFields(ctx context.Context, s *suite) error {
	return s.each(ctx, func(ext map[string]string, field string) []map[string]string {
		if !numbers[field] {
			return nil
		}
		var out []map[string]string
		for _, wrong := range []string{"abc", "1.5", "", "0x10", " 1", "9223372036854775808", strings.Repeat("9", 1000)} {
			spoiled := maps.Clone(ext)
			spoiled[field] = wrong
			out = append(out, spoiled)
		}
		return out
	})
}

func missingFields(ctx context.Context, s *suite) error {
	return s.each(ctx, func(ext map[string]string, field string) []map[string]string {
		delete(ext, field)
		return []map[string]string{ext}
	})
}

func edgeNumbers(ctx context.Context, s *suite) error {
	return s.each(ctx, func(ext map[string]string, field string) []map[string]string {
		if !numbers[field] || field == "suspendTimeoutMillis" {
			return nil
		}
		var out []map[string]string
		for _, edge := range []int64{-1, math.MinInt32, math.MaxInt32, math.MinInt64, math.MaxInt64, 1 << 40} {
			spoiled := maps.Clone(ext)
			spoiled[field] = strconv.FormatInt(edge, 10)
			out = append(out, spoiled)
		}
		return out
	})
}

// bodied are requests of a broker that carry a body, with the header fields they need.
var bodied = map[int]map[string]string{
	raw.CodeHeartbeat: nil, 41: nil, 42: nil, raw.CodeUpdateGroup: nil, 46: nil,
	raw.CodeSendBatch: {"a": "PG", "b": honestTopic, "c": "TBW102", "d": "4", "e": "0", "f": "0", "g": "1", "h": "0", "j": "0", "k": "false", "m": "true"},
}

func wrongBodies(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	batch := func(words ...uint32) []byte {
		var b []byte
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		return b
	}
	bodies := map[string][]byte{
		"nothing": nil, "an empty array": []byte("[]"), "half an object": []byte(`{"clientID":`), "noise": []byte("\x00\xff\x16garbage"),
		"wrong types":                          []byte(`{"clientID":{},"consumerDataSet":{"a":1},"producerDataSet":7,"mqSet":"x","groupName":[1],"retryQueueNums":"x"}`),
		"deep":                                 []byte(strings.Repeat("[", 50_000)),
		"a batch of lying sizes":               batch(1<<31-1, 0, 0, 0, 10, 0),
		"a batch of size 0":                    batch(0, 0, 0, 0, 0, 0),
		"a batch of size −1":                   batch(1<<32-1, 0, 0, 0, 1<<32-1, 0),
		"a batch with half a head":             batch(100, 0),
		"a batch whose body is longer than it": batch(26, 0, 0, 0, 1<<20, 0, 0),
		"null":                                 []byte("null"), "a number": []byte("12"),
	}
	for code, ext := range bodied {
		for _, body := range bodies {
			if c, err = s.ask(ctx, c, code, ext, body); err != nil {
				return err
			}
		}
	}
	return nil
}
