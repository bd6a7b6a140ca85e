package server

import (
	"errors"
	"strconv"
	"sync"

	"ringmq/engine"
	"ringmq/internal/config"
	"ringmq/internal/message"
	"ringmq/internal/ring"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// commitOwed commits what a turn staged and answers it. With ASYNC_FLUSH the answers join the
// turn's send; where commits end later, with SYNC_FLUSH or in direct mode, all are answered when the
// batch is on the device, which the loop's own ring writes: also those sent with WAIT=false, which Java
// answers from the page cache, where these are not sooner. t is nil on a worker.
func (b *Broker) commitOwed(t *transport.Turn, s *sendState) {
	b.endRun(s)
	if s.upTo == 0 {
		return
	}
	defer s.reset()
	if len(s.owed) == 0 {
		b.commitUnanswered(t, s.upTo)
		return
	}
	if !b.store.Deferred() {
		_, err := b.store.Commit(s.upTo, nil)
		b.answerAll(t, s, s.owed, err)
		b.putTook(began(t), len(s.owed))
		return
	}
	waiting := s.keep()
	since := began(t)
	var on ring.Submitter
	if t != nil {
		on = t.Ring()
	}
	b.store.CommitOn(on, s.upTo, func(err error) {
		b.answerAll(nil, waiting, waiting.owed, err)
		b.putTook(since, len(waiting.owed))
		b.resumePulls(nil, nil)
		waiting.reset()
		waitingPool.Put(waiting)
	})
}

// commitUnanswered commits what nobody waits for but consumers.
func (b *Broker) commitUnanswered(t *transport.Turn, upTo message.LogOffset) {
	var on ring.Submitter
	if t != nil {
		on = t.Ring()
	}
	done := func(err error) {
		if err != nil && !errors.Is(err, engine.ErrFlushTimeout) {
			b.log.Error("commit log does not take messages", "err", err)
		}
		b.resumePulls(nil, nil)
	}
	if b.store.Deferred() {
		b.store.CommitOn(on, upTo, done)
		return
	}
	if _, err := b.store.Commit(upTo, nil); err != nil { // the turn's pulls follow
		b.log.Error("commit log does not take messages", "err", err)
	}
}

// began is when a turn did, in ms; 0 on a worker, whose work is not timed.
func began(t *transport.Turn) int64 {
	if t == nil {
		return 0
	}
	return t.NowMillis
}

// putTook notes how long n puts took that began then.
func (b *Broker) putTook(began int64, n int) {
	if began > 0 {
		b.stats.Broker.PutTimes.Add(b.clock.Now().UnixMilli()-began, int64(n))
	}
}

// waitingPool keeps the memory of turns that wait for a flush.
var waitingPool = sync.Pool{New: func() any { return new(sendState) }}

// keep copies what is owed, which outlives the turn.
func (s *sendState) keep() *sendState {
	w := waitingPool.Get().(*sendState)
	w.owed = append(w.owed, s.owed...)
	w.member = append(w.member, s.member...)
	return w
}

// answerAll answers every message of a commit. Off the loop, the answers for one
// connection that follow each other leave in one piece.
func (b *Broker) answerAll(t *transport.Turn, s *sendState, owed []owedAnswer, err error) {
	if t != nil {
		for i := range owed {
			b.answer(t, s, &owed[i], err)
		}
		return
	}
	s.out = s.out[:0]
	for i := range owed {
		s.out = b.appendAnswer(s.out, s, &owed[i], err)
		if i+1 == len(owed) || owed[i+1].conn != owed[i].conn {
			owed[i].conn.Send(s.out)
			s.out = s.out[:0]
		}
	}
}

func (b *Broker) answer(t *transport.Turn, s *sendState, o *owedAnswer, err error) {
	if t != nil {
		buf := t.Buf(o.conn)
		*buf = b.appendAnswer(*buf, s, o, err)
		return
	}
	o.conn.Send(b.appendAnswer(nil, s, o, err))
}

// appendAnswer encodes the answer to one message: its ids and offset if it is stored, in time or late,
// else the reason why not.
func (b *Broker) appendAnswer(dst []byte, s *sendState, o *owedAnswer, err error) []byte {
	if o.oneway {
		return dst
	}
	status := wire.StatusSuccess
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrFlushTimeout):
		status = wire.StatusFlushDiskTimeout
	default:
		b.stats.Broker.PutFailed.Add(1)
		status, remark := storeRefusal(err)
		return wire.AppendResponseTo(dst, o.serialize, o.opaque, status, remark, b.sendExt.Load(), nil)
	}
	s.ids = s.ids[:0]
	if o.memberFrom == o.memberTo {
		s.ids = b.idPrefix.AppendID(s.ids, o.logOffset)
	}
	for i := o.memberFrom; i < o.memberTo; i++ {
		if i > o.memberFrom {
			s.ids = append(s.ids, ',')
		}
		s.ids = b.idPrefix.AppendID(s.ids, s.member[i])
	}
	s.response.MsgID = s.ids
	s.response.QueueID = o.queueID
	s.response.QueueOffset = int64(o.queueOffset)
	marks := b.sendExt.Load()
	s.response.Region, s.response.TraceOn = marks.Region, marks.TraceOn
	if status == wire.StatusSuccess {
		return s.answers.Append(dst, o.serialize, o.opaque, &s.response)
	}
	return wire.AppendResponseTo(dst, o.serialize, o.opaque, status, "", &s.response, nil)
}

// reset forgets the turn, keeping its memory.
func (s *sendState) reset() {
	clear(s.owed) // connections must not be kept alive by scratch memory
	s.owed = s.owed[:0]
	s.member = s.member[:0]
	s.upTo = 0
}

// markSends takes region and trace switch for answers to sends from the configuration.
func (b *Broker) markSends(c *config.BrokerFile) {
	b.sendExt.Store(&wire.SendMessageRefusal{
		Region: []byte(c.Broker.RegionID), TraceOn: strconv.AppendBool(nil, c.Broker.TraceOn),
	})
}

// refuseSend answers a send that was not staged. Java sets region and trace switch on errors too.
func (b *Broker) refuseSend(x *exchange, status wire.Status, remark string) {
	x.reply(status, remark, b.sendExt.Load(), nil)
}

// refuseStore answers a send that the store did not take.
func (b *Broker) refuseStore(x *exchange, err error) {
	b.stats.Broker.PutFailed.Add(1)
	status, remark := storeRefusal(err)
	b.refuseSend(x, status, remark)
}

// storeRefusal is the answer to what the store did not take: a producer tries another broker then.
func storeRefusal(err error) (wire.Status, string) {
	switch {
	case errors.Is(err, engine.ErrLightQueues):
		return wire.StatusSystemError, tooManyLight
	case errors.Is(err, engine.ErrBusy):
		return wire.StatusSystemBusy, err.Error()
	case errors.Is(err, engine.ErrMulti):
		return wire.StatusSystemError, err.Error()
	}
	return wire.StatusServiceNotAvailable, "service not available now: " + err.Error()
}

// tooManyLight is Java's remark; its broker never sends it, because it compares the wrong status.
const tooManyLight = "[LMQ_CONSUME_QUEUE_NUM_EXCEEDED]broker config enableLmq and enableMultiDispatch, " +
	"lmq consumeQueue num exceed maxLmqConsumeQueueNum config num, default limit 2w."
