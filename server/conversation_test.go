package server

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var record = flag.String("record", "", "address of a Java broker, just started, to record the conversation from")

// conversation holds lines of
//
//	# …        a remark
//	> {…}      a request, see said
//	< …        Java's answer: code, remark, fields
//	| …        … and its body
//	= …        ours, where it differs in purpose
//	! c n      the next n requests that the broker sends on connection c, as * lines
//	^ c {…}    an answer to the last of them, see answered
//	. c        the answer to a request that was said with "later"
//
// administration.txt has everything about the broker's state, messages.txt what becomes of messages, transactions.txt
// how they end, filters.txt who gets them, replies.txt how they are answered, light.txt
// of light queues, switches.txt of options that change at run time, features.txt of the rest. The broker has these flags.
var conversations = map[string]map[string]string{
	"administration": nil, "messages": nil, "transactions": nil,
	"light":   {"enableLmq": "true", "enableMultiDispatch": "true"},
	"replies": nil, "switches": nil, "features": {"traceTopicEnable": "true"},
	"filters": {"enablePropertyFilter": "true", "filterSupportRetry": "true"},
}

// said is one request of the conversation.
type said struct {
	Conn string // connection; each is opened once
	Code int
	Ext  map[string]string
	Body string
	Hex  string // body, for bytes that are no text
	Fill int    // length of a body of zeros
	Why  string // why ours differs
	Lang string // language of the client; JAVA
	// Later leaves the answer to a line that asks for it.
	Later bool
}

// answered is what a client answers to a request of the broker.
type answered struct {
	Code   int
	Remark string
	Body   string
}

// TestConversation holds our answers against those of a Java broker, on both paths of the transport.
// Record anew with a broker of brokerName=broker-a, brokerIP1=127.0.0.1 and the flags, just started for each conversation:
// go test -run Conversation/messages -record HOST:PORT.
func TestConversation(t *testing.T) {
	for name, flags := range conversations {
		t.Run(name, func(t *testing.T) {
			if *record != "" {
				converse(t, name, *record)
				return
			}
			for _, path := range []string{"off", "auto"} {
				t.Run("ringIO="+path, func(t *testing.T) {
					b := startBroker(t, path, flags)
					converse(t, name, b.Addr().String())
					require.Empty(t, b.errors.lines())
				})
			}
		})
	}
}

func converse(t *testing.T, name, addr string) {
	file := filepath.Join("testdata", name+".txt")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	talk := &talk{t: t, addr: addr, conns: make(map[string]*speaker)}
	defer talk.close()

	var got, want, raw []string
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i, line := range all {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "<", "|", "*":
			want = append(want, comparable(line))
			continue
		case "=":
			raw = append(raw, line)
			want = append(dropAnswer(want), comparable("< "+rest))
			continue
		}
		got, want, raw = append(got, line), append(want, line), append(raw, line)
		var lines []string
		switch kind {
		case ">":
			req := said{Conn: "c"}
			require.NoError(t, json.Unmarshal([]byte(rest), &req), line)
			talk.say(&req)
			if !req.Later {
				lines = talk.answer(talk.conn(req.Conn))
			}
			for patience := 0; patience < 1000 && indexed(&req, all[min(i+1, len(all)-1)], lines); patience++ {
				lines = talk.ask(&req) // the index is a moment behind
			}
		case ".":
			lines = talk.answer(talk.conn(rest))
		case "^":
			conn, text, _ := strings.Cut(rest, " ")
			var a answered
			require.NoError(t, json.Unmarshal([]byte(text), &a), line)
			talk.reply(talk.conn(conn), &a)
		case "!":
			var conn string
			var n int
			_, err := fmt.Sscan(rest, &conn, &n)
			require.NoError(t, err)
			lines = talk.pushed(conn, n)
		}
		for _, l := range lines {
			got, raw = append(got, comparable(l)), append(raw, l)
		}
	}
	if *record != "" {
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(raw, "\n")+"\n"), 0o600))
		return
	}
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

// indexed tells whether a query by key has an answer that was not found yet.
func indexed(req *said, want string, got []string) bool {
	return req.Code == 12 && strings.HasPrefix(want, "< 0 ") && strings.HasPrefix(got[0], "< 22 ")
}

// dropAnswer takes Java's answer off, for ours to stand in its place.
func dropAnswer(want []string) []string {
	for strings.HasPrefix(want[len(want)-1], "<") || strings.HasPrefix(want[len(want)-1], "|") {
		want = want[:len(want)-1]
	}
	return want
}

// What differs from one run to the next.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\b1[6-9]\d{11}\b`), "TIME"},
	{regexp.MustCompile(`PUSH_REPLY_TIME\\u0001\d+`), "PUSH_REPLY_TIME"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d#[\d:]+`), "DATE"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`7F000001[0-9A-F]{8}`), "7F000001.PORT."},
}

