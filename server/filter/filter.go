package filter

import (
	"fmt"

	"ringmq/consumequeue"
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
	// MayWant tells from what was noted of a message when it was stored whether the filter can match it. Set once,
	// so that a pull need not make it.
	MayWant func(u *consumequeue.Unit) bool
	// expression is what Match evaluates, nil with it.
	expression *sql92.Expression
	// Born and Died are when the broker heard of the expression and when it was no longer needed, in ms.
	Born, Died int64
	bloom      *bloomData
}

// Dead tells whether nobody needs the filter.
func (f *Filter) Dead() bool { return f.Died >= f.Born }

// Compile makes an expression of a type ready. Only SQL92 is known; tags are no expression here. The error is for
// the client.
func Compile(kind, expression string) (Match, error) {
	e, err := compile(kind, expression)
	if err != nil {
		return nil, err
	}
	return matching(e), nil
}

func compile(kind, expression string) (*sql92.Expression, error) {
	if kind != wire.ExpressionSQL92 {
		return nil, fmt.Errorf("the broker knows no expressions of type %.64q", kind)
	}
	return sql92.Compile(expression)
}

func matching(e *sql92.Expression) Match {
	return func(record []byte) bool {
		p, ok := message.PropertiesOf(record)
		return ok && e.Match(p)
	}
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
