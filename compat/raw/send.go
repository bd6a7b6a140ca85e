package raw

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
