// Package mqadmin runs the stock admin tool against a cluster and checks what it prints.
//
// Core idea: an operator sees the tool's lines, not the protocol. Each command is checked by patterns
// over its whole output, with numbers that this package has made itself beforehand (messages sent, offsets
// committed), so a table full of zeros does not pass.
package mqadmin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/verdict"
)

// Suite is where the tool is and what it looks at.
type Suite struct {
	// ClassPath has the jars of rocketmq-tools.
	ClassPath string
	// Dir is the tool's home.
	Dir             string
	Namesrv, Broker string
	Board           *verdict.Board
}

const (
	topic = "MqAdmin"
	group = "CG_mqadmin"
)

// command is one call of the tool. ADDR in an argument or a pattern is the broker's address; a space in
// a pattern stands for any number of them.
type command struct {
	name string
	args []string
	want []string
	// needs is a request code that only a finished broker serves, or 0.
	needs int
}

// create makes the topic that [Suite.prepare] fills.
var create = []command{
	{"updateTopic creates", []string{"updateTopic", "-c", "DefaultCluster", "-t", topic, "-r", "2", "-w", "2"},
		[]string{`^create topic to ADDR success\.$`, `topicName=MqAdmin, readQueueNums=2, writeQueueNums=2, perm=RW-`}, 0},
}

// look shows what there is.
var look = []command{
	{"clusterList", []string{"clusterList"},
		[]string{`^DefaultCluster broker-a 0 ADDR V4_9_\d+ \d+\.\d\d\(\d+,\d+ms\) \d+\.\d\d\(\d+,\d+ms\) \d+ \d+\.\d\d \d\.\d{4}$`}, 0},
	{"clusterList -m", []string{"clusterList", "-m"},
		[]string{`^DefaultCluster broker-a \d+ \d+ \d+ \d+$`}, 0},
	{"topicList", []string{"topicList"},
		[]string{`^MqAdmin$`, `^TBW102$`, `^SELF_TEST_TOPIC$`, `^BenchmarkTest$`, `^SCHEDULE_TOPIC_XXXX$`, `^OFFSET_MOVED_EVENT$`,
			`^DefaultCluster$`, `^broker-a$`, `^%RETRY%CG_mqadmin$`}, 0},
	{"topicList -c", []string{"topicList", "-c"},
		[]string{`^DefaultCluster MqAdmin CG_mqadmin ?$`}, 300},
	{"topicRoute", []string{"topicRoute", "-t", topic},
		[]string{`"brokerAddrs":\{0:"ADDR"`, `"brokerName":"broker-a"`, `"cluster":"DefaultCluster"`, `"perm":6`, `"readQueueNums":2`,
			`"writeQueueNums":2`}, 0},
	{"topicRoute -l", []string{"topicRoute", "-t", topic, "-l"},
		[]string{`^DefaultCluster broker-a \{0=ADDR\} 2 2 6 ?$`}, 0},
	{"topicStatus", []string{"topicStatus", "-t", topic},
		[]string{`^broker-a 0 0 3 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$`, `^broker-a 1 0 5 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$`}, 0},
	{"topicStatus of an unknown topic", []string{"topicStatus", "-t", "nowhere"},
		[]string{`CODE: 17 DESC: No topic route info in name server for the topic: nowhere`}, 0},
	{"consumerProgress of a group", []string{"consumerProgress", "-g", group},
		[]string{`^MqAdmin broker-a 0 3 1 2 `, `^MqAdmin broker-a 1 5 4 1 `, `^Diff Total: 3$`}, 0},
	{"consumerProgress", []string{"consumerProgress"},
		[]string{`^CG_mqadmin 1 V4_9_8 PUSH CLUSTERING \d+ 3$`}, 0},
	{"topicRoute of an unknown topic", []string{"topicRoute", "-t", "nowhere"},
		[]string{`CODE: 17 DESC: No topic route info in name server for the topic: nowhere`}, 0},
	{"consumerProgress of an unknown group", []string{"consumerProgress", "-g", "nobody"},
		[]string{`CODE: 17 DESC: No topic route info in name server for the topic: %RETRY%nobody`}, 0},
	{"queryMsgByKey without a match", []string{"queryMsgByKey", "-t", topic, "-k", "nothing"},
		[]string{`CODE: 208 DESC: query message by key finished, but no message\.`}, 0},
	{"queryMsgByOffset of a queue that is not there", []string{"queryMsgByOffset", "-t", topic, "-b", "broker-a", "-i", "77", "-o", "0"},
		[]string{`CODE: 1 DESC: queueId\[77\] is illegal, topic:\[MqAdmin\] topicConfig\.readQueueNums:\[2\] consumer:`}, 0},
	{"queryCq of an unknown topic", []string{"queryCq", "-t", "nowhere", "-q", "0", "-i", "0", "-b", "ADDR"},
		[]string{`CODE: 1 DESC: 0@nowhere is not exist!`}, 0},
	{"brokerStatus", []string{"brokerStatus", "-b", "ADDR"},
		[]string{`^commitLogDiskRatio : [01]\.\d+$`, `^consumeQueueDiskRatio : [01]\.\d+$`, `^msgPutTotalTodayNow : [1-9]\d*$`}, 0},
	{"getBrokerConfig", []string{"getBrokerConfig", "-b", "ADDR"},
		[]string{`^brokerName = broker-a$`, `^bitMapLengthConsumeQueueExt = 112$`}, 0},
	{"updateOrderConf of a topic without", []string{"updateOrderConf", "-t", topic, "-m", "get"},
		[]string{`CODE: 22 DESC: No config item, Namespace: ORDER_TOPIC_CONFIG Key: MqAdmin`}, 0},
	{"deleteTopic refuses a system topic", []string{"deleteTopic", "-c", "DefaultCluster", "-t", "SCHEDULE_TOPIC_XXXX"},
		[]string{`CODE: 1 DESC: The topic\[SCHEDULE_TOPIC_XXXX\] is conflict with system topic\.`}, 0},
	{"wipeWritePerm of an unknown broker", []string{"wipeWritePerm", "-b", "nowhere"},
		[]string{`wipe write perm of broker\[nowhere\] in name server\[.*\] OK, 0`}, 0},
	{"updateTopic refuses an illegal name", []string{"updateTopic", "-b", "ADDR", "-t", "bad/../name"},
		[]string{`CODE: 1 DESC: The specified topic contains illegal characters`}, 0},
}

