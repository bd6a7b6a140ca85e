package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"ringmq/compat/raw"
)

var nameAttacks = []attack{
	{name: "illegal topic names in sends and creations are refused", run: illegalTopics},
	{name: "illegal names in every other request", javaFails: "keeps them, and group names with a slash break its offsets for good", run: illegalNames},
}

// evil are names that lead elsewhere, or break whoever writes them down. Each has the word in it, so that a
// file that an attack makes can be found.
var evil = []string{
	"a/../evil", "../evil", "../../evil", "../../../evil", "../../../../evil", "/tmp/evil", "evil/", "./evil", "evil\x00x", "evil\nx", "evil x", "evil.json",
	"evil\\x", "евil", "evil\"}", "evil@x", strings.Repeat("evil", 75), "evil\u2028", "$evil", "%s%n evil",
}

func illegalTopics(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var accepted []error
	for _, name := range append(evil, "", " ") {
		if r, err := c.Send(ctx, name, 0, "", []byte("x")); err == nil {
			accepted = append(accepted, fmt.Errorf("send to %q was accepted: %v", name, r))
		} else if ctx.Err() != nil {
			return err
		}
		if _, err := c.SendBatch(ctx, name, 0, []raw.BatchMessage{{Body: []byte("x")}}); err == nil {
			accepted = append(accepted, fmt.Errorf("batch to %q was accepted", name))
		}
		if err := c.CreateTopic(ctx, name, 1); err == nil {
			accepted = append(accepted, fmt.Errorf("topic %q was created", name))
		}
	}
	return errors.Join(accepted...)
}

