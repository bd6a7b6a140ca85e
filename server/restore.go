package server

import (
	"strings"

	"ringmq/consumequeue"
	"ringmq/server/names"
)

// restoreState makes topics and groups again that the store knows and the config folder does not: it
// was lost, or is from before. Consumer offsets are nowhere else; their groups begin as new ones do.
func (b *Broker) restoreState() {
	topics, groups := 0, 0
	last := map[string]func() int64{} // of the groups' topics
	for _, q := range b.store.Queues() {
		stored := func() int64 { return b.lastStored(q) }
		if b.topics.Restore(q.Topic(), q.ID(), stored) {
			topics++
		}
		last[q.Topic()] = stored
	}
	for name := range b.topics.All() {
		group, ok := strings.CutPrefix(name, names.RetryPrefix)
		if !ok {
			group, ok = strings.CutPrefix(name, names.DeadPrefix)
		}
		stored := last[name]
		if stored == nil {
			stored = func() int64 { return -1 } // nothing was ever stored in it
		}
		if ok && b.groups.Restore(group, stored) {
			groups++
		}
	}
	if topics+groups == 0 {
		return
	}
	b.log.Warn("the config folder is missing files, or older than the store: topics and groups are made again from the store",
		"changes of topics", topics, "groups", groups)
	b.saved(b.topics.SaveIfMarked())
	b.saved(b.groups.SaveIfMarked())
}

// lastStored is when a queue's last message was stored, in ms; -1 when it is not there any more.
func (b *Broker) lastStored(q *consumequeue.Queue) int64 {
	return b.store.StoreTimeAt([]byte(q.Topic()), q.ID(), q.Max()-1)
}