// change alters the topic, and changed shows it.
var (
	change = []command{
		{"updateTopic changes", []string{"updateTopic", "-b", "ADDR", "-t", topic, "-r", "5", "-w", "4", "-p", "4"},
			[]string{`^create topic to ADDR success\.$`, `readQueueNums=5, writeQueueNums=4, perm=R--`}, 0},
	}
	changed = []command{
		{"topicRoute after the change", []string{"topicRoute", "-t", topic, "-l"},
			[]string{`^DefaultCluster broker-a \{0=ADDR\} 5 4 4 ?$`}, 0},
	}
)

// permissions takes the broker's write permission away, in the name server and by the broker itself, and gives it back. One step
// after the other.
var permissions = func() [][]command {
	route := func(name string, perm int) []command {
		return []command{{"topicRoute " + name, []string{"topicRoute", "-t", "BenchmarkTest", "-l"},
			[]string{fmt.Sprintf(`^DefaultCluster broker-a \{0=ADDR\} 1024 1024 %d ?$`, perm)}, 0}}
	}
	permission := func(value string) []command {
		return []command{{"updateBrokerConfig brokerPermission=" + value,
			[]string{"updateBrokerConfig", "-b", "ADDR", "-k", "brokerPermission", "-v", value}, []string{`^update broker config success, ADDR$`}, 0}}
	}
	return [][]command{
		{{"wipeWritePerm", []string{"wipeWritePerm", "-b", "broker-a"}, []string{`wipe write perm of broker\[broker-a\] in name server\[.*\] OK, \d+`}, 0}},
		route("after wipeWritePerm", 4),
		{{"addWritePerm", []string{"addWritePerm", "-b", "broker-a"}, []string{`add write perm of broker\[broker-a\] in name server\[.*\] OK, \d+`}, 0}},
		route("after addWritePerm", 6),
		permission("4"), route("of a broker that may not be written", 4),
		permission("6"), route("of a broker that may be written again", 6),
	}
}()

