package namesrv

import (
	"fmt"
	"runtime/debug"

	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/namesrv/route"
)

// request is one command and the connection it came over.
type request struct {
	cmd  *wire.Command
	link route.Link
}

// reply is what a handler answers.
type reply struct {
	status wire.Status
	remark string
	header wire.Header // nil: the answer has no header class in Java either
	body   []byte
}

// append appends the answer to cmd as a frame; a oneway command gets none.
func (r reply) append(dst []byte, cmd *wire.Command) []byte {
	if cmd.IsOneway() {
		return dst
	}
	return wire.AppendResponse(dst, cmd, r.status, r.remark, r.header, r.body)
}

// ok is a successful answer.
func ok(h wire.Header, body []byte) reply {
	return reply{status: wire.StatusSuccess, header: h, body: body}
}

// failed is any other answer.
func failed(status wire.Status, remark string) reply {
	return reply{status: status, remark: remark}
}

// invalid answers a request that cannot be served as it is. Java's remark is the stack's top.
func invalid(err error) reply { return failed(wire.StatusSystemError, err.Error()) }

// okJSON is a successful answer with a body in fastjson's form.
func okJSON(body any) reply {
	data, err := fastjson.Marshal(body)
	if err != nil {
		return invalid(err)
	}
	return ok(nil, data)
}

// handler answers one request code. It does not look at the connection but to remember it.
type handler struct {
	// inline handlers run where the request was read: they neither block nor walk a table.
	inline bool
	serve  func(*Server, *request) reply
}

// handlers is what the name server answers; it is silent to everything else.
var handlers = map[wire.Code]handler{
	wire.CodePutKvConfig:                   {false, (*Server).putKV},
	wire.CodeGetKvConfig:                   {true, (*Server).getKV},
	wire.CodeDeleteKvConfig:                {false, (*Server).deleteKV},
	wire.CodeGetKvlistByNamespace:          {false, (*Server).listKV},
	wire.CodeRegisterBroker:                {false, (*Server).registerBroker},
	wire.CodeUnregisterBroker:              {false, (*Server).unregisterBroker},
	wire.CodeQueryDataVersion:              {true, (*Server).queryDataVersion},
	wire.CodeGetRouteinfoByTopic:           {true, (*Server).topicRoute},
	wire.CodeGetBrokerClusterInfo:          {false, (*Server).clusterInfo},
	wire.CodeWipeWritePermOfBroker:         {false, (*Server).wipeWritePerm},
	wire.CodeAddWritePermOfBroker:          {false, (*Server).addWritePerm},
	wire.CodeGetAllTopicListFromNameserver: {false, (*Server).allTopics},
	wire.CodeDeleteTopicInNamesrv:          {false, (*Server).deleteTopic},
	wire.CodeGetTopicsByCluster:            {false, (*Server).clusterTopics},
	wire.CodeGetSystemTopicListFromNs:      {false, (*Server).systemTopics},
	wire.CodeGetUnitTopicList:              {false, (*Server).unitTopics},
	wire.CodeGetHasUnitSubTopicList:        {false, (*Server).unitSubTopics},
	wire.CodeGetHasUnitSubUnunitTopicList:  {false, (*Server).unitSubNonUnitTopics},
	wire.CodeUpdateNamesrvConfig:           {false, (*Server).updateConfig},
	wire.CodeGetNamesrvConfig:              {false, (*Server).getConfig},
}

// handlerOf finds the handler of a command's code, which is wider than [wire.Code].
func handlerOf(code int32) (h handler, known bool) {
	if int32(wire.Code(code)) != code {
		return h, false
	}
	h, known = handlers[wire.Code(code)]
	return h, known
}

// inline tells whether h runs where the request was read. With clusterTest no lookup does:
// it may ask another name server.
func (s *Server) inline(h handler) bool { return h.inline && s.product == nil }

// answer runs h and appends its answer to dst. A panic becomes Java's answer to an uncaught
// exception, so that one request cannot end the name server of a whole cluster.
func (s *Server) answer(dst []byte, h handler, r *request) (frame []byte) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("request handler failed", "code", r.cmd.Code, "panic", p, "stack", string(debug.Stack()))
			frame = invalid(fmt.Errorf("internal error, see the name server's log: %v", p)).append(dst, r.cmd)
		}
	}()
	return h.serve(s, r).append(dst, r.cmd)
}
