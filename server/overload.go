package server

import (
	"ringmq/internal/config"
	"ringmq/internal/wire"
)

// What a broker does that gets more than it can do (BrokerFastFailure). Requests wait in three places, each of them bounded:
//
//	socket   until the loop, or the connection's reader, comes to them; the kernel bounds the bytes, and
//	         the peer waits before it sends more. [transport.Conn.Waited] measures for how long.
//	workers  in the queue of the pool, whose places and bytes are bounded per connection and together.
//	staging  while the batch before is written; the loop waits when it is full.
//
// A request that has waited longer than its kind may (waitTimeMillsIn…Queue) is refused with SYSTEM_BUSY, so that its sender
// tries another broker or slows down. Java refuses all of those. To receive and refuse a request costs half of storing it:
// a broker that did nothing but refuse would store nothing. So of those that come late from the socket
// one in lateShare is refused and the others are served, until they are so late that no client waits for them.
const (
	lateShare   = 5
	hopelessAge = 3000 // ms: how long stock producers wait (sendMsgTimeout)
)

const (
	rejectedRemark = "[REJECTREQUEST]system busy, start flow control for a while"
	lateRemark     = "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: %dms, size of queue: %d"
	slowDiskRemark = "[PCBUSY_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: %dms, size of queue: %d"
)

// queueOfCode is which of Java's request queues a request would wait in.
type queueOfCode uint8

const (
	noQueue queueOfCode = iota // never refused for its age
	sendQueue
	pullQueue
	heartbeatQueue
	transactionQueue
)

// queueFor is the queue whose time limit a request has (BrokerController.registerProcessor).
func queueFor(code wire.Code) queueOfCode {
	switch code {
	case wire.CodeSendMessage, wire.CodeSendMessageV2, wire.CodeSendBatchMessage, wire.CodeConsumerSendMsgBack:
		return sendQueue
	case wire.CodePullMessage:
		return pullQueue
	case wire.CodeHeartBeat:
		return heartbeatQueue
	case wire.CodeEndTransaction:
		return transactionQueue
	}
	return noQueue
}

// limit is how many ms a request may wait in the queue; 0 for as long as it takes.
func (q queueOfCode) limit(o *config.Broker) int64 {
	switch {
	case !o.BrokerFastFailureEnable:
		return 0
	case q == sendQueue:
		return o.WaitTimeMillsInSendQueue
	case q == pullQueue:
		return o.WaitTimeMillsInPullQueue
	case q == heartbeatQueue:
		return o.WaitTimeMillsInHeartbeatQueue
	case q == transactionQueue:
		return o.WaitTimeMillsInTransactionQueue
	}
	return 0
}

// lateness is what a turn keeps of its late requests.
type lateness struct{ count int64 }

// refuses tells whether one more late request is to be refused.
func (l *lateness) refuses(waited int64) bool {
	l.count++
	return waited >= hopelessAge || l.count%lateShare == 0
}

// overloaded refuses a request on a loop, if it came too late or the disk does not keep up. It has answered when it
// returns true.
func (b *Broker) overloaded(x *exchange, q queueOfCode) bool {
	if q == sendQueue && b.diskBusy(x.nowMillis) {
		x.fail(wire.StatusSystemBusy, rejectedRemark)
		return true
	}
	waited, left := x.conn.Waited(x.nowMillis)
	if waited == 0 {
		return false
	}
	limit := q.limit(&b.conf().Broker)
	if limit <= 0 || waited < limit || !x.state.late.refuses(waited) {
		return false
	}
	x.fail(wire.StatusSystemBusy, lateRemark, waited, left/max(len(x.cmd.Body), leastRequest))
	return true
}

// leastRequest is the bytes of a small request, for the guess how many wait in a socket.
const leastRequest = 256

// diskBusy tells whether the kernel has taken longer than osPageCacheBusyTimeOutMills over a batch and is not done yet
// (DefaultMessageStore.isOSPageCacheBusy).
func (b *Broker) diskBusy(nowMillis int64) bool {
	writing := b.store.Writing(nowMillis)
	return writing > 0 && writing > b.conf().Store.OsPageCacheBusyTimeOutMills
}

// onWorker hands a request of a turn to the pool, where it may be refused for having waited.
func (b *Broker) onWorker(x *exchange, fn handler) {
	y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis}
	ok := b.workers.run(y, func() {
		if !b.lateOnWorker(y) {
			b.guarded(fn, y)
		}
	})
	if !ok {
		x.fail(wire.StatusSystemBusy, overloadRemark)
	}
}

// lateOnWorker refuses a request that has waited too long for a worker. It has answered when it returns true.
func (b *Broker) lateOnWorker(x *exchange) bool {
	q := queueFor(wire.Code(x.cmd.Code))
	limit := q.limit(&b.conf().Broker)
	if limit <= 0 {
		return false
	}
	now := b.clock.Now().UnixMilli()
	waited := now - x.nowMillis
	switch {
	case q == sendQueue && b.diskBusy(now):
		x.fail(wire.StatusSystemBusy, slowDiskRemark, waited, b.workers.waiting())
	case waited >= limit:
		x.fail(wire.StatusSystemBusy, lateRemark, waited, b.workers.waiting())
	default:
		return false
	}
	return true
}
