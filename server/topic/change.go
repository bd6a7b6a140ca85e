package topic

import (
	"fmt"

	"ringmq/internal/wire"
	"ringmq/server/names"
)

// CreateOnSend returns the topic of a message, making it after the template that the producer
// names if it does not exist (TopicConfigManager.createTopicInSendMessageMethod). Without error
// and topic the rules do not let it come into being: the answer is TOPIC_NOT_EXIST.
func (t *Table) CreateOnSend(name, template string, clientQueues int32, unitMode bool) (*Topic, error) {
	if err := names.CheckTopic(name); err != nil {
		return nil, err
	}
	sysFlag := int32(0)
	switch {
	case unitMode && isRetry(name):
		sysFlag = sysFlagUnitSub
	case unitMode:
		sysFlag = sysFlagUnit
	}
	return t.create(name, func() (c wire.TopicConfig, ok bool) {
		from := t.Find(template)
		if from != nil && from.Perm()&PermInherit != 0 && (template != AutoCreate || t.o.AutoCreate()) {
			c = newConfig(name, max(min(clientQueues, from.WriteQueues()), 0), from.Perm()&^PermInherit)
			c.TopicFilterType = from.config.TopicFilterType
		} else if isRetry(name) {
			c = newConfig(name, 1, PermRead|PermWrite)
		} else {
			return c, false
		}
		c.TopicSysFlag = sysFlag
		return c, true
	})
}

// Retry returns the topic of the messages that a group gives back, making it if need be.
// Without error and topic the group's name leaves no room for the prefix: such a group has none.
func (t *Table) Retry(group string, queues int32, unitMode bool) (*Topic, error) {
	return t.ofGroup(names.RetryPrefix+group, min(max(queues, 0), names.MaxQueues), unitMode)
}

// DeadLetter returns the topic of the messages that a group gave back too often, making
// it if need be.
func (t *Table) DeadLetter(group string) (*Topic, error) {
	topic, err := t.ofGroup(names.DeadPrefix+group, 1, false)
	if topic == nil && err == nil {
		err = names.ErrTopicLong
	}
	return topic, err
}

// Own returns a topic of one queue that the broker itself stores in, making it if need be
// (TopicConfigManager.createTopicOfTranCheckMaxTime).
func (t *Table) Own(name string) (*Topic, error) { return t.ofGroup(name, 1, false) }

func (t *Table) ofGroup(name string, queues int32, unitMode bool) (*Topic, error) {
	if topic := t.Find(name); topic != nil {
		return topic, nil
	}
	switch err := names.CheckTopic(name); err {
	case nil:
	case names.ErrTopicLong:
		return nil, nil
	default:
		return nil, err
	}
	return t.create(name, func() (wire.TopicConfig, bool) {
		c := newConfig(name, queues, PermRead|PermWrite)
		if unitMode {
			c.TopicSysFlag = sysFlagUnitSub
		}
		return c, true
	})
}

// create publishes and saves a topic unless it exists. When the file cannot be written the topic
// stays, the caller gets the error, and the next save tries again.
func (t *Table) create(name string, config func() (wire.TopicConfig, bool)) (*Topic, error) {
	topic, isNew, err := t.add(name, config)
	if !isNew || err != nil {
		return topic, err
	}
	if err := t.file.Save(); err != nil {
		return nil, err
	}
	t.o.Log.Info("topic created", "topic", describe(&topic.config))
	t.o.Created(topic)
	return topic, nil
}

func (t *Table) add(name string, config func() (wire.TopicConfig, bool)) (topic *Topic, isNew bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if topic := t.Find(name); topic != nil {
		return topic, false, nil
	}
	c, ok := config()
	if !ok {
		return nil, false, nil
	}
	if t.topics.Len() >= MaxTopics {
		return nil, false, fmt.Errorf("the broker has %d topics and takes no further one", MaxTopics)
	}
	t.nextVersion()
	return t.publish(c), true, nil
}

// Update creates or overwrites a topic (request 17); the name servers have to learn of it. The order
// flag is not the client's to set. The error is an answer for the client.
func (t *Table) Update(c wire.TopicConfig) error {
	if err := names.CheckTopic(c.TopicName); err != nil {
		return err
	}
	switch {
	case t.IsSystem(c.TopicName):
		return systemConflict(c.TopicName)
	case c.TopicFilterType != singleTag && c.TopicFilterType != multiTag:
		return fmt.Errorf("topicFilterType = [%s] value invalid", c.TopicFilterType)
	}
	if err := checkQueues(&c); err != nil {
		return err
	}
	if t.topics.Light(c.TopicName) {
		return nil // it is as it is (LmqTopicConfigManager.updateTopicConfig)
	}
	c.Order = false
	t.replace(c)
	t.o.Log.Info("topic updated", "topic", describe(&c))
	return t.file.Save()
}

func (t *Table) replace(c wire.TopicConfig) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextVersion()
	t.publish(c)
}

// Delete removes a topic (request 215); what it holds is the store's to remove. A topic
// that does not exist is no error, as in Java. The error is an answer for the client.
func (t *Table) Delete(name string) error {
	if err := names.CheckTopic(name); err != nil {
		return err
	}
	if t.IsSystem(name) {
		return systemConflict(name)
	}
	if !t.remove(name) {
		return nil
	}
	t.o.Log.Info("topic deleted", "topic", name)
	return t.file.Save()
}

func (t *Table) remove(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.topics.Delete(name) {
		return false
	}
	t.nextVersion()
	return true
}

// SetOrdered makes the topics that a name server has an order configuration for order topics, and
// no others (updateOrderTopicConfig).
func (t *Table) SetOrdered(ordered map[string]string) error {
	if !t.reorder(ordered) {
		return nil
	}
	return t.file.Save()
}

func (t *Table) reorder(ordered map[string]string) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, topic := range t.topics.All() {
		if _, want := ordered[name]; want != topic.Order() {
			if !changed {
				t.nextVersion()
			}
			changed = true
			c := topic.config
			c.Order = want
			t.publish(c)
		}
	}
	return changed
}

func systemConflict(name string) error {
	return fmt.Errorf("The topic[%s] is conflict with system topic.", name)
}
