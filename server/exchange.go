package server

import (
	"fmt"

	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// exchange is one request on its way to one answer.
//
// Inline handlers run on the loop that owns the connection: turn is set, cmd aliases the receive
// buffer, and nothing may block. Worker handlers run on a goroutine of the pool: turn is nil
// and cmd is a copy of its own. The answer calls hide the difference. A handler answers once, or not at all
// where RocketMQ does not answer.
type exchange struct {
	turn *transport.Turn
	conn *transport.Conn
	cmd  *wire.Command
	// state is the turn's scratch memory; a worker of the send path brings its own.
	state *turnState
	// nowMillis is the wall clock when the turn began.
	nowMillis int64
}

// reply answers with everything spelled out. Oneway requests get no answer.
func (x *exchange) reply(status wire.Status, remark string, h wire.Header, body []byte) {
	if x.cmd.IsOneway() {
		return
	}
	if x.turn != nil {
		buf := x.turn.Buf(x.conn)
		*buf = wire.AppendResponse(*buf, x.cmd, status, remark, h, body)
		return
	}
	x.conn.Send(wire.AppendResponse(nil, x.cmd, status, remark, h, body))
}

// ok answers success with a header or none.
func (x *exchange) ok(h wire.Header) { x.reply(wire.StatusSuccess, "", h, nil) }

// body answers success with a body and no header.
func (x *exchange) body(body []byte) { x.reply(wire.StatusSuccess, "", nil, body) }

// fail answers with an error code and a remark for people.
func (x *exchange) fail(status wire.Status, format string, args ...any) {
	remark := format
	if len(args) > 0 {
		remark = fmt.Sprintf(format, args...)
	}
	x.reply(status, remark, nil, nil)
}

// decode reads the request header into h, answering code 1 as RocketMQ does when a
// field is missing or is not the number it should be.
func (x *exchange) decode(h interface{ Decode(wire.Ext) error }) bool {
	if err := h.Decode(x.cmd.Ext); err != nil {
		x.fail(wire.StatusSystemError, "%v", err)
		return false
	}
	return true
}