// comparable is a line without what varies, its parts in order: the order of maps does not matter.
func comparable(line string) string {
	for _, v := range varying {
		line = v.is.ReplaceAllString(line, v.as)
	}
	if !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "*") {
		return line
	}
	parts := regexp.MustCompile(`[][{},]+`).Split(line[1:], -1)
	for i, part := range parts {
		if properties, ok := strings.CutPrefix(part, `"properties":"`); ok {
			list := strings.Split(strings.TrimSuffix(properties, `"`), `\u0002`)
			slices.Sort(list)
			parts[i] = strings.Join(list, " ")
		}
	}
	slices.Sort(parts)
	return line[:1] + strings.Join(parts, "\n")
}

// talk is the asking side, made of nothing that the product is made of.
type talk struct {
	t     testing.TB
	addr  string
	conns map[string]*speaker
}

// speaker is one connection and what the broker has asked on it.
type speaker struct {
	net.Conn
	opaque int
	pushes []string
	asked  int // opaque of the broker's last request
}

func (k *talk) close() {
	for _, c := range k.conns {
		c.Close()
	}
}

func (k *talk) conn(name string) *speaker {
	c := k.conns[name]
	if c == nil {
		conn, err := net.Dial("tcp", k.addr)
		require.NoError(k.t, err)
		require.NoError(k.t, conn.SetDeadline(time.Now().Add(time.Minute)))
		c = &speaker{Conn: conn}
		k.conns[name] = c
	}
	return c
}

// say sends one request and does not wait for its answer.
func (k *talk) say(req *said) { k.sayOn(k.conn(req.Conn), req) }

func (k *talk) sayOn(c *speaker, req *said) {
	c.opaque++
	body := []byte(req.Body)
	if req.Hex != "" {
		var err error
		body, err = hex.DecodeString(req.Hex)
		require.NoError(k.t, err)
	}
	if req.Fill > 0 {
		body = make([]byte, req.Fill)
	}
	k.write(c, map[string]any{"code": req.Code, "extFields": req.Ext, "opaque": c.opaque, "language": cmp.Or(req.Lang, "JAVA")}, body)
}

// reply answers the last request of the broker.
func (k *talk) reply(c *speaker, a *answered) {
	k.write(c, map[string]any{"code": a.Code, "remark": a.Remark, "flag": 1, "opaque": c.asked, "language": "JAVA"}, []byte(a.Body))
}

func (k *talk) write(c *speaker, header map[string]any, body []byte) {
	header["version"] = 409
	head, err := json.Marshal(header)
	require.NoError(k.t, err)
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(head)+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(head)))
	frame = append(append(frame, head...), body...)
	_, err = c.Write(frame)
	require.NoError(k.t, err)
}

// ask sends one request and returns the lines of its answer.
func (k *talk) ask(req *said) []string {
	k.say(req)
	return k.answer(k.conn(req.Conn))
}

// answer returns the lines of the answer to the last request of a connection.
func (k *talk) answer(c *speaker) []string {
	for {
		h, body := k.read(c)
		if h.Flag&1 == 0 {
			c.asked = h.Opaque
			c.pushes = append(c.pushes, "* "+h.String()+" "+body)
			continue
		}
		require.Equal(k.t, c.opaque, h.Opaque)
		lines := []string{"< " + h.String()}
		if body != "" {
			lines = append(lines, "| "+body)
		}
		return lines
	}
}

// pushed returns the next n requests that the broker sends on a connection.
func (k *talk) pushed(name string, n int) []string {
	c := k.conn(name)
	for len(c.pushes) < n {
		h, body := k.read(c)
		require.Zero(k.t, h.Flag&1)
		c.asked = h.Opaque
		c.pushes = append(c.pushes, "* "+h.String()+" "+body)
	}
	pushes := c.pushes[:n]
	c.pushes = c.pushes[n:]
	return pushes
}

// head is what is compared of a frame's header.
type head struct {
	Code, Flag, Opaque int
	Remark             string
	ExtFields          map[string]string
}

func (h *head) String() string {
	ext := "-"
	if h.ExtFields != nil {
		b, err := json.Marshal(h.ExtFields) // sorted
		if err != nil {
			panic(err)
		}
		ext = string(b)
	}
	return fmt.Sprintf("%d %q %s", h.Code, h.Remark, ext)
}

func (k *talk) read(c *speaker) (h head, body string) {
	var sizes [8]byte
	_, err := io.ReadFull(c, sizes[:])
	require.NoError(k.t, err)
	n := int(binary.BigEndian.Uint32(sizes[4:]) & 0xffffff)
	rest := make([]byte, binary.BigEndian.Uint32(sizes[:4])-4)
	_, err = io.ReadFull(c, rest)
	require.NoError(k.t, err)
	require.NoError(k.t, json.Unmarshal(rest[:n], &h), string(rest[:n]))
	body = string(rest[n:])
	if strings.Contains(body, "\x00") || !utf8.ValidString(body) {
		body = fmt.Sprintf("binary, %d bytes", len(body))
	}
	return h, body
}
