package index

import "ringmq/internal/javahash"

// Hash is the hash of a key of a topic: Java's hashCode of "topic#key" without its sign, as
// IndexFile.indexKeyHashMethod computes it. It is not negative.
func Hash(topic, key []byte) int32 { return hashTopic(topic).key(key) }

// topicHash is the hash of "topic#", from which those of a record's keys go on.
type topicHash int32

func hashTopic(topic []byte) topicHash {
	return topicHash(31*javahash.String(topic) + '#')
}

func (h topicHash) key(key []byte) int32 {
	k := javahash.Append(int32(h), key)
	if k < 0 {
		k = -k
	}
	return max(k, 0) // -MinInt32 is MinInt32
}
