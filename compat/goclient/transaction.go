package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// What a producer decides of a message is what becomes of it. The broker looks for undecided ones every second, from the
// third on, and asks ten times; Java counts also when it cannot ask.
var transactionBehaviours = []behaviour{
	{"transaction: what nobody decides is set aside, and can be asked for again", discarded},
	{"transaction: committed messages arrive, rolled back ones do not, undecided ones are asked for", transactions},
	{"transaction: another producer of the group answers for one that is gone", heir},
	{"transaction: a message has its own time before it is asked for", immune},
	{"transaction: the end of one that is not there is refused", endedNowhere},
}

const (
	endTransaction         = 37
	getProducerConnections = 204
	resumeHalf             = 323
	discardTopic           = "TRANS_CHECK_MAX_TIME_TOPIC"
)

// decider decides by the words that a message begins with.
type decider struct {
	mu    sync.Mutex
	asked map[string]int // under mu
}

func (d *decider) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	switch text := string(m.Body); {
	case strings.HasPrefix(text, "commit"):
		return primitive.CommitMessageState
	case strings.HasPrefix(text, "rollback"):
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (d *decider) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked[string(m.Body)]++
	switch text := string(m.Body); {
	case strings.HasPrefix(text, "later rollback"):
		return primitive.RollbackMessageState
	case strings.HasPrefix(text, "never"):
		return primitive.UnknowState
	}
	return primitive.CommitMessageState
}

func (d *decider) questions(text string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[text]
}

func (s *stage) transactionProducer(group string, d *decider) rocketmq.TransactionProducer {
	p, err := rocketmq.NewTransactionProducer(d,
		producer.WithNameServer(s.servers()), producer.WithGroupName(group),
		producer.WithInstanceName(fmt.Sprint(s.name("transactions"), len(s.opened))), producer.WithSendMsgTimeout(10*time.Second))
	must("transaction producer", err)
	must("start of the transaction producer", p.Start())
	s.opened = append(s.opened, p.Shutdown)
	return p
}

// half sends a message whose fate the producer's listener decides.
func half(p rocketmq.TransactionProducer, m *primitive.Message) *primitive.TransactionSendResult {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := p.SendMessageInTransaction(ctx, m)
	must("send", err)
	equal("status", primitive.SendOK, r.Status)
	return r
}

func transactions(s *stage) {
	topic := s.topic("transactions", 2)
	d := &decider{asked: map[string]int{}}
	p := s.transactionProducer(s.name("PG_txn"), d)
	got := collect(s.pushConsumer(s.name("CG")), topic, "*")
	var wanted []string
	for i := range 10 {
		for _, decision := range []string{"commit", "rollback"} {
			text := fmt.Sprint(decision, i)
			half(p, primitive.NewMessage(topic, []byte(text)))
			if decision == "commit" {
				wanted = append(wanted, text)
			}
		}
	}
	for _, text := range []string{"later commit", "later rollback"} {
		half(p, primitive.NewMessage(topic, []byte(text)))
	}
	wanted = append(wanted, "later commit")
	got.getsExactly("the consumer", wanted)
	await(soon, func() string { return "a question for each undecided message" }, func() bool {
		return d.questions("later commit") > 0 && d.questions("later rollback") > 0
	})
	sameTexts("the consumer", wanted, got.all())
}

func heir(s *stage) {
	topic, group := s.topic("heir", 1), s.name("PG_heir")
	stays := s.transactionProducer(group, &decider{asked: map[string]int{}})
	gone := s.transactionProducer(group, &decider{asked: map[string]int{}})
	half(stays, primitive.NewMessage(topic, []byte("commit 0"))) // it sends heartbeats to brokers that it has a route to
	half(gone, primitive.NewMessage(topic, []byte("commit 1")))
	await(2*soon, func() string { return "both producers known to the broker" }, func() bool {
		a, err := ask(s.broker, getProducerConnections, map[string]string{"producerGroup": group})
		must("ask for producers", err)
		return strings.Count(string(a.body), "clientId") == 2
	})
	half(gone, primitive.NewMessage(topic, []byte("later commit")))
	must("shutdown", gone.Shutdown())
	collect(s.pushConsumer(s.name("CG")), topic, "*").getsExactly("the consumer", []string{"commit 0", "commit 1", "later commit"})
}

func immune(s *stage) {
	topic := s.topic("immune", 1)
	d := &decider{asked: map[string]int{}}
	p := s.transactionProducer(s.name("PG_immune"), d)
	m := primitive.NewMessage(topic, []byte("later commit, immune"))
	m.WithProperty("CHECK_IMMUNITY_TIME_IN_SECONDS", "6")
	begin := time.Now()
	half(p, m)
	half(p, primitive.NewMessage(topic, []byte("later commit")))
	for _, text := range []string{"later commit", "later commit, immune"} {
		await(soon, func() string { return "a question for " + text }, func() bool { return d.questions(text) > 0 })
	}
	if took := time.Since(begin); took < 6*time.Second {
		fail("it was asked for after %v", took)
	}
	collect(s.pushConsumer(s.name("CG")), topic, "*").getsExactly("the consumer", []string{"later commit, immune", "later commit"})
}

// discarded is set aside after ten questions, put back by the tool's request, and set aside again.
func discarded(s *stage) {
	topic := s.topic("discarded", 1)
	d := &decider{asked: map[string]int{}}
	p := s.transactionProducer(s.name("PG_discarded"), d)
	sent := half(p, primitive.NewMessage(topic, []byte("never decided")))
	aside := func(after int64) *primitive.MessageExt {
		var found *primitive.MessageExt
		await(60*time.Second, func() string { return "the message in " + discardTopic }, func() bool {
			time.Sleep(200 * time.Millisecond)
			for at := int64(0); found == nil; {
				a, err := ask(s.broker, pullMessage, map[string]string{
					"consumerGroup": s.name("CG"), "topic": discardTopic, "queueId": "0", "queueOffset": fmt.Sprint(at), "maxMsgNums": "32",
					"sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1", "expressionType": "TAG"})
				must("pull", err)
				if a.Code != 0 {
					return false
				}
				for _, m := range a.messages() {
					if m.MsgId == sent.MsgID && m.QueueOffset > after {
						found = m
					}
				}
				at = a.number("nextBeginOffset")
			}
			return true
		})
		return found
	}
	first := aside(-1)
	asked := d.questions("never decided")
	if asked < 2 {
		fail("it was asked for %d times", asked)
	}
	equal("body", "never decided", string(first.Body))
	s.want(resumeHalf, map[string]string{"msgId": first.OffsetMsgId}, nil)
	aside(first.QueueOffset)
	if again := d.questions("never decided"); again <= asked {
		fail("it was not asked for again: %d questions", again)
	}
}

func endedNowhere(s *stage) {
	a, err := ask(s.broker, endTransaction, map[string]string{
		"producerGroup": s.name("PG"), "tranStateTableOffset": "0", "commitLogOffset": fmt.Sprint(int64(1) << 50), "commitOrRollback": "8",
		"fromTransactionCheck": "false", "msgId": "x", "transactionId": "x"})
	must("end", err)
	equal("answer", "1 Find prepared transaction message failed", fmt.Sprint(a.Code, " ", a.Remark))
}
