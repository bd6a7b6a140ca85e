package raw

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// CreateTopic creates or changes a topic that can be read and written.
func (c *Conn) CreateTopic(ctx context.Context, topic string, queues int) error {
	_, err := c.Want(ctx, CodeUpdateTopic, map[string]string{
		"topic": topic, "defaultTopic": "TBW102", "readQueueNums": strconv.Itoa(queues), "writeQueueNums": strconv.Itoa(queues),
		"perm": "6", "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
	}, nil)
	return err
}

// TopicConfig is what a broker knows of a topic.
type TopicConfig struct {
	Name    string `json:"topicName"`
	Read    int    `json:"readQueueNums"`
	Write   int    `json:"writeQueueNums"`
	Perm    int    `json:"perm"`
	SysFlag int    `json:"topicSysFlag"`
	Filter  string `json:"topicFilterType"`
	IsOrder bool   `json:"order"`
}

// Topics returns every topic of a broker by name.
func (c *Conn) Topics(ctx context.Context) (map[string]TopicConfig, error) {
	var body struct {
		Table map[string]TopicConfig `json:"topicConfigTable"`
	}
	return body.Table, c.jsonBody(ctx, CodeTopicConfigs, &body)
}

// Groups returns every subscription group of a broker by name, each as the broker's own JSON.
func (c *Conn) Groups(ctx context.Context) (map[string]json.RawMessage, error) {
	var body struct {
		Table map[string]json.RawMessage `json:"subscriptionGroupTable"`
	}
	return body.Table, c.jsonBody(ctx, CodeGroups, &body)
}

func (c *Conn) jsonBody(ctx context.Context, code int, into any) error {
	r, err := c.Want(ctx, code, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.Body, into); err != nil {
		return fmt.Errorf("body of the answer to request code %d: %w", code, err)
	}
	return nil
}

// Heartbeat registers this connection as a push consumer of a group, subscribed to whole topics.
func (c *Conn) Heartbeat(ctx context.Context, clientID, group string, topics ...string) error {
	type subscription struct {
		Topic      string   `json:"topic"`
		SubString  string   `json:"subString"`
		Tags       []string `json:"tagsSet"`
		Codes      []int32  `json:"codeSet"`
		SubVersion int64    `json:"subVersion"`
		Type       string   `json:"expressionType"`
	}
	type consumer struct {
		Group         string         `json:"groupName"`
		Type          string         `json:"consumeType"`
		Model         string         `json:"messageModel"`
		From          string         `json:"consumeFromWhere"`
		Subscriptions []subscription `json:"subscriptionDataSet"`
	}
	var subscriptions []subscription
	for _, topic := range topics {
		subscriptions = append(subscriptions, subscription{topic, "*", []string{}, []int32{}, time.Now().UnixMilli(), "TAG"})
	}
	body, err := json.Marshal(map[string]any{
		"clientID":        clientID,
		"producerDataSet": []any{},
		"consumerDataSet": []consumer{{group, "CONSUME_PASSIVELY", "CLUSTERING", "CONSUME_FROM_FIRST_OFFSET", subscriptions}},
	})
	if err != nil {
		return err
	}
	_, err = c.Want(ctx, CodeHeartbeat, nil, body)
	return err
}
