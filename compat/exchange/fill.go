package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ringmq/compat/raw"
)

// The groups whose offsets and settings are exchanged.
const (
	pushGroup    = "CG_ex_push"    // made by a heartbeat
	settledGroup = "CG_ex_settled" // made by an administrator
)

// topics are what a store of this package holds, with their queues. All but ex_auto are created by request.
var topics = map[string]int{"ex_plain": 4, "ex_tags": 2, "ex_batch": 1, "ex_large": 1, "ex-odd_Name%1": 3, "ex_auto": 4, "ex_light": 1}

// Light queues hold messages of ex_light, and exist by being named.
const (
	lightOne, lightTwo = "%LMQ%ex_one", "%LMQ%ex_two"
	lightGroup         = "%LMQ%CG_ex"
)

// fill writes a phase's messages, offsets, topics and groups, and waits until they can be read.
func fill(ctx context.Context, c *raw.Conn, phase int) error {
	f := &filler{conn: c, phase: phase, want: map[queue]int64{}}
	for _, step := range []func(context.Context) error{
		f.topics, f.plain, f.tags, f.batches, f.large, f.light, f.odd, f.groups, f.offsets,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for q, count := range f.want {
		if err := c.AwaitMaxOffset(ctx, q.topic, q.id, count); err != nil {
			return err
		}
	}
	return f.awaitIndex(ctx)
}

// awaitIndex waits until keys of this phase lead to their messages, the last one written among them.
func (f *filler) awaitIndex(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, k := range [][2]string{
		{"ex_plain", fmt.Sprintf("p%d-7", f.phase)}, {"ex_plain", fmt.Sprintf("Up%d-399", f.phase)},
		{"ex_batch", fmt.Sprintf("b%d-5-24", f.phase)}, {"ex-odd_Name%1", fmt.Sprintf("last%d", f.phase)},
	} {
		for {
			found, err := f.conn.QueryKey(ctx, k[0], k[1], 64)
			if err != nil {
				return fmt.Errorf("look up key %s of %s: %w", k[1], k[0], err)
			}
			if len(found) > 1 {
				return fmt.Errorf("key %s of %s leads to %d messages, want 1", k[1], k[0], len(found))
			}
			if len(found) == 1 {
				break
			}
		}
	}
	return nil
}

type queue struct {
	topic string
	id    int32
}

// filler writes one phase.
type filler struct {
	conn  *raw.Conn
	phase int
	// want is how many messages a queue holds after what was acknowledged.
	want map[queue]int64
}

func (f *filler) topics(ctx context.Context) error {
	for topic, queues := range topics {
		if topic == "ex_auto" {
			continue // the first message creates it
		}
		if err := f.conn.CreateTopic(ctx, topic, queues); err != nil {
			return err
		}
	}
	return f.conn.CreateTopic(ctx, fmt.Sprintf("ex_empty_%d", f.phase), f.phase+1)
}

func (f *filler) send(ctx context.Context, topic string, id int32, body []byte, pairs ...string) error {
	r, err := f.conn.Send(ctx, topic, id, raw.Properties(pairs...), body)
	return f.book(topic, r, 1, err)
}

func (f *filler) book(topic string, r raw.Receipt, count int64, err error) error {
	if err != nil {
		return fmt.Errorf("send to %s: %w", topic, err)
	}
	q := queue{topic, r.Queue}
	if before, ok := f.want[q]; ok && before != r.QueueOffset {
		return fmt.Errorf("%s:%d gave offset %d where %d was next", topic, r.Queue, r.QueueOffset, before)
	}
	f.want[q] = r.QueueOffset + count
	return nil
}

func (f *filler) plain(ctx context.Context) error {
	for i := range 400 {
		key := fmt.Sprintf("p%d-%d", f.phase, i)
		body := bytes.Repeat([]byte{byte(i)}, i*7%1500)
		if err := f.send(ctx, "ex_plain", int32(i%4), append(body, key...), "KEYS", key, "UNIQ_KEY", "U"+key, "n", strconv.Itoa(i)); err != nil {
			return err
		}
	}
	for i := range 8 {
		if err := f.send(ctx, "ex_auto", int32(i%4), []byte("auto"), "KEYS", "auto"); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) tags(ctx context.Context) error {
	for i := range 60 {
		tag := []string{"TagA", "标签", "Aa", "BB", strings.Repeat("long", 20)}[i%5]
		if err := f.send(ctx, "ex_tags", int32(i%2), []byte(tag), "TAGS", tag, "KEYS", "tags "+tag, "имя", "значение 😀"); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) batches(ctx context.Context) error {
	for b := range 6 {
		var batch []raw.BatchMessage
		for i := range 25 {
			key := fmt.Sprintf("b%d-%d-%d", f.phase, b, i)
			batch = append(batch, raw.BatchMessage{Properties: raw.Properties("UNIQ_KEY", key, "TAGS", "batch"), Body: []byte(key)})
		}
		r, err := f.conn.SendBatch(ctx, "ex_batch", 0, batch)
		if err := f.book("ex_batch", r, int64(len(batch)), err); err != nil {
			return err
		}
	}
	return nil
}

// large writes enough to pass the ends of several small files, and bodies that leave holes there.
func (f *filler) large(ctx context.Context) error {
	for i := range 20 {
		if err := f.send(ctx, "ex_large", 0, bytes.Repeat([]byte{byte(i), byte(f.phase)}, 50_000+i*5_000)); err != nil {
			return err
		}
	}
	return nil
}

// light writes messages for light queues: every one for the second, every third for the first, too.
func (f *filler) light(ctx context.Context) error {
	for i := range 90 {
		names := lightTwo
		if i%3 == 0 {
			names = lightOne + "," + lightTwo
		}
		if err := f.send(ctx, "ex_light", 0, fmt.Appendf(nil, "l%d-%d", f.phase, i), "INNER_MULTI_DISPATCH", names); err != nil {
			return err
		}
	}
	f.want[queue{lightOne, 0}], f.want[queue{lightTwo, 0}] = int64(f.phase+1)*30, int64(f.phase+1)*90
	return nil
}

// odd writes what is rare: no body, no properties, flags, a compressed mark, a born time of long ago.
func (f *filler) odd(ctx context.Context) error {
	const topic = "ex-odd_Name%1"
	for id := range int32(3) {
		ext := raw.SendExt(topic, id, raw.Properties("EMPTY", "", "KEYS", "odd"))
		ext["flag"], ext["sysFlag"], ext["bornTimestamp"] = "-2147483648", "1", "1"
		reply, err := f.conn.Want(ctx, raw.CodeSend, ext, []byte{0x78})
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(reply.Ext["queueOffset"], 10, 64)
		if err != nil {
			return err
		}
		f.want[queue{topic, id}] = offset + 1
	}
	return f.send(ctx, topic, 0, []byte("x"), "KEYS", fmt.Sprintf("last%d", f.phase))
}

func (f *filler) groups(ctx context.Context) error {
	if err := f.conn.Heartbeat(ctx, "exchange", pushGroup, "ex_plain"); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"groupName": settledGroup, "consumeEnable": true, "consumeFromMinEnable": false, "consumeBroadcastEnable": false,
		"retryQueueNums": 3, "retryMaxTimes": 7 + f.phase, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1, "notifyConsumerIdsChangedEnable": true,
	})
	if err != nil {
		return err
	}
	_, err = f.conn.Want(ctx, raw.CodeUpdateGroup, nil, body)
	return err
}

// committed is where a group stands in a queue after a phase.
func committed(phase int, id int32) int64 { return int64(phase*50) + int64(id) + 1 }

func (f *filler) offsets(ctx context.Context) error {
	for _, name := range []string{lightOne, lightTwo} { // first: the others are waited for on the disk
		if err := f.conn.CommitOffset(ctx, lightGroup, name, 0, committed(f.phase, 0)); err != nil {
			return err
		}
	}
	for _, group := range []string{pushGroup, settledGroup} {
		for id := range int32(4) {
			if err := f.conn.CommitOffset(ctx, group, "ex_plain", id, committed(f.phase, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitOffsetsOnDisk waits until the program has written the committed offsets: what a kill -9 leaves of them is
// what stood in the file, and the Java broker writes it first after 10 s.
func (e *exchange) awaitOffsetsOnDisk(ctx context.Context) error {
	file := filepath.Join(e.Store, "config", "lmqConsumerOffset.json") // with enableLmq all are there
	for {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if offsetsIn(string(text), pushGroup) == e.want.offsets[pushGroup] && offsetsIn(string(text), settledGroup) == e.want.offsets[settledGroup] {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not hold the committed offsets: %w: %s", file, ctx.Err(), text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// offsetsIn returns a group's offsets of ex_plain as the file shows them, without blanks: 0:1,1:2,2:3,3:4.
func offsetsIn(text, group string) string {
	_, rest, _ := strings.Cut(strings.Join(strings.Fields(text), ""), `"ex_plain@`+group+`":{`)
	offsets, _, _ := strings.Cut(rest, "}")
	return offsets
}
