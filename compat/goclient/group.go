package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// What tools ask running consumers through the broker.
var groupBehaviours = []behaviour{
	{"group: offsets of running consumers are reset to a time", resetOffsets},
	{"relay: a running consumer tells about itself", runningInfo},
	{"relay: a message is consumed directly", consumeDirectly},
}

// Request codes.
const (
	getConsumerConnections = 203
	resetOffset            = 222
	getConsumerRunningInfo = 307
	consumeMessageDirectly = 309
)

func resetOffsets(s *stage) {
	topic := s.topic("reset", 2)
	group := s.name("CG")
	begin := time.Now().Add(-time.Minute)
	sent := s.fill(topic, "r", 20)
	got := collect(s.pushConsumer(group), topic, "*")
	got.getsExactly("the consumer", sent)
	var said *answer
	await(soon, func() string { return fmt.Sprintf("a reset; it needs the group's offsets of all queues: %+v", said) }, func() bool {
		var err error
		said, err = ask(s.broker, resetOffset, map[string]string{
			"topic": topic, "group": group, "timestamp": fmt.Sprint(begin.UnixMilli()), "isForce": "true",
		})
		must("ask for a reset", err)
		return said.Code == 0
	})
	await(soon, func() string {
		return fmt.Sprintf("%d messages again, but there are %d in all", len(sent), len(got.all()))
	},
		func() bool { return len(got.all()) >= 2*len(sent) })
}

// clientOf returns the id of a group's only client.
func (s *stage) clientOf(group string) string {
	var id string
	await(soon, func() string { return "a connection of " + group }, func() bool {
		a, err := ask(s.broker, getConsumerConnections, map[string]string{"consumerGroup": group})
		must("ask for connections", err)
		var body struct {
			ConnectionSet []struct {
				ClientID string `json:"clientId"`
			} `json:"connectionSet"`
		}
		if a.Code != 0 || json.Unmarshal(a.body, &body) != nil || len(body.ConnectionSet) == 0 {
			return false
		}
		id = body.ConnectionSet[0].ClientID
		return true
	})
	return id
}

func runningInfo(s *stage) {
	topic := s.topic("running", 3)
	group := s.name("CG")
	collect(s.pushConsumer(group), topic, "*").getsExactly("the consumer", s.fill(topic, "i", 3))
	client := s.clientOf(group)
	fields := map[string]string{"consumerGroup": group, "clientId": client, "jstackEnable": "false"}
	a, err := ask(s.broker, getConsumerRunningInfo, fields)
	must("ask the consumer", err)
	equal("code", 0, a.Code)
	if !strings.Contains(string(a.body), topic) {
		fail("the consumer does not name its topic: %s", a.body)
	}
	fields["clientId"] = "nobody"
	a, err = ask(s.broker, getConsumerRunningInfo, fields)
	must("ask nobody", err)
	equal("answer for nobody", "1 The Consumer <"+group+"> <nobody> not online", fmt.Sprint(a.Code, " ", a.Remark))
}

func consumeDirectly(s *stage) {
	topic := s.topic("directly", 1)
	group := s.name("CG")
	got := collect(s.pushConsumer(group), topic, "*")
	sent := s.send(primitive.NewMessage(topic, []byte("again")))
	got.getsExactly("the consumer", []string{"again"})
	a, err := ask(s.broker, consumeMessageDirectly, map[string]string{
		"consumerGroup": group, "clientId": s.clientOf(group), "msgId": sent.OffsetMsgID, "topic": topic,
	})
	must("ask the consumer", err)
	equal("code", 0, a.Code)
	if !strings.Contains(string(a.body), `"CR_SUCCESS"`) && !strings.Contains(string(a.body), `"consumeResult":0`) {
		fail("the consumer says %s", a.body)
	}
	got.getsExactly("the consumer", []string{"again", "again"})
}
