package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var sendBehaviours = []behaviour{
	{"send, sync: receipt and stored message agree", sendSync},
	{"send, async: every callback, every message once", sendAsync},
	{"send, oneway: arrives", sendOneway},
	{"send, batch: ids, offsets, properties", sendBatch},
	{"send to a chosen queue", sendChosen},
	{"send to an unknown topic creates it", sendUnknown},
	{"body of 1 MiB", sendLarge},
	{"compressed body", sendCompressed},
	{"unicode in body, tags, keys and properties", sendUnicode},
}

func sendSync(s *stage) {
	topic := s.topic("sync", 1)
	m := primitive.NewMessage(topic, []byte("hello")).WithTag("TagA").WithKeys([]string{"key1", "key2"})
	m.Flag = 7
	m.WithProperty("color", "blue")
	r := s.send(m)
	equal("queue", 0, r.MessageQueue.QueueId)
	equal("queue offset", int64(0), r.QueueOffset)
	equal("region", "DefaultRegion", r.RegionID)
	id, err := primitive.UnmarshalMsgID([]byte(r.OffsetMsgID))
	must("offset id", err)
	equal("broker in the offset id", s.broker, fmt.Sprintf("%s:%d", id.Addr, id.Port))

	stored := s.read(s.reader(topic), r.MessageQueue, 1)[0]
	equal("body", "hello", string(stored.Body))
	equal("tags", "TagA", stored.GetTags())
	equal("keys", "key1 key2", strings.TrimSpace(stored.GetKeys()))
	equal("property", "blue", stored.GetProperty("color"))
	equal("unique key", r.MsgID, stored.MsgId)
	equal("offset id", r.OffsetMsgID, stored.OffsetMsgId)
	equal("commit log offset", id.Offset, stored.CommitLogOffset)
	equal("flag", int32(7), stored.Flag)
	equal("store host", s.broker, stored.StoreHost)
}

func sendAsync(s *stage) {
	topic := s.topic("async", 1)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var queue *primitive.MessageQueue // under mu
	var failures []error              // under mu
	var sent []string
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for i := range 200 {
		sent = append(sent, fmt.Sprintf("a%d", i))
		wg.Add(1)
		must("send", s.producer().SendAsync(ctx, func(_ context.Context, r *primitive.SendResult, err error) {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			if err != nil || r.Status != primitive.SendOK {
				failures = append(failures, fmt.Errorf("%v %v", r, err))
				return
			}
			queue = r.MessageQueue
		}, primitive.NewMessage(topic, []byte(sent[i]))))
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(failures) > 0 {
		fail("%d sends failed, first: %v", len(failures), failures[0])
	}
	sameTexts("messages stored", sent, bodies(s.read(s.reader(topic), queue, 200)))
}

func sendOneway(s *stage) {
	topic := s.topic("oneway", 1)
	queue := s.send(primitive.NewMessage(topic, []byte("first"))).MessageQueue
	sent := []string{"first"}
	for i := range 50 {
		sent = append(sent, fmt.Sprintf("o%d", i))
		must("send", s.producer().SendOneWay(context.Background(), primitive.NewMessage(topic, []byte(sent[i+1]))))
	}
	sameTexts("messages stored", sent, bodies(s.read(s.reader(topic), queue, 51)))
}

func sendBatch(s *stage) {
	topic := s.topic("batch", 1)
	var batch []*primitive.Message
	for i := range 20 {
		m := primitive.NewMessage(topic, fmt.Appendf(nil, "b%d", i)).WithTag(fmt.Sprintf("Tag%d", i%3))
		m.WithProperty("index", fmt.Sprint(i))
		batch = append(batch, m)
	}
	r := s.send(batch...)
	ids := strings.Split(r.OffsetMsgID, ",")
	equal("offset ids in the receipt", 20, len(ids))
	equal("offset of the first message", int64(0), r.QueueOffset)
	for i, m := range s.read(s.reader(topic), r.MessageQueue, 20) {
		equal("body", fmt.Sprintf("b%d", i), string(m.Body))
		equal("tags", fmt.Sprintf("Tag%d", i%3), m.GetTags())
		equal("property", fmt.Sprint(i), m.GetProperty("index"))
		equal("offset id", ids[i], m.OffsetMsgId)
	}
	equal("offset after the batch", int64(20), s.send(primitive.NewMessage(topic, []byte("next"))).QueueOffset)
}

func sendChosen(s *stage) {
	topic := s.topic("chosen", 4)
	for queue := range 4 {
		for i := range 3 {
			m := primitive.NewMessage(topic, []byte("x")).WithShardingKey(fmt.Sprint(queue))
			r := s.send(m)
			equal("queue", queue, r.MessageQueue.QueueId)
			equal("queue offset", int64(i), r.QueueOffset)
		}
	}
}

func sendUnknown(s *stage) {
	topic := s.name("unknown")
	r := s.send(primitive.NewMessage(topic, []byte("first")))
	awaitRoute(s.namesrv, topic, 4) // the client's default
	equal("body", "first", string(s.read(s.reader(topic), r.MessageQueue, 1)[0].Body))
}

func sendLarge(s *stage) {
	topic := s.topic("large", 1)
	body := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(body) // does not compress
	r := s.send(primitive.NewMessage(topic, body))
	if !bytes.Equal(body, s.read(s.reader(topic), r.MessageQueue, 1)[0].Body) {
		fail("the body came back changed")
	}
}

func sendCompressed(s *stage) {
	topic := s.topic("compressed", 1)
	body := strings.Repeat("all work and no play ", 5000)
	r := s.send(primitive.NewMessage(topic, []byte(body)))
	stored := s.read(s.reader(topic), r.MessageQueue, 1)[0]
	if string(stored.Body) != body {
		fail("the body came back changed")
	}
	if int(stored.StoreSize) > len(body)/10 {
		fail("stored in %d bytes", stored.StoreSize)
	}
}

func sendUnicode(s *stage) {
	topic := s.topic("unicode", 1)
	text := "grüße, 你好, привет, 😀"
	m := primitive.NewMessage(topic, []byte(text)).WithTag("标签").WithKeys([]string{"ключ"})
	m.WithProperty("имя", text)
	r := s.send(m)
	stored := s.read(s.reader(topic), r.MessageQueue, 1)[0]
	equal("body", text, string(stored.Body))
	equal("tags", "标签", stored.GetTags())
	equal("keys", "ключ", strings.TrimSpace(stored.GetKeys()))
	equal("property", text, stored.GetProperty("имя"))
}
