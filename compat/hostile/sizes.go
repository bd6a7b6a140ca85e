package hostile

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"ringmq/compat/raw"
)

var sizeAttacks = []attack{
	{name: "bodies and properties above the limits are refused with code 13", run: tooLarge},
	{name: "thousands of keys in one message", run: manyKeys},
	{name: "queue numbers that do not exist", run: noSuchQueue},
	{name: "an unknown topic with 2³¹−1 queues is made with no more than the template has", run: greedyCreation},
	{name: "a topic of 2³¹−1 queues", javaFails: "stops for good", run: hugeTopic},
	{name: "a group with 2³¹−1 retry queues", javaFails: "stops for good", run: hugeGroup},
	{name: "a heartbeat of 20,000 groups", javaFails: "makes a topic for each", run: manyGroups},
	{name: "a registration that inflates to 512 MiB", javaFails: "has to inflate it", run: bomb},
	{name: "forbidden keys of the configuration are refused with code 16", javaFails: "4.9.7 obeys; 4.9.8 does not", run: forbiddenKeys},
}

// wantCode sends a request and wants an answer with a code.
func wantCode(ctx context.Context, c *raw.Conn, what string, want, code int, ext map[string]string, body []byte) error {
	r, err := c.Call(ctx, code, ext, body)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if r.Code != want {
		return fmt.Errorf("%s: answered with code %d %q, want %d", what, r.Code, r.Remark, want)
	}
	return nil
}

func tooLarge(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	const limit = 4 << 20
	before, err := c.Offset(ctx, raw.CodeMaxOffset, honestTopic, 0)
	if err != nil {
		return err
	}
	for _, row := range []struct {
		what       string
		properties string
		size       int
	}{
		{"a body of 4 MiB + 1", "", limit + 1},
		{"a body of 15 MiB", "", 15 << 20},
		{"properties of 32,768 bytes", raw.Properties("p", strings.Repeat("v", 32766)), 1},
		{"properties of 1 MiB", raw.Properties("p", strings.Repeat("v", 1<<20)), 1},
	} {
		s.sent.add(row.size + len(row.properties))
		if err := wantCode(ctx, c, row.what, raw.MessageIllegal, raw.CodeSend, raw.SendExt(honestTopic, 0, row.properties), make([]byte, row.size)); err != nil {
			return err
		}
	}
	var batch []raw.BatchMessage
	for range 50 {
		batch = append(batch, raw.BatchMessage{Body: make([]byte, 100<<10)})
	}
	s.sent.add(5 << 20)
	if r, err := c.SendBatch(ctx, honestTopic, 0, batch); err == nil {
		return fmt.Errorf("a batch of 5 MB was accepted: %v", r)
	}
	after, err := c.Offset(ctx, raw.CodeMaxOffset, honestTopic, 0)
	if err == nil && after != before {
		err = fmt.Errorf("%d refused messages were stored", after-before)
	}
	return err
}

func manyKeys(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 20 {
		s.sent.add(32 << 10)
		if _, err := c.Send(ctx, honestTopic, 0, raw.Properties("KEYS", strings.Repeat("k ", 16000)), []byte("x")); err != nil {
			return err
		}
	}
	return nil
}

func noSuchQueue(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, id := range []int32{1, 1000, 1<<31 - 1} {
		if err := wantCode(ctx, c, fmt.Sprintf("send to queue %d", id), raw.SystemError, raw.CodeSend, raw.SendExt(honestTopic, id, ""), []byte("x")); err != nil {
			return err
		}
	}
	for _, id := range []int32{-1, 1, 1<<31 - 1} {
		p, err := c.Pull(ctx, "CG_hostile", honestTopic, id, 0, 1)
		if err != nil || p.Code != raw.SystemError {
			return fmt.Errorf("pull of queue %d answered with code %d %q: %w", id, p.Code, p.Remark, err)
		}
	}
	return nil
}

