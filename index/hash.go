package index

import (
	"bytes"

	"ringmq/internal/javahash"
)

// Hash is the hash of a key of a topic: Java's hashCode of "topic#key" without its sign, as
// IndexFile.indexKeyHashMethod computes it. It is not negative.
func Hash(topic, key []byte) int32 { return hashTopic(topic).key(key) }

// AppendHashes appends the hashes that a record is found by: of its unique key (the property
// UNIQ_KEY) and of each of its keys (the property KEYS, with spaces between them).
func AppendHashes(dst []int32, topic, uniqKey, keys []byte) []int32 {
	if len(uniqKey) == 0 && len(keys) == 0 {
		return dst
	}
	h := hashTopic(topic)
	if len(uniqKey) > 0 {
		dst = append(dst, h.key(uniqKey))
	}
	for len(keys) > 0 {
		key := keys
		if i := bytes.IndexByte(keys, ' '); i >= 0 {
			key, keys = keys[:i], keys[i+1:]
		} else {
			keys = nil
		}
		if len(key) > 0 {
			dst = append(dst, h.key(key))
		}
	}
	return dst
}

// topicHash is the hash code of "topic#", from which those of a record's keys go on.
type topicHash int32

func hashTopic(topic []byte) topicHash {
	return topicHash(31*javahash.String(topic) + '#')
}

func (h topicHash) key(key []byte) int32 { return absHash(javahash.Append(int32(h), key)) }

// absHash is a hash code without its sign; the one that has no positive counterpart becomes 0.
func absHash(code int32) int32 {
	if code < 0 {
		code = -code
	}
	return max(code, 0)
}
