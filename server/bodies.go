package server

import (
	"ringmq/internal/config"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

// remarkUnset stands in the success answers of a few Java handlers that set a code and no remark
// (RemotingCommand.createResponseCommand); tools have seen it for years.
const remarkUnset = "not set any response code"

// slaveRemark refuses changes that have to be made on the master (AdminBrokerProcessor.validateSlave).
const slaveRemark = "Can't modify topic or subscription group from slave broker, please execute it from master broker."

// decodeBody reads the request's JSON body into v, answering code 1 when there is none or it
// cannot be read.
func (x *exchange) decodeBody(v any) bool {
	if len(x.cmd.Body) == 0 {
		x.fail(wire.StatusSystemError, "the request has no body")
		return false
	}
	if err := fastjson.Unmarshal(x.cmd.Body, v); err != nil {
		x.fail(wire.StatusSystemError, "the request's body cannot be read: %v", err)
		return false
	}
	return true
}

// json answers success with v as the body.
func (x *exchange) json(v any) { x.jsonRemark("", nil, v) }

// jsonRemark is json with a remark and a header.
func (x *exchange) jsonRemark(remark string, h wire.Header, v any) {
	body, err := fastjson.Marshal(v)
	if err != nil {
		x.refuse(err)
		return
	}
	x.reply(wire.StatusSuccess, remark, h, body)
}

// refuse answers code 1 with an error that is meant for the client.
func (x *exchange) refuse(err error) { x.fail(wire.StatusSystemError, "%v", err) }

// later serves a request of an inline lane on a worker: it turned out to need what may block.
func (b *Broker) later(x *exchange, fn handler) {
	y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis}
	if !b.workers.run(y, func() { b.guarded(fn, y) }) {
		x.fail(wire.StatusSystemBusy, overloadRemark)
	}
}

// onSlave refuses what only a master may do. It has answered when it returns true.
func (b *Broker) onSlave(x *exchange) bool {
	if b.cfg.Store.BrokerRole != config.Slave {
		return false
	}
	x.fail(wire.StatusSystemError, slaveRemark)
	return true
}

// queue names a queue of this broker as bodies do.
func (b *Broker) queue(topic string, id int32) wire.MessageQueue {
	return wire.MessageQueue{BrokerName: b.cfg.Broker.BrokerName, Topic: topic, QueueID: id}
}
