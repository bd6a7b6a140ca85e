package server

import (
	"ringmq/server/names"
	"ringmq/server/topic"
)

// cleanStaleQueues serves 306 (CLEAN_EXPIRED_CONSUMEQUEUE). Topics with configuration keep their queues: they are small
// when all has expired, and know how far consumers may have come.
func (b *Broker) cleanStaleQueues(x *exchange) {
	err := b.store.DeleteStaleQueues(func(name string) bool { return b.topics.Find(name) != nil })
	if err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}

// deleteExpired serves 329 (DELETE_EXPIRED_COMMITLOG): what has expired goes now, whatever the hour.
func (b *Broker) deleteExpired(x *exchange) {
	if err := b.store.DeleteExpired(b.clock.Now(), true); err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}

// cleanUnusedTopics serves 316 (CLEAN_UNUSED_TOPIC): the queues of topics without configuration go. Messages that wait stay, and
// light queues (DefaultMessageStore.cleanUnusedTopic). Java forgets half messages that come before its first look at them.
func (b *Broker) cleanUnusedTopics(x *exchange) {
	for _, name := range b.store.Topics() {
		if b.topics.Find(name) != nil || topic.Waits(name) || names.IsLight(name) {
			continue
		}
		b.log.Info("queues of a topic without configuration are removed", "topic", name)
		if err := b.store.DeleteTopic(name); err != nil {
			x.refuse(err)
			return
		}
	}
	x.ok(nil)
}
