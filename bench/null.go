package bench

import (
	"net/netip"

	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// Null is a broker that stores nothing: it parses the head of each request to send and answers as a broker does,
// over the same transport. What it reaches is the ceiling of its machine. Every other request gets an empty success.
//
// It is a transport.Handler; its state is one per turn, so loops share nothing.
type Null struct{}

// nullState is what a turn needs to answer.
type nullState struct {
	header   wire.SendMessageRequest
	response wire.SendMessageResponse
	id       [32]byte
	offset   int64 // of all answers of this turn's owner; not a queue's
}

// ListenNull starts to serve on addr.
func ListenNull(tr *transport.Transport, addr string) (*transport.Listener, error) {
	return tr.Listen(addr, &Null{})
}

// Serve implements transport.Handler.
func (*Null) Serve(t *transport.Turn, c *transport.Conn, cmd *wire.Command) {
	s, ok := t.State.(*nullState)
	if !ok {
		s = &nullState{response: wire.SendMessageResponse{Region: []byte("DefaultRegion"), TraceOn: []byte("true")}}
		t.State = s
	}
	if cmd.IsOneway() {
		return
	}
	buf := t.Buf(c)
	var err error
	switch wire.Code(cmd.Code) {
	case wire.CodeSendMessageV2, wire.CodeSendBatchMessage:
		err = s.header.DecodeV2(cmd.Ext)
	case wire.CodeSendMessage:
		err = s.header.Decode(cmd.Ext)
	default:
		*buf = wire.AppendResponse(*buf, cmd, wire.StatusSuccess, "", nil, nil)
		return
	}
	if err != nil {
		*buf = wire.AppendResponse(*buf, cmd, wire.StatusSystemError, err.Error(), nil, nil)
		return
	}
	s.offset++
	s.response.MsgID = s.messageID(c.Local())
	s.response.QueueID = s.header.QueueID
	s.response.QueueOffset = s.offset
	*buf = wire.AppendResponse(*buf, cmd, wire.StatusSuccess, "", &s.response, nil)
}

// messageID is of the form brokers use: address, port and offset in hex.
func (s *nullState) messageID(local netip.AddrPort) []byte {
	a := local.Addr().As4()
	putHex((*[16]byte)(s.id[:16]), uint64(a[0])<<56|uint64(a[1])<<48|uint64(a[2])<<40|uint64(a[3])<<32|uint64(local.Port()))
	putHex((*[16]byte)(s.id[16:]), uint64(s.offset)<<10)
	return s.id[:]
}

// EndTurn implements transport.Handler.
func (*Null) EndTurn(*transport.Turn) {}

// Closed implements transport.Handler.
func (*Null) Closed(*transport.Conn) {}