// Run checks every command.
func (s *Suite) Run(ctx context.Context) error {
	c, err := raw.Dial(ctx, s.Broker)
	if err != nil {
		return err
	}
	defer c.Close() // it is the consumer that consumerProgress shows, so it stays to the end
	if err := s.home(); err != nil {
		return err
	}
	s.checkAll(ctx, c, create)
	if err := prepare(ctx, c); err != nil {
		return fmt.Errorf("messages and offsets for the tool to show: %w", err)
	}
	s.checkAll(ctx, c, look)
	s.checkAll(ctx, c, change)
	s.checkAll(ctx, c, changed)
	for _, step := range permissions {
		s.checkAll(ctx, c, step)
	}
	return nil
}

// home makes the tool's home, with logging off.
func (s *Suite) home() error {
	conf := filepath.Join(s.Dir, "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return err
	}
	quiet := []byte(`<configuration><root level="OFF"/></configuration>`)
	return os.WriteFile(filepath.Join(conf, "logback_tools.xml"), quiet, 0o644)
}

// checkAll runs commands that do not disturb each other, a few at a time: each starts a JVM.
func (s *Suite) checkAll(ctx context.Context, c *raw.Conn, commands []command) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 3)
	for _, command := range commands {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			name := "mqadmin: " + command.name
			if served, err := serves(ctx, c, command.needs); err == nil && !served {
				s.Board.Skip(name, fmt.Sprintf("the broker does not serve request code %d", command.needs))
				return
			}
			s.Board.Result(name, s.check(ctx, command.args, command.want))
		})
	}
	wg.Wait()
}

// serves tells whether a broker knows a request code.
func serves(ctx context.Context, c *raw.Conn, code int) (bool, error) {
	if code == 0 {
		return true, nil
	}
	r, err := c.Call(ctx, code, map[string]string{"topic": topic}, nil)
	return r.Code != raw.NotSupported, err
}

// prepare makes the numbers that the patterns ask for.
func prepare(ctx context.Context, c *raw.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for queue, count := range []int64{3, 5} {
		for range count {
			if _, err := c.Send(ctx, topic, int32(queue), "", []byte("for mqadmin")); err != nil {
				return err
			}
		}
		if err := c.AwaitMaxOffset(ctx, topic, int32(queue), count); err != nil {
			return err
		}
	}
	if err := c.Heartbeat(ctx, "127.0.0.1@mqadmin", group, topic, "%RETRY%"+group); err != nil {
		return err
	}
	for queue, offset := range []int64{1, 4} {
		if err := c.CommitOffset(ctx, group, topic, int32(queue), offset); err != nil {
			return err
		}
	}
	return nil
}

// check runs the tool. What the heartbeat made may take a moment to reach the name server, so a
// command that does not show it yet is tried again.
func (s *Suite) check(ctx context.Context, args, want []string) error {
	const tries = 3
	var err error
	for range tries {
		var out string
		if out, err = s.run(ctx, args); err != nil {
			return err
		}
		if err = s.match(out, want); err == nil {
			return nil
		}
	}
	return err
}

func (s *Suite) match(out string, want []string) error {
	// The tool pads with blanks; one blank stands for any number of them.
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.TrimSpace(strings.Join(strings.Fields(line), " ")))
	}
	text := strings.Join(lines, "\n")
	for _, pattern := range want {
		pattern = strings.ReplaceAll(pattern, "ADDR", regexp.QuoteMeta(s.Broker))
		if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
			return fmt.Errorf("nothing like %s in the output: %s", pattern, text)
		}
	}
	return nil
}

func (s *Suite) run(ctx context.Context, args []string) (string, error) {
	line := []string{
		"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.home=" + s.Dir, "-Drocketmq.home.dir=" + s.Dir,
		"-cp", s.ClassPath, "org.apache.rocketmq.tools.command.MQAdminStartup",
	}
	for _, arg := range args {
		line = append(line, strings.ReplaceAll(arg, "ADDR", s.Broker))
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", append(line, "-n", s.Namesrv)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && ctx.Err() != nil {
		return "", fmt.Errorf("mqadmin %s: %w", strings.Join(args, " "), ctx.Err())
	}
	return out.String(), nil // the tool's status says nothing: it is 0 after most failures
}
