package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"ringmq/internal/admin"
	"ringmq/internal/message"
)

// sentRow is what sendMessage tells of the message.
type sentRow struct {
	Broker   string `json:"broker"`
	Queue    int32  `json:"queueId"`
	Offset   int64  `json:"queueOffset"`
	Status   string `json:"status"`
	ID       string `json:"msgId"`
	OffsetID string `json:"offsetMsgId"`
}

func sendMessage() adminCommand {
	m := admin.Outgoing{Queue: -1}
	return adminCommand{
		name: "sendMessage", short: "Send a message",
		flags: func(f *pflag.FlagSet) {
			f.StringP("topic", "t", "", "topic")
			f.StringP("body", "p", "", "text of the message")
			f.StringP("key", "k", "", "keys, divided by blanks")
			f.StringP("tags", "c", "", "tag")
			f.StringP("broker", "b", "", "name of the broker to send to")
			f.Int32VarP(&m.Queue, "qid", "i", -1, "queue to send to, with -b")
			f.StringP("msgTraceEnable", "m", "", "not supported; only false")
		},
		required: []string{"topic", "body"},
		run: func(r *adminRun) error {
			if r.flags.Changed("qid") && !r.flags.Changed("broker") {
				return &usageError{errors.New("-i names a queue of one broker: name the broker with -b")}
			}
			if trace, err := r.truth("msgTraceEnable"); err != nil || trace {
				return errors.Join(err, &usageError{errors.New("-m true: messages of this tool are not traced")})
			}
			m.Topic, m.Body = r.text("topic"), []byte(r.text("body"))
			m.Keys, m.Tags, m.Broker = r.text("key"), r.text("tags"), r.text("broker")
			sent, err := r.cluster.Send(r.ctx, m)
			if err != nil {
				return err
			}
			return r.print(sentRow(*sent), func(w io.Writer) {
				const format = "%-32s  %-4v  %-20s    %s\n"
				fmt.Fprintf(w, format, "#Broker Name", "#QID", "#Send Result", "#MsgId")
				fmt.Fprintf(w, format, sent.Broker, sent.Queue, sent.Status, sent.ID)
			})
		},
	}
}

func consumeMessage() adminCommand {
	c := reading{rows: []messageRow{}}
	return adminCommand{
		name: "consumeMessage", short: "Print messages of a topic; no group's progress changes",
		flags: func(f *pflag.FlagSet) {
			f.StringP("topic", "t", "", "topic")
			f.StringP("brokerName", "b", "", "only this broker's queues")
			f.Int32VarP(&c.queue, "queueId", "i", -1, "only this queue, with -b")
			f.Int64VarP(&c.offset, "offset", "o", -1, "start at this offset, with -i")
			f.StringP("consumerGroup", "g", admin.ToolsGroup, "consumer group to read as")
			f.StringP("beginTimestamp", "s", "", "start at messages stored at this time: milliseconds or yyyy-MM-dd#HH:mm:ss:SSS")
			f.StringP("endTimestamp", "e", "", "end before messages stored at this time")
			f.IntVarP(&c.left, "MessageNumber", "c", 128, "most messages to print")
		},
		required: []string{"topic"},
		run: func(r *adminRun) error {
			if err := c.parse(r); err != nil {
				return &usageError{err}
			}
			return c.run(r)
		},
	}
}

// reading is a consumeMessage under way.
type reading struct {
	broker     string
	queue      int32 // −1: all
	offset     int64 // −1: the oldest message
	begin, end time.Time
	left       int // messages still to print
	rows       []messageRow
}

func (c *reading) parse(r *adminRun) (err error) {
	c.broker = r.text("brokerName")
	switch {
	case c.left <= 0:
		return errors.New("-c must be positive")
	case r.flags.Changed("queueId") && c.broker == "":
		return errors.New("-i names a queue of one broker: name the broker with -b")
	case r.flags.Changed("offset") && !r.flags.Changed("queueId"):
		return errors.New("-o is an offset of one queue: name the queue with -b and -i")
	}
	if c.begin, err = parseTime(r.text("beginTimestamp")); err != nil {
		return fmt.Errorf("-s %w", err)
	}
	if c.end, err = parseTime(r.text("endTimestamp")); err != nil {
		return fmt.Errorf("-e %w", err)
	}
	if !c.end.IsZero() && c.end.Before(c.begin) {
		return errors.New("-e is before -s")
	}
	return nil
}

// parseTime reads a time as mqadmin does; empty is the zero time.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	// Go knows no colon before a fraction.
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		if t, err := time.ParseInLocation("2006-01-02#15:04:05.000", s[:i]+"."+s[i+1:], time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: want milliseconds or yyyy-MM-dd#HH:mm:ss:SSS", s)
}

