package main

import (
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// What is changed of groups from outside, and what the broker tells of them and their members.
var switchedBehaviours = []behaviour{
	{"group: a member that is silent for two minutes is forgotten", silentForgotten}, // the longest first
	{"order: a lock that is not renewed expires after a minute", locksExpire},
	{"order: a topic in the name servers' order configuration is one", orderTopic},
	{"group: consumeEnable stops it and lets it go on", consumeEnable},
	{"group: consumeBroadcastEnable", broadcastEnable},
	{"group: notifyConsumerIdsChangedEnable decides whether members are told", notifyEnable},
	{"group: subscriptions are those of the last heartbeat", resubscribed},
	{"group: the broker copies offsets to another", clonedByBroker},
	{"group: the least offset of all groups, held against another's", correction},
	{"group: a retried message keeps its id, topic and properties", retryKeeps},
	{"relay: a running consumer tells its offsets", consumerStatus},
}

const (
	updateTopic      = 17
	getAllTopics     = 21
	heartbeat        = 34
	consumerList     = 38
	lockQueues       = 41
	putKV            = 100
	updateGroup      = 200
	consumerStatuses = 223
	correctOffsets   = 308
	cloneOffsets     = 314
	membersChanged   = 40
)

// configure makes or changes a group; settings replace its defaults.
func (s *stage) configure(group string, settings map[string]any) {
	config := map[string]any{
		"groupName": group, "consumeEnable": true, "consumeFromMinEnable": true, "consumeBroadcastEnable": true, "retryQueueNums": 1,
		"retryMaxTimes": 16, "brokerId": 0, "whichBrokerWhenConsumeSlowly": 1, "notifyConsumerIdsChangedEnable": true,
	}
	for name, value := range settings {
		config[name] = value
	}
	s.want(updateGroup, nil, config)
}

// stopped checks that a consumer gets nothing, until its group is configured otherwise.
func stopped(s *stage, group, topic, setting string, options ...consumer.Option) {
	s.configure(group, map[string]any{setting: false})
	sent := s.fill(topic, "e", 5)
	got := collect(s.pushConsumer(group, options...), topic, "*")
	time.Sleep(4 * time.Second) // long enough for a pull
	sameTexts("a group without "+setting, nil, got.all())
	s.configure(group, nil)
	got.getsExactly("the consumer", sent)
}

func consumeEnable(s *stage) { stopped(s, s.name("CG"), s.topic("enable", 1), "consumeEnable") }

func broadcastEnable(s *stage) {
	stopped(s, s.name("CG"), s.topic("broadcast", 1), "consumeBroadcastEnable", consumer.WithConsumerModel(consumer.BroadCasting))
}

func orderTopic(s *stage) {
	topic := s.topic("ordered", 2)
	a, err := ask(s.namesrv, putKV, map[string]string{"namespace": "ORDER_TOPIC_CONFIG", "key": topic, "value": "broker:2"})
	must("order configuration", err)
	equal("code", 0, a.Code)
	// The broker hears of it when it registers next.
	await(80*time.Second, func() string { return "order of " + topic }, func() bool {
		var all struct {
			Table map[string]struct {
				Order bool `json:"order"`
			} `json:"topicConfigTable"`
		}
		s.want(getAllTopics, nil, nil).json(&all)
		return all.Table[topic].Order
	})
}

// alive is the heartbeat of a consumer that subscribes to some topics.
func alive(client, group string, version int64, topics ...string) map[string]any {
	var subscriptions []any
	for _, topic := range topics {
		subscriptions = append(subscriptions, map[string]any{
			"topic": topic, "subString": "*", "subVersion": version, "expressionType": "TAG", "classFilterMode": false,
			"tagsSet": []string{}, "codeSet": []int{}})
	}
	return map[string]any{"clientID": client, "producerDataSet": []any{}, "consumerDataSet": []any{map[string]any{
		"groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING", "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
		"unitMode": false, "subscriptionDataSet": subscriptions}}}
}

func (l *link) beat(body any) {
	a, err := l.ask(heartbeat, nil, body)
	must("heartbeat", err)
	equal("code of the heartbeat's answer", 0, a.Code)
}

func notifyEnable(s *stage) {
	topic := s.topic("notify", 1)
	silent, told := s.name("CG_silent"), s.name("CG_told")
	s.configure(silent, map[string]any{"notifyConsumerIdsChangedEnable": false})
	s.configure(told, nil)
	members := map[string]*link{silent: s.dial(), told: s.dial()}
	for group, l := range members {
		l.beat(alive("first", group, 1, topic))
	}
	await(soon, func() string { return "a word to the one that came" }, func() bool { return members[told].requests(membersChanged) == 1 })
	for _, group := range []string{silent, told} {
		s.dial().beat(alive("second", group, 1, topic))
	}
	await(soon, func() string { return "a word to the one that was there" }, func() bool { return members[told].requests(membersChanged) == 2 })
	equal("words to a group that is not to be told", 0, members[silent].requests(membersChanged))
}

// silentForgotten keeps a connection open on which nothing comes any more.
func silentForgotten(s *stage) {
	group := s.name("CG")
	s.dial().beat(alive("silent", group, 1, "T"))
	begin := time.Now()
	s.want(consumerList, map[string]string{"consumerGroup": group}, nil)
	await(200*time.Second, func() string { return "the end of the silent member" }, func() bool {
		time.Sleep(time.Second)
		a, err := ask(s.broker, consumerList, map[string]string{"consumerGroup": group})
		must("ask for members", err)
		return a.Code == 1
	})
	if after := time.Since(begin); after < 115*time.Second {
		fail("it was forgotten after %v", after)
	}
}

func resubscribed(s *stage) {
	group := s.name("CG")
	l := s.dial()
	topics := func() map[string]string {
		var body struct {
			Table map[string]struct {
				SubString string `json:"subString"`
			} `json:"subscriptionTable"`
		}
		s.want(getConsumerConnections, map[string]string{"consumerGroup": group}, nil).json(&body)
		names := map[string]string{}
		for name, sub := range body.Table {
			names[name] = sub.SubString
		}
		return names
	}
	l.beat(alive("c", group, 1, "subA", "subB"))
	equal("subscriptions", fmt.Sprint(map[string]string{"subA": "*", "subB": "*"}), fmt.Sprint(topics()))
	before := l.requests(membersChanged)
	l.beat(alive("c", group, 2, "subB", "subC"))
	equal("subscriptions of the second heartbeat", fmt.Sprint(map[string]string{"subB": "*", "subC": "*"}), fmt.Sprint(topics()))
	await(soon, func() string { return "a word about the change" }, func() bool { return l.requests(membersChanged) > before })
}

func clonedByBroker(s *stage) {
	topic, from, to := s.topic("cloned", 2), s.name("CG_from"), s.name("CG_to")
	for queue := range 2 {
		s.commitOffset(from, topic, queue, int64(5+queue))
	}
	s.want(cloneOffsets, map[string]string{"srcGroup": from, "destGroup": to, "topic": topic, "offline": "true"}, nil)
	for queue := range 2 {
		equal(fmt.Sprint("offset of queue ", queue), int64(5+queue), s.offset(to, topic, queue))
	}
}

func correction(s *stage) {
	topic := s.topic("correction", 2)
	for group, offset := range map[string]int64{"CG_ahead": 9, "CG_least": 3, "CG_between": 6} {
		s.commitOffset(s.name(group), topic, 0, offset)
	}
	least := func(compare string) int64 {
		var body struct {
			Offsets map[string]int64 `json:"correctionOffsets"`
		}
		s.want(correctOffsets, map[string]string{"topic": topic, "compareGroup": s.name(compare)}, nil).json(&body)
		return body.Offsets["0"]
	}
	equal("least offset, beside a group further on", 3, least("CG_between"))
	equal("least offset, beside a group that is unknown", 3, least("CG_unknown"))
	s.commitOffset(s.name("CG_least"), topic, 0, 2)
	equal("least offset, beside the group that has it", 2, least("CG_least"))
}

func consumerStatus(s *stage) {
	topic, group := s.topic("status", 2), s.name("CG")
	collect(s.pushConsumer(group), topic, "*").getsExactly("the consumer", s.fill(topic, "i", 4))
	client := s.clientOf(group)
	a := s.want(consumerStatuses, map[string]string{"topic": topic, "group": group, "clientAddr": client}, nil)
	var body struct {
		Table map[string]any `json:"consumerTable"`
	}
	a.body = objectKey.ReplaceAllFunc(a.body, func(key []byte) []byte { return fmt.Appendf(nil, "%q:", key[:len(key)-1]) })
	a.json(&body)
	if _, ok := body.Table[client]; !ok {
		fail("no status of %s: %s", client, a.body)
	}
}

func retryKeeps(s *stage) {
	topic := s.topic("keeps", 1)
	got := listen(s.pushConsumer(s.name("CG")), topic, tagged("tag"), 2)
	m := primitive.NewMessage(topic, []byte("kept")).WithTag("tag").WithKeys([]string{"key"})
	m.WithProperty("color", "blue")
	sent := s.send(m)
	await(2*soon, func() string { return "three tries; each may wait for the client to find the retry topic" }, func() bool { return len(got.all()) >= 3 })
	for _, one := range got.messages() {
		equal("id", sent.MsgID, one.MsgId)
		equal("tag, property, body", "tag blue kept", one.GetTags()+" "+one.GetProperty("color")+" "+string(one.Body))
		if one.ReconsumeTimes > 0 {
			equal("first id", sent.OffsetMsgID, one.GetProperty("ORIGIN_MESSAGE_ID"))
			equal("first topic", topic, one.GetProperty("RETRY_TOPIC"))
		}
	}
}

// locksExpire: requests 41 of one client hold off another's for a minute.
func locksExpire(s *stage) {
	topic, group := s.topic("expire", 1), s.name("CG")
	lock := func(client string) bool {
		var body struct {
			Set []struct {
				Topic string `json:"topic"`
			} `json:"lockOKMQSet"`
		}
		s.want(lockQueues, nil, map[string]any{
			"consumerGroup": group, "clientId": client,
			"mqSet": []any{map[string]any{"topic": topic, "brokerName": "any", "queueId": 0}},
		}).json(&body)
		return len(body.Set) == 1
	}
	begin := time.Now()
	equal("the first client has the lock", true, lock("one"))
	equal("the second client has it, too", false, lock("two"))
	equal("the first client has it still", true, lock("one"))
	await(80*time.Second, func() string { return "the lock for the second client" }, func() bool {
		time.Sleep(500 * time.Millisecond)
		return lock("two")
	})
	if held := time.Since(begin); held < 59*time.Second {
		fail("the lock was lost after %v", held)
	}
}