func greedyCreation(ctx context.Context, s *suite) error {
	c := s.honest[s.broker]
	ext := raw.SendExt("hostile_greedy", 0, "")
	ext["defaultTopicQueueNums"] = strconv.Itoa(1<<31 - 1)
	if err := wantCode(ctx, c, "the message that makes the topic", raw.Success, raw.CodeSend, ext, []byte("x")); err != nil {
		return err
	}
	topics, err := c.Topics(ctx)
	if err == nil && topics["hostile_greedy"].Write != 8 {
		err = fmt.Errorf("the topic has %d queues, want 8", topics["hostile_greedy"].Write)
	}
	return err
}

func hugeTopic(ctx context.Context, s *suite) error {
	c := s.honest[s.broker]
	for _, queues := range []int{1<<31 - 1, -1, 1 << 20} {
		if err := c.CreateTopic(ctx, fmt.Sprintf("hostile_huge_%d", max(queues, 0)), queues); err == nil {
			return fmt.Errorf("a topic of %d queues was created", queues)
		}
	}
	return nil
}

func hugeGroup(ctx context.Context, s *suite) error {
	c := s.honest[s.broker]
	body := []byte(`{"groupName":"CG_huge","retryQueueNums":2147483647,"consumeEnable":true,"retryMaxTimes":16}`)
	r, err := c.Call(ctx, raw.CodeUpdateGroup, nil, body)
	if err != nil {
		return err
	}
	if r.Code == raw.Success {
		return fmt.Errorf("a group with 2³¹−1 retry queues was made")
	}
	return nil
}

func manyGroups(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var b bytes.Buffer
	b.WriteString(`{"clientID":"hostile","producerDataSet":[],"consumerDataSet":[`)
	for i := range 20_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"groupName":"CG_many_%d","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[]}`, i)
	}
	b.WriteString(`]}`)
	s.sent.add(b.Len())
	if _, err := c.Call(ctx, raw.CodeHeartbeat, nil, b.Bytes()); err != nil {
		return nil // the connection was closed, which is fair
	}
	topics, err := s.honest[s.broker].Topics(ctx)
	if err == nil && len(topics) > 5000 {
		err = fmt.Errorf("one heartbeat has made %d topics", len(topics))
	}
	return err
}

// bomb registers a broker with a body that inflates to a thousand times its size.
func bomb(ctx context.Context, s *suite) error {
	var body bytes.Buffer
	z := zlib.NewWriter(&body)
	zeros := make([]byte, 1<<20)
	for range 512 {
		if _, err := z.Write(zeros); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	c, err := raw.Dial(ctx, s.namesrv.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	s.sent.add(body.Len())
	r, err := c.Call(ctx, raw.CodeRegisterBroker, map[string]string{
		"brokerName": "bomb", "brokerAddr": "127.0.0.1:1", "clusterName": "bomb", "haServerAddr": "127.0.0.1:2", "brokerId": "0",
		"compressed": "true", "bodyCrc32": strconv.FormatInt(int64(crc32.ChecksumIEEE(body.Bytes())&0x7FFFFFFF), 10),
	}, body.Bytes())
	if err == nil && r.Code == raw.Success {
		return fmt.Errorf("the registration was accepted")
	}
	return nil
}

// forbiddenKeys name files that a request must not move.
func forbiddenKeys(ctx context.Context, s *suite) error {
	const noPermission, updateBroker, updateNamesrv = 16, 25, 318
	for _, row := range []struct {
		server *raw.Conn
		code   int
		body   string
	}{
		{s.honest[s.broker], updateBroker, "brokerConfigPath=/tmp/evil\n"},
		{s.honest[s.namesrv], updateNamesrv, "kvConfigPath=/tmp/evil\n"},
		{s.honest[s.namesrv], updateNamesrv, "configStorePath=/tmp/evil\n"},
	} {
		if err := wantCode(ctx, row.server, row.body, noPermission, row.code, nil, []byte(row.body)); err != nil {
			return err
		}
	}
	return nil
}
