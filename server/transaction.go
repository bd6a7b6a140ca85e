package server

import (
	"errors"
	"net/netip"
	"time"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/txn"
)

// openTransactions loads the state of the transactions.
func (b *Broker) openTransactions() (*txn.Service, error) {
	return txn.Open(txn.Options{
		Store: b.store, Progress: b.offsets,
		Settings: func() txn.Settings {
			c := b.conf()
			return txn.Settings{
				Timeout:  time.Duration(c.Broker.TransactionTimeOut) * time.Millisecond,
				CheckMax: c.Broker.TransactionCheckMax,
				Reserved: time.Duration(c.Store.FileReservedTime) * time.Hour,
			}
		},
		MakeTopic: func(name string) error {
			_, err := b.topics.Own(name)
			return err
		},
		Commit: b.commitAndWait, Stored: b.countCommitted,
		Ask:   b.askProducer,
		Host:  func() netip.AddrPort { return b.storeHost },
		Clock: b.clock, Log: b.log,
	})
}

// countCommitted counts a message for its topic, which 4.9 forgets; the half message was counted as what a producer has sent.
func (b *Broker) countCommitted(topic []byte, bytes int32) {
	if t := b.topics.Lookup(topic); t != nil {
		t.Put(1, 1, int64(bytes))
	}
}

// endTransaction serves 37 (EndTransactionProcessor): a producer says what becomes of a half message. Clients send it oneway
// and soon: then it is done here, and committed with the turn. What may wait for the disk, or for an answer, is a worker's.
func (b *Broker) endTransaction(x *exchange) {
	var h wire.EndTransactionRequest
	if !x.decode(&h) || !isDecided(&h) {
		return // undecided: Java does not answer, and asks later
	}
	if x.cmd.IsOneway() {
		if upTo, ok := b.txns.EndRecent(decisionOf(&h)); ok {
			s := &x.state.send
			s.upTo = max(s.upTo, upTo)
			return
		}
	}
	y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis}
	if !b.workers.run(y, func() { b.guarded((*Broker).endTransactionOnWorker, y) }) {
		x.fail(wire.StatusSystemBusy, overloadRemark)
	}
}

func isDecided(h *wire.EndTransactionRequest) bool {
	return h.CommitOrRollback == message.TransactionCommit || h.CommitOrRollback == message.TransactionRollback
}

func decisionOf(h *wire.EndTransactionRequest) txn.Decision {
	return txn.Decision{
		Group: h.ProducerGroup, Commit: h.CommitOrRollback == message.TransactionCommit,
		QueueOffset: message.QueueOffset(h.TranStateTableOffset), LogOffset: message.LogOffset(h.CommitLogOffset),
	}
}

func (b *Broker) endTransactionOnWorker(x *exchange) {
	var h wire.EndTransactionRequest
	if !x.decode(&h) {
		return
	}
	d := decisionOf(&h)
	upTo, err := b.txns.End(d)
	if err == nil {
		err = b.commitFor(x, upTo)
	}
	var refusal txn.Refusal
	switch {
	case errors.As(err, &refusal):
		b.log.Warn("transaction is not ended", "group", h.ProducerGroup, "id", h.MsgID, "producer", x.conn.Remote(), "why", refusal)
		x.fail(wire.StatusSystemError, "%s", string(refusal))
	case errors.Is(err, engine.ErrFlushTimeout):
		x.fail(wire.StatusFlushDiskTimeout, "%v", err)
	case err != nil:
		b.stats.Broker.PutFailed.Add(1)
		status, remark := storeRefusal(err)
		x.fail(status, "%s", remark)
	case d.Commit:
		x.ok(nil)
	default:
		x.reply(wire.StatusSuccess, remarkUnset, nil, nil)
	}
}

// commitFor is commitAndWait, but without waiting for the device when nobody waits for the answer.
func (b *Broker) commitFor(x *exchange, upTo message.LogOffset) error {
	if !x.cmd.IsOneway() {
		return b.commitAndWait(upTo)
	}
	b.commitUnanswered(nil, upTo)
	b.resumePulls(nil, nil)
	return nil
}

// askProducer asks a producer of a group what became of a transaction (Broker2Client.checkProducerTransactionState). Any of
// them may answer, with request 37. Without one, the question is only counted.
func (b *Broker) askProducer(q *txn.Question) {
	producers, _ := b.clients.Producers(q.Group) // in the order of a map: each has its turn
	for _, p := range producers {
		if p.Conn.Closing() {
			continue
		}
		channel(p).Notify(wire.CodeCheckTransactionState, &wire.CheckTransactionStateRequest{
			TranStateTableOffset: int64(q.QueueOffset), CommitLogOffset: int64(q.LogOffset),
			MsgID: q.UniqKey, TransactionID: q.UniqKey, OffsetMsgID: q.OffsetID,
		}, q.Record)
		return
	}
	b.log.Warn("nobody can be asked for a transaction", "group", q.Group, "id", q.UniqKey)
}

// resumeHalfMessage serves 323: a message of TRANS_CHECK_MAX_TIME_TOPIC is asked for again.
func (b *Broker) resumeHalfMessage(x *exchange) {
	var h wire.ResumeCheckHalfMessageRequest
	if !x.decode(&h) {
		return
	}
	_, at, err := message.ParseID(h.MsgID)
	if err != nil {
		x.refuse(err)
		return
	}
	upTo, err := b.txns.Resume(at)
	if err == nil {
		err = b.commitAndWait(upTo)
	}
	if err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}
