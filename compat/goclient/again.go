package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// Messages that are tried again or wait, beyond what the stock client lets its users say.
var againBehaviours = []behaviour{
	{"retry: counted in the statistics", retryCounted}, // the longest
	{"retry, orderly: after the last try the message is in the dead letter topic", orderlyDead},
	{"retry: without a maximum in the request the group's counts", groupMaximum},
	{"retry: a message that is not there cannot be given back", backFromNowhere},
	{"delay: messages of one level keep their order", delayedOrder},
	{"delay: level 0 and a negative one do not wait", undelayed},
	{"delay: a level beyond the last counts as the last", lastLevel},
	{"timer: TIMER_DELAY_MS, TIMER_DELAY_SEC and TIMER_DELIVER_MS come at their moment", timers},
	{"SQL92: an expression that does not parse is refused at the start", sqlRefused},
	{"SQL92, pull: the expression comes with the pull", sqlPull},
	{"tags: equal hash codes are told apart", collidingTags},
	{"unit mode: topics are marked", unitMode},
	{"request, async: the callback gets the reply", requestAsync},
}

const (
	sendMessage  = 10
	pullMessage  = 11
	brokerConfig = 26
	sendBack     = 36
	checkClient  = 46
	viewStats    = 315
)

func retryCounted(s *stage) {
	topic, group := s.topic("counted", 1), s.name("CG")
	got := listen(s.pushConsumer(group), topic, tagged("*"), 1)
	s.fill(topic, "r", 3)
	await(2*soon, func() string { return "six tries" }, func() bool { return len(got.all()) >= 6 })
	await(100*time.Second, func() string { return "three messages given back in SNDBCK_PUT_NUMS" }, func() bool {
		time.Sleep(time.Second)
		a, err := ask(s.broker, viewStats, map[string]string{"statsName": "SNDBCK_PUT_NUMS", "statsKey": topic + "@" + group})
		must("ask for statistics", err)
		var body struct {
			Minute struct {
				Sum int64 `json:"sum"`
			} `json:"statsMinute"`
		}
		return a.Code == 0 && json.Unmarshal(a.body, &body) == nil && body.Minute.Sum == 3
	})
}

func orderlyDead(s *stage) {
	topic, group := s.topic("orderlyDead", 1), s.name("CG")
	c := s.pushConsumer(group, consumer.WithConsumerOrder(true), consumer.WithMaxReconsumeTimes(1),
		consumer.WithSuspendCurrentQueueTimeMillis(100*time.Millisecond))
	must("subscribe", c.Subscribe(topic, tagged("*"),
		func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			return consumer.SuspendCurrentQueueAMoment, nil
		}))
	must("start of the consumer", c.Start())
	sent := s.send(primitive.NewMessage(topic, []byte("d0")))
	dead := "%DLQ%" + group
	awaitRouteWithin(soon, s.namesrv, dead, 1)
	got := s.read(s.reader(dead), &primitive.MessageQueue{Topic: dead, BrokerName: sent.MessageQueue.BrokerName}, 1)
	equal("dead letter", "d0", string(got[0].Body))
}

// back gives the message at an offset back to a group, without a maximum of tries.
func (s *stage) back(group string, offset int64, level int, more map[string]string) *answer {
	fields := map[string]string{
		"offset": fmt.Sprint(offset), "group": group, "delayLevel": fmt.Sprint(level), "originMsgId": "x", "originTopic": "x", "unitMode": "false"}
	for name, value := range more {
		fields[name] = value
	}
	a, err := ask(s.broker, sendBack, fields)
	must("give back", err)
	return a
}

func offsetOf(r *primitive.SendResult) int64 {
	id, err := primitive.UnmarshalMsgID([]byte(r.OffsetMsgID))
	must("offset id", err)
	return id.Offset
}

func groupMaximum(s *stage) {
	topic, group := s.topic("maximum", 1), s.name("CG")
	s.configure(group, map[string]any{"retryMaxTimes": 0})
	sent := s.send(primitive.NewMessage(topic, []byte("m")))
	equal("code", 0, s.back(group, offsetOf(sent), 1, map[string]string{"maxReconsumeTimes": "1"}).Code)
	equal("code", 0, s.back(group, offsetOf(sent), 1, nil).Code)
	for _, name := range []string{"%DLQ%" + group, "%RETRY%" + group} { // the one without a maximum, and the one with
		awaitRoute(s.namesrv, name, 1)
		got := s.read(s.reader(name), &primitive.MessageQueue{Topic: name, BrokerName: sent.MessageQueue.BrokerName}, 1)
		equal("body in "+name, "m", string(got[0].Body))
		equal("tries in "+name, int32(1), got[0].ReconsumeTimes)
	}
}

func backFromNowhere(s *stage) {
	a := s.back(s.name("CG"), 1<<50, 0, nil)
	equal("answer", fmt.Sprint("1 look message by offset failed, ", int64(1)<<50), fmt.Sprint(a.Code, " ", a.Remark))
}

func delayedOrder(s *stage) {
	topic := s.topic("delayedOrder", 1)
	var sent []string
	var queue *primitive.MessageQueue
	for i := range 100 {
		sent = append(sent, fmt.Sprint("d", i))
		queue = s.send(primitive.NewMessage(topic, []byte(sent[i])).WithDelayTimeLevel(1)).MessageQueue
	}
	equal("order", fmt.Sprint(sent), fmt.Sprint(bodies(s.read(s.reader(topic), queue, 100))))
}

