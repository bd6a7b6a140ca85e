package raw

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Request codes of RocketMQ that the suites use.
const (
	CodeSend              = 10
	CodePull              = 11
	CodeQueryMessage      = 12
	CodeQueryOffset       = 14
	CodeUpdateOffset      = 15
	CodeUpdateTopic       = 17
	CodeTopicConfigs      = 21
	CodeMaxOffset         = 30
	CodeMinOffset         = 31
	CodeViewMessage       = 33
	CodeHeartbeat         = 34
	CodeSendBack          = 36
	CodeConsumerList      = 38
	CodeAllOffsets        = 43
	CodeRoute             = 105
	CodeClusterInfo       = 106
	CodeUpdateGroup       = 200
	CodeGroups            = 201
	CodeSendV2            = 310
	CodeSendBatch         = 320
	CodeUnusedByRocketMQ  = 9999
	CodeRegisterBroker    = 103
	CodePutKV             = 100
	CodeDeleteTopicBroker = 215
)

// Answer codes of RocketMQ that the suites tell apart.
const (
	Success              = 0
	SystemError          = 1
	NotSupported         = 3
	MessageIllegal       = 13
	ServiceNotAvailable  = 14
	TopicNotExist        = 17
	PullNotFound         = 19
	PullRetryImmediately = 20
	PullOffsetMoved      = 21
	QueryNotFound        = 22
)

// CodeError is an answer other than Success.
type CodeError struct {
	Request, Code int
	Remark        string
}

func (e *CodeError) Error() string {
	return fmt.Sprintf("request code %d answered with code %d %q", e.Request, e.Code, e.Remark)
}

// Want is [Conn.Call] for requests that have to succeed: another answer is a *[CodeError].
func (c *Conn) Want(ctx context.Context, code int, ext map[string]string, body []byte) (Reply, error) {
	r, err := c.Call(ctx, code, ext, body)
	if err == nil && r.Code != Success {
		err = &CodeError{code, r.Code, r.Remark}
	}
	return r, err
}

// Receipt is what a broker acknowledges of one send.
type Receipt struct {
	// IDs are the offset message ids, one per message of the request.
	IDs         []string
	Queue       int32
	QueueOffset int64 // of the first message
}

// SendExt returns the extension fields of a send request, by their long names (code 10).
func SendExt(topic string, queue int32, properties string) map[string]string {
	return map[string]string{
		"producerGroup": "PG_raw", "topic": topic, "defaultTopic": "TBW102", "defaultTopicQueueNums": "4",
		"queueId": strconv.Itoa(int(queue)), "sysFlag": "0", "bornTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10),
		"flag": "0", "properties": properties, "reconsumeTimes": "0", "unitMode": "false", "batch": "false",
	}
}

// Send stores one message.
func (c *Conn) Send(ctx context.Context, topic string, queue int32, properties string, body []byte) (Receipt, error) {
	return c.receipt(c.Want(ctx, CodeSend, SendExt(topic, queue, properties), body))
}

// SendBatch stores messages under one request (code 320, short field names).
func (c *Conn) SendBatch(ctx context.Context, topic string, queue int32, messages []BatchMessage) (Receipt, error) {
	var body []byte
	for _, m := range messages {
		size := 4 + 4 + 4 + 4 + 4 + len(m.Body) + 2 + len(m.Properties)
		body = binary.BigEndian.AppendUint32(body, uint32(size))
		body = binary.BigEndian.AppendUint32(body, 0) // magic and CRC: the broker sets its own
		body = binary.BigEndian.AppendUint32(body, 0)
		body = binary.BigEndian.AppendUint32(body, 0) // flag
		body = binary.BigEndian.AppendUint32(body, uint32(len(m.Body)))
		body = append(body, m.Body...)
		body = binary.BigEndian.AppendUint16(body, uint16(len(m.Properties)))
		body = append(body, m.Properties...)
	}
	ext := map[string]string{
		"a": "PG_raw", "b": topic, "c": "TBW102", "d": "4", "e": strconv.Itoa(int(queue)), "f": "0",
		"g": strconv.FormatInt(time.Now().UnixMilli(), 10), "h": "0", "i": "", "j": "0", "k": "false", "m": "true",
	}
	return c.receipt(c.Want(ctx, CodeSendBatch, ext, body))
}

