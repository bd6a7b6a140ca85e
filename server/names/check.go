// Package names says what a topic or a group may be called, and holds the map from names to
// state that the hot path reads.
//
// Every name a request carries passes one of the Check functions before it becomes a key of
// something that is written to a file, or part of a path: RocketMQ checks topics only, and a
// group called "a/../x" spoils a Java broker's store for good.
package names

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of names and queue counts.
const (
	// MaxTopic is the longest topic, in bytes: its length is one signed byte of a CommitLog record.
	MaxTopic = 127
	// MaxGroup is the longest group, in bytes: Java's clients allow no more (Validators).
	MaxGroup = 255
	// MaxQueues is the most queues a topic may have. Java has no bound, and a topic
	// of 2³¹−1 queues ends a Java broker.
	MaxQueues = 1 << 16
)

// Name prefixes by which RocketMQ tells the topics of one group from the rest.
const (
	RetryPrefix = "%RETRY%" // messages a group gave back
	DeadPrefix  = "%DLQ%"   // messages a group gave back too often
)

// LightPrefix begins the names of light topics and of the groups that consume them: with enableLmq they exist without
// being configured (MixAll.LMQ_PREFIX).
const LightPrefix = "%LMQ%"

// IsLight tells light topics and groups by their name.
func IsLight[T string | []byte](name T) bool {
	return len(name) >= len(LightPrefix) && string(name[:len(LightPrefix)]) == LightPrefix
}

// The answers to a bad topic name; the texts are TopicValidator's, which clients show to people.
var (
	ErrTopicBlank   = errors.New("The specified topic is blank.")
	ErrTopicIllegal = errors.New("The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
	ErrTopicLong    = errors.New("The specified topic is longer than topic max length.")
)

// The answers to a bad group name, in the words of the former.
var (
	ErrGroupBlank   = errors.New("The specified group is blank.")
	ErrGroupIllegal = errors.New("The specified group contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
	ErrGroupLong    = errors.New("The specified group is longer than group max length 255.")
)

// CheckTopic tells what is wrong with a topic name, in the order TopicValidator looks.
func CheckTopic[T string | []byte](name T) error {
	return check(name, MaxTopic, ErrTopicBlank, ErrTopicIllegal, ErrTopicLong)
}

// CheckGroup tells what is wrong with the name of a producer or consumer group. Java's
// clients refuse the same names (Validators.checkGroup); its broker takes any.
func CheckGroup[T string | []byte](name T) error {
	return check(name, MaxGroup, ErrGroupBlank, ErrGroupIllegal, ErrGroupLong)
}

// CheckStored tells whether a name that stands in a file, or is a broker's or a cluster's, may
// become a topic or group. Java writes names there that it would not take from
// a client (a host name with dots as brokerName), so only those are refused that no
// store could hold: a topic is the name of a folder.
func CheckStored(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is no name for a topic or group", name)
	case len(name) > MaxGroup:
		return fmt.Errorf("the name %.40q… has %d bytes, more than %d", name, len(name), MaxGroup)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("the name %q has a character that no folder may have", name)
	}
	return nil
}

func check[T string | []byte](name T, most int, blank, illegal, long error) error {
	bad, seen := false, false
	for i := range len(name) {
		c := name[i]
		seen = seen || c > ' '
		bad = bad || !legal[c]
	}
	switch {
	case !seen:
		return blank
	case bad:
		return illegal
	case len(name) > most:
		return long
	}
	return nil
}

// legal marks the bytes of ^[%|a-zA-Z0-9_-]+$.
var legal = func() (t [256]bool) {
	for _, c := range "%|_-" {
		t[c] = true
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	return t
}()
