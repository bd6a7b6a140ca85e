package server

import "ringmq/internal/wire"

// handler answers one request through x.
type handler func(b *Broker, x *exchange)

// lane says where a handler runs.
type lane uint8

const (
	// inline handlers run to completion on the loop and must not block.
	inline lane = iota + 1
	// guardedInline is inline behind a recover: cheap requests off the hot path.
	guardedInline
	// worker handlers get a copy of the request on a goroutine of the pool, and may block.
	worker
)

// route is what serves a request code.
type route struct {
	lane lane
	fn   handler
}

// maxCode bounds the dispatch table; RocketMQ 4.9's broker codes end at 329.
const maxCode = 330

// routes is the dispatch table by request code. A code without a row is answered
// with REQUEST_CODE_NOT_SUPPORTED; wire's table says why it has none.
var routes [maxCode]route

// limits says by request code whose time limit it has.
var limits [maxCode]queueOfCode

func init() {
	hot := map[wire.Code]route{
		wire.CodeSendMessage:      {inline, (*Broker).send},
		wire.CodeSendMessageV2:    {inline, (*Broker).send},
		wire.CodeSendBatchMessage: {inline, (*Broker).send},
		wire.CodePullMessage:      {inline, (*Broker).pull},

		wire.CodeConsumerSendMsgBack: {worker, (*Broker).sendBack},
	}
	for _, rows := range []map[wire.Code]route{hot, stateRoutes()} {
		for code, r := range rows {
			routes[code] = r
			limits[code] = queueFor(code)
		}
	}
}
