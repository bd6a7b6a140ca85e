package main

import (
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// What was stored is found again: by key, id, place and time.
var queryBehaviours = []behaviour{
	{"query: message by offset id", viewMessage},
	{"query: messages by key", queryKey},
	{"query: message by unique key", queryUniqueKey},
	{"query: consume queue and time span", consumeQueue},
	{"offsets: minimum, maximum and by time", offsetsByTime},
}

const (
	queryMessage       = 12
	searchOffsetByTime = 29
	maxOffset          = 30
	minOffset          = 31
	earliestStoreTime  = 32
	viewMessageByID    = 33
	queryConsumeSpan   = 303
	queryConsumeQueue  = 321
)

func viewMessage(s *stage) {
	topic := s.topic("view", 1)
	sent := s.send(primitive.NewMessage(topic, []byte("seen")))
	id, err := primitive.UnmarshalMsgID([]byte(sent.OffsetMsgID))
	must("offset id", err)
	found := s.want(viewMessageByID, map[string]string{"offset": fmt.Sprint(id.Offset)}, nil).messages()
	equal("messages", 1, len(found))
	equal("body", "seen", string(found[0].Body))
	equal("unique key", sent.MsgID, found[0].MsgId)
}

// byKey asks for the messages with a key until there are as many as told.
func byKey(s *stage, topic, key string, count int, unique bool) (found []*primitive.MessageExt) {
	fields := map[string]string{
		"topic": topic, "key": key, "maxNum": "32", "beginTimestamp": "0", "endTimestamp": fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()),
		"_UNIQUE_KEY_QUERY": fmt.Sprint(unique),
	}
	await(soon, func() string { return fmt.Sprintf("%d messages with key %s, but there are %d", count, key, len(found)) }, func() bool {
		a, err := ask(s.broker, queryMessage, fields)
		must("query", err)
		found = nil
		if a.Code == 0 {
			found = a.messages()
		}
		return len(found) == count
	})
	return found
}

func queryKey(s *stage) {
	topic := s.topic("byKey", 2)
	for i := range 6 {
		s.send(primitive.NewMessage(topic, fmt.Append(nil, "k", i)).WithKeys([]string{fmt.Sprint("key", i%2), "all"}))
	}
	sameTexts("messages with key1", []string{"k1", "k3", "k5"}, bodies(byKey(s, topic, "key1", 3, false)))
	byKey(s, topic, "all", 6, false)
	a, err := ask(s.broker, queryMessage, map[string]string{
		"topic": topic, "key": "nobody", "maxNum": "32", "beginTimestamp": "0", "endTimestamp": "9223372036854775807"})
	must("query", err)
	equal("answer for a key without messages", "22 can not find message, maybe time range not correct", fmt.Sprint(a.Code, " ", a.Remark))
}

func queryUniqueKey(s *stage) {
	topic := s.topic("byID", 1)
	s.fill(topic, "other", 3)
	sent := s.send(primitive.NewMessage(topic, []byte("mine")))
	found := byKey(s, topic, sent.MsgID, 1, true)
	equal("body", "mine", string(found[0].Body))
	equal("offset id", sent.OffsetMsgID, found[0].OffsetMsgId)
}

func consumeQueue(s *stage) {
	topic, group := s.topic("queue", 1), s.name("CG")
	collect(s.pushConsumer(group), topic, "*").getsExactly("the consumer", s.fill(topic, "q", 5))
	var body struct {
		QueueData []struct {
			TagsCode int64 `json:"tagsCode"`
		} `json:"queueData"`
		Min int64 `json:"minQueueIndex"`
		Max int64 `json:"maxQueueIndex"`
	}
	s.want(queryConsumeQueue, map[string]string{
		"topic": topic, "queueId": "0", "index": "1", "count": "3", "consumerGroup": group}, nil).json(&body)
	equal("entries", 3, len(body.QueueData))
	equal("span", "0 5", fmt.Sprint(body.Min, " ", body.Max))
	equal("tag's hash code", int64(3143043), body.QueueData[0].TagsCode) // "fill".hashCode()
	await(soon, func() string { return "a time span of " + group }, func() bool {
		a, err := ask(s.broker, queryConsumeSpan, map[string]string{"topic": topic, "group": group})
		must("ask for the time span", err)
		var spans struct {
			Set []struct {
				Min   int64 `json:"minTimeStamp"`
				Delay int64 `json:"delayTime"`
			} `json:"consumeTimeSpanSet"`
		}
		a.json(&spans)
		return len(spans.Set) == 1 && spans.Set[0].Min > 0 && spans.Set[0].Delay == 0
	})
}

func offsetsByTime(s *stage) {
	topic := s.topic("byTime", 1)
	at := func(code int, stamp int64) int64 {
		field := "offset"
		if code == earliestStoreTime {
			field = "timestamp"
		}
		return s.want(code, map[string]string{"topic": topic, "queueId": "0", "timestamp": fmt.Sprint(stamp)}, nil).number(field)
	}
	equal("maximum offset of an empty queue", 0, at(maxOffset, 0))
	var queue *primitive.MessageQueue
	for i := range 5 {
		queue = s.send(primitive.NewMessage(topic, fmt.Append(nil, "t", i))).MessageQueue
		time.Sleep(40 * time.Millisecond)
	}
	stored := s.read(s.reader(topic), queue, 5)
	equal("maximum offset", 5, at(maxOffset, 0))
	equal("minimum offset", 0, at(minOffset, 0))
	equal("earliest store time", stored[0].StoreTimestamp, at(earliestStoreTime, 0))
	for i, m := range stored {
		equal(fmt.Sprint("offset of the time of message ", i), int64(i), at(searchOffsetByTime, m.StoreTimestamp))
		equal(fmt.Sprint("offset just after message ", i), int64(i), at(searchOffsetByTime, m.StoreTimestamp+5))
	}
	equal("offset of a time before all", 0, at(searchOffsetByTime, stored[0].StoreTimestamp-100_000))
	equal("offset of a time after all", 4, at(searchOffsetByTime, stored[4].StoreTimestamp+100_000))
}
