package client

import (
	"fmt"
	"strings"

	"ringmq/internal/wire"
)

// StatusError is an answer with a status other than success.
type StatusError struct {
	Status wire.Status
	Remark string // the server's words, without the pointer to its manual
}

func (e *StatusError) Error() string {
	if e.Remark == "" {
		return fmt.Sprintf("refused with %v", e.Status)
	}
	return fmt.Sprintf("%s (%v)", e.Remark, e.Status)
}

// Failure is nil for a successful answer, else a [*StatusError].
func Failure(answer *wire.Command) error {
	if wire.Status(answer.Code) == wire.StatusSuccess {
		return nil
	}
	remark, _, _ := strings.Cut(string(answer.Remark), "\n")
	return &StatusError{Status: wire.Status(answer.Code), Remark: remark}
}