func (c *reading) run(r *adminRun) error {
	queues, err := r.cluster.Readable(r.ctx, r.text("topic"))
	if err != nil {
		return err
	}
	found := false
	for _, q := range queues {
		if c.broker != "" && c.broker != q.Queue.BrokerName || c.queue >= 0 && c.queue != q.Queue.QueueID {
			continue
		}
		found = true
		if err := c.drain(r, q); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("topic %s has no such queue to read", r.text("topic"))
	}
	return r.print(c.rows, func(w io.Writer) {
		for i := range c.rows {
			c.rows[i].write(w)
		}
		if len(c.rows) == 0 {
			fmt.Fprintln(w, "no message")
		}
	})
}

// drain reads one queue between its bounds.
func (c *reading) drain(r *adminRun, q admin.Readable) error {
	next, end, err := c.bounds(r, q)
	for err == nil && next < end && c.left > 0 {
		var p *admin.Pulled
		p, err = r.cluster.Pull(r.ctx, q, r.text("consumerGroup"), next, int32(min(end-next, int64(c.left), 32)))
		if err != nil {
			return err
		}
		for i := range p.Messages {
			if m := &p.Messages[i]; int64(m.QueueOffset) < end && c.left > 0 {
				c.rows = append(c.rows, newMessageRow(q.Queue.BrokerName, m))
				c.left--
			}
		}
		if p.End || p.Next <= next {
			return nil // nothing behind, or the broker leads us in a circle
		}
		next = p.Next
	}
	return err
}

// bounds are the offsets to read from and up to.
func (c *reading) bounds(r *adminRun, q admin.Readable) (begin, end int64, err error) {
	if c.begin.IsZero() {
		begin, err = r.cluster.MinOffset(r.ctx, q)
	} else {
		begin, err = r.cluster.OffsetAt(r.ctx, q, c.begin)
	}
	if err != nil {
		return 0, 0, err
	}
	if c.end.IsZero() {
		end, err = r.cluster.MaxOffset(r.ctx, q)
	} else {
		end, err = r.cluster.OffsetAt(r.ctx, q, c.end)
	}
	return max(begin, c.offset), end, err
}

// messageRow is one message. A body that is no text stands in BodyBase64.
type messageRow struct {
	ID         string            `json:"msgId"`
	Topic      string            `json:"topic"`
	Broker     string            `json:"broker"`
	Queue      int32             `json:"queueId"`
	Offset     int64             `json:"queueOffset"`
	Born       int64             `json:"bornTimestamp"`
	BornHost   string            `json:"bornHost"`
	Stored     int64             `json:"storeTimestamp"`
	StoreHost  string            `json:"storeHost"`
	LogOffset  int64             `json:"commitLogOffset"`
	Reconsumed int32             `json:"reconsumeTimes"`
	Properties map[string]string `json:"properties"`
	Body       string            `json:"body,omitempty"`
	BodyBase64 []byte            `json:"bodyBase64,omitempty"`
}

func newMessageRow(broker string, m *message.Record) messageRow {
	row := messageRow{
		ID: admin.MessageID(m), Topic: string(m.Topic), Broker: broker, Queue: m.QueueID, Offset: int64(m.QueueOffset),
		Born: m.BornTimestamp, BornHost: m.BornHost.String(), Stored: m.StoreTimestamp, StoreHost: m.StoreHost.String(),
		LogOffset: int64(m.LogOffset), Reconsumed: m.ReconsumeTimes, Properties: map[string]string{},
	}
	for name, value := range m.Properties.All() {
		row.Properties[string(name)] = string(value)
	}
	if utf8.Valid(m.Body) {
		row.Body = string(m.Body)
	} else {
		row.BodyBase64 = m.Body
	}
	return row
}

func (m *messageRow) write(w io.Writer) {
	body := m.Body
	if m.BodyBase64 != nil {
		body = strconv.Quote(string(m.BodyBase64))
	}
	fmt.Fprintf(w, "MSGID: %s [brokerName=%s, queueId=%d, queueOffset=%d, bornTimestamp=%d, bornHost=%s, storeTimestamp=%d, storeHost=%s, "+
		"commitLogOffset=%d, reconsumeTimes=%d, properties=%v] BODY: %s\n",
		m.ID, m.Broker, m.Queue, m.Offset, m.Born, m.BornHost, m.Stored, m.StoreHost, m.LogOffset, m.Reconsumed, m.Properties, body)
}