func undelayed(s *stage) {
	topic := s.topic("undelayed", 1)
	var queue *primitive.MessageQueue
	for _, level := range []int{0, -1} {
		queue = s.send(primitive.NewMessage(topic, fmt.Append(nil, "level ", level)).WithDelayTimeLevel(level)).MessageQueue
	}
	equal("messages", "[level 0 level -1]", fmt.Sprint(bodies(s.read(s.reader(topic), queue, 2))))
}

// lastLevel: the broker's last level, the 19th, is one of two seconds.
func lastLevel(s *stage) {
	topic := s.topic("beyond", 1)
	sent := time.Now()
	r := s.send(primitive.NewMessage(topic, []byte("beyond")).WithDelayTimeLevel(99))
	s.read(s.reader(topic), r.MessageQueue, 1)
	if took := time.Since(sent); took < 1900*time.Millisecond {
		fail("it came after %v", took)
	}
}

func timers(s *stage) {
	if !strings.Contains(string(s.want(brokerConfig, nil, nil).body), "timerWheelEnable=true") {
		panic(skipped("the broker does not serve timer messages"))
	}
	topic := s.topic("timers", 1)
	sent := time.Now()
	var queue *primitive.MessageQueue
	for property, value := range map[string]int64{"TIMER_DELAY_SEC": 2, "TIMER_DELAY_MS": 2500, "TIMER_DELIVER_MS": sent.UnixMilli() + 3000} {
		m := primitive.NewMessage(topic, []byte(property))
		m.WithProperty(property, fmt.Sprint(value))
		queue = s.send(m).MessageQueue
	}
	for _, m := range s.read(s.reader(topic), queue, 3) {
		// RocketMQ 5 rounds down to the second.
		if took := m.StoreTimestamp - sent.UnixMilli(); took < 1000 || took > 6000 {
			fail("%s came after %d ms", m.Body, took)
		}
	}
}

func sqlRefused(s *stage) {
	check := func(expression string) int {
		a, err := askWith(s.broker, checkClient, nil, map[string]any{"clientId": "c", "group": s.name("CG"), "subscriptionData": map[string]any{
			"topic": "T", "subString": expression, "expressionType": "SQL92", "subVersion": 1, "tagsSet": []string{}, "codeSet": []int{}, "classFilterMode": false}})
		must("check", err)
		return a.Code
	}
	equal("code for what parses", 0, check("a > 5 AND b IS NOT NULL"))
	for _, wrong := range []string{"a >", "a > 'x'", "a BETWEEN 5 AND 1", "(a = 1"} {
		equal("code for "+wrong, 23, check(wrong))
	}
}

func sqlPull(s *stage) {
	topic := s.topic("sqlPull", 1)
	for i := range 10 {
		m := primitive.NewMessage(topic, fmt.Append(nil, "m", i))
		m.WithProperty("a", fmt.Sprint(i))
		s.send(m)
	}
	await(soon, func() string { return "m7 m8 m9 by an expression in the pull" }, func() bool {
		a := s.want(pullMessage, map[string]string{
			"consumerGroup": s.name("CG"), "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "32", "sysFlag": "4",
			"commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "a > 6", "subVersion": "1", "expressionType": "SQL92"}, nil)
		return fmt.Sprint(bodies(a.messages())) == "[m7 m8 m9]"
	})
}

func collidingTags(s *stage) {
	topic := s.topic("colliding", 1)
	got := collect(s.pushConsumer(s.name("CG")), topic, "Aa")
	for range 10 {
		s.send(primitive.NewMessage(topic, []byte("other")).WithTag("BB")) // has the same hash code
	}
	s.send(primitive.NewMessage(topic, []byte("mine")).WithTag("Aa"))
	got.getsExactly("the consumer", []string{"mine"})
}

// unitMode: the client cannot be told, so the requests that it would send are sent.
func unitMode(s *stage) {
	topic, group := s.name("unit"), s.name("CG")
	sent := s.want(sendMessage, map[string]string{
		"producerGroup": "PG", "topic": topic, "defaultTopic": "TBW102", "defaultTopicQueueNums": "1", "queueId": "0", "sysFlag": "0",
		"bornTimestamp": fmt.Sprint(time.Now().UnixMilli()), "flag": "0", "properties": "", "reconsumeTimes": "0", "unitMode": "true", "batch": "false",
	}, []byte("unit"))
	flag := func(name string) int {
		data, err := routeOf(s.namesrv, name)
		must("route", err)
		return data.TopicSysFlag
	}
	await(soon, func() string { return "a marked topic" }, func() bool { return flag(topic) == 1 })
	id, err := primitive.UnmarshalMsgID([]byte(sent.Ext["msgId"]))
	must("offset id", err)
	equal("code", 0, s.back(group, id.Offset, 1, map[string]string{"unitMode": "true"}).Code)
	await(soon, func() string { return "a marked retry topic" }, func() bool { return flag("%RETRY%"+group) == 2 })
}

func requestAsync(s *stage) {
	topic := s.topic("requestAsync", 1)
	replier(s, topic)
	await(soon, func() string { return "a reply in the callback" }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		reply := make(chan string, 1)
		must("request", s.producer().RequestAsync(ctx, 3*time.Second, func(_ context.Context, m *primitive.Message, err error) {
			if err == nil {
				reply <- string(m.Body)
			}
		}, primitive.NewMessage(topic, []byte("q"))))
		select {
		case text := <-reply:
			equal("reply", "re: q", text)
			return true
		case <-ctx.Done():
			return false
		}
	})
}
