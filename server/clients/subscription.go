package clients

import (
	"errors"
	"slices"
	"strings"

	"ringmq/internal/javahash"
	"ringmq/internal/wire"
)

// subscribeAll is the tag expression that matches every message.
const subscribeAll = "*"

// Subscription is what a consumer group wants of one topic. It never changes once made.
type Subscription struct {
	wire.SubscriptionData
	codes []int32 // CodeSet, sorted
}

// NewSubscription prepares a client's subscription for matching.
func NewSubscription(d wire.SubscriptionData) *Subscription {
	codes := slices.Clone(d.CodeSet)
	slices.Sort(codes)
	return &Subscription{d, codes}
}

// ErrTags is the refusal of a tag expression that names no tag at all, such as "||".
var ErrTags = errors.New("subString split error")

// ParseTags makes the subscription that a tag expression "TagA || TagB" stands for, as FilterAPI does.
// An empty expression means all.
func ParseTags(topic, expression string) (*Subscription, error) {
	d := wire.SubscriptionData{Topic: topic, SubString: expression, ExpressionType: wire.ExpressionTag}
	if expression == "" || expression == subscribeAll {
		d.SubString = subscribeAll
		return NewSubscription(d), nil
	}
	if strings.Trim(expression, "|") == "" && strings.Count(expression, "|")%2 == 0 {
		return nil, ErrTags // Java's split of "||" or "||||" has no part
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(d.TagsSet, tag) {
			d.TagsSet = append(d.TagsSet, tag)
			d.CodeSet = append(d.CodeSet, javahash.String([]byte(tag)))
		}
	}
	return NewSubscription(d), nil
}

// ByTag tells whether the subscription is filtered by tag; the other kind is SQL92.
func (s *Subscription) ByTag() bool {
	return s.ExpressionType == "" || s.ExpressionType == wire.ExpressionTag
}

// MatchesAll tells whether every message passes without a look at its tag.
func (s *Subscription) MatchesAll() bool {
	return s.ClassFilterMode || s.ByTag() && s.SubString == subscribeAll
}

// Matches tells whether a consume queue entry's tags code passes. Only 32 bits of hash are
// compared; the client compares the text.
func (s *Subscription) Matches(tagsCode int64) bool {
	if s.MatchesAll() {
		return true
	}
	code := int32(tagsCode)
	if len(s.codes) <= 8 {
		return slices.Contains(s.codes, code)
	}
	_, ok := slices.BinarySearch(s.codes, code)
	return ok
}

// size estimates the memory a subscription takes.
func (s *Subscription) size() int64 {
	n := 256 + len(s.Topic) + len(s.SubString) + len(s.ExpressionType) + 8*len(s.CodeSet)
	for _, tag := range s.TagsSet {
		n += 16 + len(tag)
	}
	return int64(n)
}
