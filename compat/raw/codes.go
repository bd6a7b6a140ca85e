package raw

import (
	"context"
	"fmt"
)

// Request codes of RocketMQ that the suites use.
const (
	CodeSend              = 10
	CodePull              = 11
	CodeQueryMessage      = 12
	CodeQueryOffset       = 14
	CodeUpdateOffset      = 15
	CodeUpdateTopic       = 17
	CodeTopicConfigs      = 21
	CodeMaxOffset         = 30
	CodeMinOffset         = 31
	CodeViewMessage       = 33
	CodeHeartbeat         = 34
	CodeSendBack          = 36
	CodeEndTransaction    = 37
	CodeConsumerList      = 38
	CodeCheckTransaction  = 39
	CodeRoute             = 105
	CodeClusterInfo       = 106
	CodeUpdateGroup       = 200
	CodeGroups            = 201
	CodeSendBatch         = 320
	CodeUnusedByRocketMQ  = 9999
	CodeRegisterBroker    = 103
	CodePutKV             = 100
	CodeGetKV             = 101
	CodeDeleteTopicBroker = 215
)

// Answer codes of RocketMQ that the suites tell apart.
const (
	Success        = 0
	SystemError    = 1
	SystemBusy     = 2
	NotSupported   = 3
	MessageIllegal = 13
	TopicNotExist  = 17
	QueryNotFound  = 22
)

// CodeError is an answer other than Success.
type CodeError struct {
	Request, Code int
	Remark        string
}

func (e *CodeError) Error() string {
	return fmt.Sprintf("request code %d answered with code %d %q", e.Request, e.Code, e.Remark)
}

// Want is [Conn.Call] for requests that have to succeed: another answer is a *[CodeError].
func (c *Conn) Want(ctx context.Context, code int, ext map[string]string, body []byte) (Reply, error) {
	r, err := c.Call(ctx, code, ext, body)
	if err == nil && r.Code != Success {
		err = &CodeError{code, r.Code, r.Remark}
	}
	return r, err
}