// named are requests with names in their header fields; the fields to be replaced have the value NAME.
var named = []struct {
	code int
	ext  map[string]string
}{
	{raw.CodePull, map[string]string{"consumerGroup": "NAME", "topic": honestTopic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "1",
		"sysFlag": "5", "commitOffset": "1", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0", "expressionType": "TAG"}},
	{raw.CodePull, map[string]string{"consumerGroup": "CG_hostile", "topic": "NAME", "queueId": "0", "queueOffset": "0", "maxMsgNums": "1",
		"sysFlag": "5", "commitOffset": "1", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0", "expressionType": "TAG"}},
	{raw.CodeUpdateOffset, map[string]string{"consumerGroup": "NAME", "topic": honestTopic, "queueId": "0", "commitOffset": "1"}},
	{raw.CodeUpdateOffset, map[string]string{"consumerGroup": "CG_hostile", "topic": "NAME", "queueId": "0", "commitOffset": "1"}},
	{raw.CodeQueryOffset, map[string]string{"consumerGroup": "NAME", "topic": "NAME", "queueId": "0"}},
	{raw.CodeMaxOffset, map[string]string{"topic": "NAME", "queueId": "0"}},
	{raw.CodeMinOffset, map[string]string{"topic": "NAME", "queueId": "0"}},
	{29, map[string]string{"topic": "NAME", "queueId": "0", "timestamp": "1"}},
	{32, map[string]string{"topic": "NAME", "queueId": "0"}},
	{raw.CodeQueryMessage, map[string]string{"topic": "NAME", "key": "NAME", "maxNum": "1", "beginTimestamp": "0", "endTimestamp": "1"}},
	{raw.CodeSendBack, map[string]string{"offset": "0", "group": "NAME", "delayLevel": "0", "originTopic": "NAME"}},
	{raw.CodeConsumerList, map[string]string{"consumerGroup": "NAME"}},
	{202, map[string]string{"topic": "NAME"}},
	{203, map[string]string{"consumerGroup": "NAME"}},
	{207, map[string]string{"groupName": "NAME", "removeOffset": "true"}},
	{208, map[string]string{"consumerGroup": "NAME", "topic": "NAME"}},
	{raw.CodeDeleteTopicBroker, map[string]string{"topic": "NAME"}},
	{35, map[string]string{"clientID": "NAME", "producerGroup": "NAME", "consumerGroup": "NAME"}},
	{300, map[string]string{"topic": "NAME"}},
	{314, map[string]string{"srcGroup": "CG_hostile", "destGroup": "NAME", "topic": honestTopic}},
	{222, map[string]string{"topic": honestTopic, "group": "NAME", "timestamp": "1", "isForce": "true"}},
}

func illegalNames(ctx context.Context, s *suite) error {
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	for _, name := range evil {
		for _, n := range named {
			ext := maps.Clone(n.ext)
			for field, value := range ext {
				if value == "NAME" {
					ext[field] = name
				}
			}
			if c, err = s.ask(ctx, c, n.code, ext, nil); err != nil {
				return err
			}
		}
		for _, b := range namedBodies(name) {
			if c, err = s.ask(ctx, c, b.code, nil, b.body); err != nil {
				return err
			}
		}
		if err := s.nameServer(ctx, name); err != nil {
			return err
		}
	}
	return s.noTrace(ctx)
}

type namedBody struct {
	code int
	body []byte
}

// namedBodies are requests with names in their bodies.
func namedBodies(name string) []namedBody {
	quoted, err := json.Marshal(name)
	if err != nil {
		panic(err) // no string fails
	}
	var out []namedBody
	for code, text := range map[int]string{
		raw.CodeUpdateGroup: `{"groupName":NAME,"consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":1}`,
		41:                  `{"consumerGroup":NAME,"clientId":NAME,"mqSet":[{"topic":NAME,"brokerName":NAME,"queueId":0}]}`,
		raw.CodeHeartbeat: `{"clientID":NAME,"producerDataSet":[{"groupName":NAME}],"consumerDataSet":[{"groupName":NAME,"consumeType":"CONSUME_PASSIVELY",
			"messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":NAME,"subString":"*","subVersion":1}]}]}`,
	} {
		out = append(out, namedBody{code, []byte(strings.ReplaceAll(text, "NAME", string(quoted)))})
	}
	return out
}

// nameServer gives the name server the name where a key, a namespace, a broker or a topic belongs.
func (s *suite) nameServer(ctx context.Context, name string) error {
	c, err := raw.Dial(ctx, s.namesrv.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, n := range []struct {
		code int
		ext  map[string]string
	}{
		{raw.CodePutKV, map[string]string{"namespace": name, "key": name, "value": name}},
		{raw.CodeRoute, map[string]string{"topic": name}},
		{216, map[string]string{"topic": name}},
		{224, map[string]string{"cluster": name}},
		{205, map[string]string{"brokerName": name}},
	} {
		call, cancel := context.WithTimeout(ctx, patience)
		_, err := c.Call(call, n.code, n.ext, nil)
		cancel()
		if err != nil {
			return fmt.Errorf("name server: request code %d with %q: %w", n.code, name, err)
		}
	}
	return nil
}

// aftermath looks at what all attacks have left.
var aftermath = []attack{
	{name: "no file outside the store, no strange name in it", run: func(_ context.Context, s *suite) error { return s.strangeFiles() }},
	{name: "the store opens again and serves", run: func(ctx context.Context, s *suite) error { return s.restart(ctx) }},
	{name: "nothing strange is known after that", javaFails: "has not been given it", run: func(ctx context.Context, s *suite) error { return s.noTrace(ctx) }},
}

// noTrace checks that no evil name has become a topic or a group.
func (s *suite) noTrace(ctx context.Context) error {
	topics, err := s.honest[s.broker].Topics(ctx)
	if err != nil {
		return err
	}
	for name := range topics {
		if strings.Contains(name, "evil") {
			return fmt.Errorf("the broker has made topic %q", name)
		}
	}
	groups, err := s.honest[s.broker].Groups(ctx)
	if err != nil {
		return err
	}
	for name := range groups {
		if strings.Contains(name, "evil") {
			return fmt.Errorf("the broker has made group %q", name)
		}
	}
	return nil
}

// legal are the paths of a store: Java's, and ringmq's own file.
var legal = regexp.MustCompile(`^(\.|abort|checkpoint|lock|ringmq(/[a-z]+)?|ringmq/timer/(checkpoint|\d+)|config(/[a-zA-Z]+\.(json|properties)(\.bak|\.tmp)?)?` +
	`|commitlog(/\d{20})?|index(/\d{17})?|consumequeue(/[%|a-zA-Z0-9_-]{1,127}(/\d+(/\d{20})?)?)?|(consumequeue_ext.*))$`)

func (s *suite) strangeFiles() error {
	err := filepath.WalkDir(s.store, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file that has got its name
		}
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(s.store, path)
		if err == nil && !legal.MatchString(inside) {
			err = fmt.Errorf("in the store: %q", inside)
		}
		return err
	})
	if err != nil {
		return err
	}
	for dir := filepath.Dir(s.store); ; dir = filepath.Dir(dir) {
		found, err := filepath.Glob(filepath.Join(dir, "*evil*"))
		if err != nil || len(found) > 0 {
			return errors.Join(err, fmt.Errorf("outside the store: %q", found))
		}
		if dir == filepath.Dir(dir) || dir == os.TempDir() {
			return nil
		}
	}
}
