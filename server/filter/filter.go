package filter

import (
	"fmt"

	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/filter/sql92"
)

// Match tells from a message's record whether a consumer wants it. nil wants all.
type Match func(record []byte) bool

// Filter is a group's expression for a topic. It does not change.
type Filter struct {
	Expression string
	Type       string // SQL92
	// Version is the subscription's version, a time in ms of the client's clock.
	Version int64
	// Match is the compiled expression; nil if it came from a file and does not compile, which
	// then wants all, as in Java.
	Match Match
	// Born and Died are when the broker heard of the expression and when it was no longer needed, in ms.
	Born, Died int64
	bloom      *bloomData
}

// Dead tells whether nobody needs the filter.
func (f *Filter) Dead() bool { return f.Died >= f.Born }

// Compile makes an expression of a type ready. Only SQL92 is known; tags are no expression here. The error is for
// the client.
func Compile(kind, expression string) (Match, error) {
	if kind != wire.ExpressionSQL92 {
		return nil, fmt.Errorf("the broker knows no expressions of type %.64q", kind)
	}
	e, err := sql92.Compile(expression)
	if err != nil {
		return nil, err
	}
	return func(record []byte) bool {
		p, ok := properties(record)
		return ok && e.Match(p)
	}, nil
}

func properties(record []byte) (p message.Properties, ok bool) {
	var r message.Record
	if err := message.Decode(record, &r); err != nil {
		return nil, false
	}
	return r.Properties, true
}

// alive is f with another version, needed again.
func (f *Filter) alive(version int64) *Filter {
	next := *f
	next.Version, next.Died = version, 0
	return &next
}

// dead is f, needed no longer.
func (f *Filter) dead(nowMillis int64) *Filter {
	next := *f
	next.Died = nowMillis
	return &next
}
