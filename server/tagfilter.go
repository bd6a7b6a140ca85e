package server

import (
	"bytes"
	"slices"

	"ringmq/consumequeue"
	"ringmq/internal/javahash"
	"ringmq/internal/wire"
	"ringmq/server/clients"
)

// tagFilter decides by tags code which consume queue entries a pull wants (ExpressionMessageFilter for
// TAG expressions). Codes are hashes: the client compares the text again.
type tagFilter struct {
	all bool
	// unit is a SQL92 filter's look at what the ext files keep; nil passes all.
	unit func(u *consumequeue.Unit) bool
	// codes are a subscription's, which do not change, or parsed.
	codes  []int32
	parsed []int32 // memory of those that a pull has brought along
}

// isTagType tells whether an expression type means tags; none means it too (ExpressionType.isTagType).
func isTagType[T string | []byte](t T) bool { return len(t) == 0 || string(t) == wire.ExpressionTag }

// parse reads `a || b`; "*" and nothing pass everything, blanks nothing. False: nothing at all between the bars, or too
// many tags.
func (f *tagFilter) parse(expression []byte) bool {
	f.all, f.codes, f.parsed, f.unit = false, nil, f.parsed[:0], nil
	if len(expression) == 0 || string(expression) == "*" {
		f.all = true
		return true
	}
	some := false
	for part := range bytes.SplitSeq(expression, []byte("||")) {
		some = some || len(part) > 0
		if tag := bytes.TrimSpace(part); len(tag) > 0 {
			if len(f.parsed) == clients.MaxTags {
				return false
			}
			f.parsed = append(f.parsed, javahash.String(tag))
		}
	}
	f.codes = f.parsed
	return some
}

// fromSubscription takes the codes that clients sent in their heartbeats.
func (f *tagFilter) fromSubscription(s *wire.SubscriptionData) {
	f.all = s.ClassFilterMode || s.SubString == "*" || s.SubString == ""
	f.codes, f.parsed, f.unit = s.CodeSet, f.parsed[:0], nil
}

// match tells whether an entry passes. RocketMQ compares the low 32 bits.
func (f *tagFilter) match(tagsCode int64) bool {
	return f.all || slices.Contains(f.codes, int32(tagsCode))
}

// clone makes a filter that outlives the turn.
func (f *tagFilter) clone() *tagFilter {
	c := &tagFilter{all: f.all, codes: f.codes}
	if len(f.parsed) > 0 {
		c.parsed = slices.Clone(f.parsed)
		c.codes = c.parsed
	}
	return c
}