// BatchMessage is one message of [Conn.SendBatch].
type BatchMessage struct {
	Properties string
	Body       []byte
}

func (c *Conn) receipt(r Reply, err error) (Receipt, error) {
	if err != nil {
		return Receipt{}, err
	}
	queue, err := strconv.ParseInt(r.Ext["queueId"], 10, 32)
	if err != nil {
		return Receipt{}, fmt.Errorf("queueId of a send answer: %w", err)
	}
	offset, err := strconv.ParseInt(r.Ext["queueOffset"], 10, 64)
	if err != nil {
		return Receipt{}, fmt.Errorf("queueOffset of a send answer: %w", err)
	}
	return Receipt{strings.Split(r.Ext["msgId"], ","), int32(queue), offset}, nil
}

// Pulled is the answer to one pull.
type Pulled struct {
	Code           int
	Remark         string
	Next, Min, Max int64
	Records        []Record
}

// Pull asks once, without waiting for messages, with the subscription in the request.
func (c *Conn) Pull(ctx context.Context, group, topic string, queue int32, offset int64, limit int) (Pulled, error) {
	const subscriptionInRequest = "4"
	r, err := c.Call(ctx, CodePull, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)), "queueOffset": strconv.FormatInt(offset, 10),
		"maxMsgNums": strconv.Itoa(limit), "sysFlag": subscriptionInRequest, "commitOffset": "0", "suspendTimeoutMillis": "0",
		"subscription": "*", "subVersion": "0", "expressionType": "TAG",
	}, nil)
	if err != nil {
		return Pulled{}, err
	}
	p := Pulled{Code: r.Code, Remark: r.Remark}
	for name, into := range map[string]*int64{"nextBeginOffset": &p.Next, "minOffset": &p.Min, "maxOffset": &p.Max} {
		if text, ok := r.Ext[name]; ok {
			if *into, err = strconv.ParseInt(text, 10, 64); err != nil {
				return p, fmt.Errorf("%s of a pull answer: %w", name, err)
			}
		}
	}
	if p.Code == Success {
		p.Records, err = Records(r.Body)
	}
	return p, err
}

// Offset asks for a number of a queue: [CodeMaxOffset] or [CodeMinOffset].
func (c *Conn) Offset(ctx context.Context, code int, topic string, queue int32) (int64, error) {
	r, err := c.Want(ctx, code, map[string]string{"topic": topic, "queueId": strconv.Itoa(int(queue))}, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(r.Ext["offset"], 10, 64)
}

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

// CommittedOffset returns where a group stands in a queue.
func (c *Conn) CommittedOffset(ctx context.Context, group, topic string, queue int32) (int64, error) {
	r, err := c.Want(ctx, CodeQueryOffset, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)),
	}, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(r.Ext["offset"], 10, 64)
}

// CommitOffset sets where a group stands in a queue.
func (c *Conn) CommitOffset(ctx context.Context, group, topic string, queue int32, offset int64) error {
	_, err := c.Want(ctx, CodeUpdateOffset, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(int(queue)), "commitOffset": strconv.FormatInt(offset, 10),
	}, nil)
	return err
}

// View returns the record at an offset of the commit log.
func (c *Conn) View(ctx context.Context, offset int64) (Record, error) {
	r, err := c.Want(ctx, CodeViewMessage, map[string]string{"offset": strconv.FormatInt(offset, 10)}, nil)
	if err != nil {
		return Record{}, err
	}
	records, err := Records(r.Body)
	if err != nil {
		return Record{}, err
	}
	if len(records) != 1 {
		return Record{}, fmt.Errorf("view at %d returned %d records", offset, len(records))
	}
	return records[0], nil
}

// QueryKey returns the messages of a topic that carry a key, as the index finds them.
func (c *Conn) QueryKey(ctx context.Context, topic, key string, limit int) ([]Record, error) {
	r, err := c.Call(ctx, CodeQueryMessage, map[string]string{
		"topic": topic, "key": key, "maxNum": strconv.Itoa(limit), "beginTimestamp": "0",
		"endTimestamp": strconv.FormatInt(1<<62, 10),
	}, nil)
	switch {
	case err != nil:
		return nil, err
	case r.Code == QueryNotFound:
		return nil, nil
	case r.Code != Success:
		return nil, &CodeError{CodeQueryMessage, r.Code, r.Remark}
	}
	return Records(r.Body)
}
