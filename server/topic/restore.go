package topic

import "ringmq/server/names"

// Restore takes note that the store has a queue of a topic, before the table is used. When topics.json is
// missing, or older than the last message there, the topic is made again, or gets the
// queues that it lacks; with a file that is newer it was deleted, or made smaller. lastStored is that
// message's store time in ms. [Table.SaveIfMarked] writes what was restored.
func (t *Table) Restore(name string, queue int32, lastStored func() int64) (restored bool) {
	if names.CheckTopic(name) != nil || t.IsSystem(name) || names.IsLight(name) || queue < 0 || queue >= names.MaxQueues {
		return false
	}
	c := newConfig(name, queue+1, PermRead|PermWrite)
	if topic := t.Find(name); topic != nil {
		if queue < max(topic.ReadQueues(), topic.WriteQueues()) {
			return false
		}
		c = topic.config
		c.ReadQueueNums, c.WriteQueueNums = queue+1, queue+1
	} else if t.topics.Len() >= MaxTopics {
		return false
	}
	if t.fileTime >= 0 && lastStored() <= t.fileTime {
		return false
	}
	t.replace(c)
	t.file.Mark()
	return true
}
