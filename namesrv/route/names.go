package route

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"ringmq/internal/wire"
)

const (
	// maxNameBytes bounds the names of topics, brokers and clusters. A broker accepts topics
	// of 127 characters and groups of 255, whose retry topics are a little longer.
	maxNameBytes = 300
	maxAddrBytes = 300
	// maxQueues bounds a topic's queue counts: clients make an object of each queue.
	maxQueues = 1 << 16
)

// check refuses a registration that names nothing sensible.
func (r *Registration) check(l Limits) error {
	switch {
	case !saneName(r.Cluster):
		return fmt.Errorf("cluster name %.40q is empty, longer than %d bytes or has blanks or control characters", r.Cluster, maxNameBytes)
	case !saneName(r.Broker):
		return fmt.Errorf("broker name %.40q is empty, longer than %d bytes or has blanks or control characters", r.Broker, maxNameBytes)
	case !saneAddr(r.Addr):
		return fmt.Errorf("broker address %.40q is not host:port", r.Addr)
	case r.HAAddr != "" && !saneAddr(r.HAAddr):
		return fmt.Errorf("HA address %.40q is not host:port", r.HAAddr)
	case len(r.Filters) > l.Filters:
		return fmt.Errorf("%d filter servers; %d are accepted", len(r.Filters), l.Filters)
	}
	for _, f := range r.Filters {
		if !saneAddr(f) {
			return fmt.Errorf("filter server address %.40q is not host:port", f)
		}
	}
	return nil
}

// saneName accepts more than a broker does (which allows letters, digits, and %|_- in
// topics): clusters, brokers and the topics named after them are under no such rule.
func saneName(s string) bool {
	if s == "" || len(s) > maxNameBytes || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// saneAddr accepts host:port with a host name, an IPv4 or an IPv6 address.
func saneAddr(s string) bool {
	if len(s) > maxAddrBytes || !saneName(s) {
		return false
	}
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return false
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	return err == nil && port > 0
}

// saneTopic tells whether a topic of a registration may enter the tables.
func saneTopic(c *wire.TopicConfig) bool {
	return c != nil && saneName(c.TopicName) &&
		c.ReadQueueNums >= 0 && c.ReadQueueNums <= maxQueues &&
		c.WriteQueueNums >= 0 && c.WriteQueueNums <= maxQueues
}
