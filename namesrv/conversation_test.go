package namesrv

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var record = flag.String("record", "", "address of a Java name server, just started, to record the conversation from")

const conversation = "testdata/conversation.txt"

// said is one request of the conversation.
type said struct {
	Conn     string
	Code     int
	Version  int
	Flag     int
	Ext      map[string]string
	Body     string
	Binary   bool
	Compress bool
	Any      bool
	Silent   bool
	Why      string // for people
	Java     string
	Ours     string
}

// TestConversation holds our answers against those of RocketMQ's name server, on both paths
// of the transport.
func TestConversation(t *testing.T) {
	if *record != "" {
		converse(t, *record)
		return
	}
	for _, path := range []string{"off", "auto"} {
		t.Run("ringIO="+path, func(t *testing.T) {
			s := startServer(t, func(o *Options) { o.Transport = newTransport(t, path) })
			converse(t, s.Addr().String())
		})
	}
}

func converse(t *testing.T, addr string) {
	text, err := os.ReadFile(conversation)
	require.NoError(t, err)
	talk := &talk{t: t, addr: addr, conns: make(map[string]net.Conn)}
	t.Cleanup(talk.close)

	var got, want []string // lines; unordered answers with their parts sorted
	var raw strings.Builder
	var req said
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		kind, rest, _ := strings.Cut(line, " ")
		if kind == "<" || kind == "|" {
			want = append(want, comparable(line, &req))
			continue
		}
		got, want = append(got, line), append(want, line)
		fmt.Fprintln(&raw, line)
		switch kind {
		case ">":
			require.True(t, *record != "" || req.Java == "", "not in the answer before %s", line)
			req = said{Version: 409, Conn: "main"}
			d := json.NewDecoder(strings.NewReader(rest))
			d.DisallowUnknownFields()
			require.NoError(t, d.Decode(&req), line)
			expect := req
			expect.Java = "" // what we say is ours already
			for _, out := range talk.ask(&req) {
				got = append(got, comparable(out, &expect))
				fmt.Fprintln(&raw, out)
			}
		case "x":
			talk.hangUp(rest)
		}
	}
	if *record != "" {
		require.NoError(t, os.WriteFile(conversation, []byte(raw.String()), 0o644))
		return
	}
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

// comparable is the line with Java's part replaced by ours and, where order does not matter,
// in sorted parts.
func comparable(line string, req *said) string {
	if req.Java != "" && strings.Contains(line, req.Java) {
		line = strings.Replace(line, req.Java, req.Ours, 1)
		req.Java = ""
	}
	if !req.Any {
		return line
	}
	parts := regexp.MustCompile(`[][{},]`).Split(line, -1)
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// talk is the asking side, made of nothing that the product is made of.
type talk struct {
	t      testing.TB
	addr   string
	conns  map[string]net.Conn
	opaque int
}

func (k *talk) close() {
	for _, c := range k.conns {
		c.Close()
	}
}

func (k *talk) conn(name string) net.Conn {
	c := k.conns[name]
	if c == nil {
		var err error
		c, err = net.Dial("tcp", k.addr)
		require.NoError(k.t, err)
		k.conns[name] = c
	}
	return c
}

// ask sends one request and returns the lines of its answer.
func (k *talk) ask(req *said) []string {
	k.opaque++
	c := k.conn(req.Conn)
	k.write(c, k.frame(req))
	if req.Silent {
		return k.silence(c)
	}
	head, body, opaque := k.read(c)
	require.Equal(k.t, k.opaque, opaque)
	lines := []string{"< " + head}
	if body != "" {
		lines = append(lines, "| "+body)
	}
	return lines
}

// silence asks something else: if that is all that is answered, there was no answer before.
// Java may answer in another order, so a recording waits a little longer.
func (k *talk) silence(c net.Conn) []string {
	k.opaque++
	k.write(c, k.frame(&said{Code: 224, Version: 409, Ext: map[string]string{"cluster": "probe"}}))
	_, _, opaque := k.read(c)
	require.Equal(k.t, k.opaque, opaque)
	if *record != "" {
		require.NoError(k.t, c.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(k.t, err, os.ErrDeadlineExceeded)
		require.NoError(k.t, c.SetReadDeadline(time.Time{}))
	}
	return []string{"< silence"}
}

// hangUp closes a connection and waits until its broker is out of the cluster table.
func (k *talk) hangUp(name string) {
	tables := func() string { return fmt.Sprint(k.ask(&said{Conn: "main", Code: 106, Version: 409})) }
	opaques := regexp.MustCompile(`"opaque":\d+`)
	before := opaques.ReplaceAllString(tables(), "")
	require.NoError(k.t, k.conns[name].Close())
	delete(k.conns, name)
	saved := k.opaque
	for opaques.ReplaceAllString(tables(), "") == before {
		k.opaque = saved
	}
	k.opaque = saved
}

func (k *talk) write(c net.Conn, b []byte) {
	_, err := c.Write(b)
	require.NoError(k.t, err)
}

func (k *talk) frame(req *said) []byte {
	body := []byte(req.Body)
	ext := req.Ext
	if req.Compress {
		body = compressed(k.t, body)
		ext["bodyCrc32"] = strconv.Itoa(int(crc32.ChecksumIEEE(body) & 0x7fffffff))
	}
	var head []byte
	kind := uint32(0)
	if req.Binary {
		kind = 1 << 24
		head = binary.BigEndian.AppendUint16(head, uint16(req.Code))
		head = append(head, 0) // JAVA
		head = binary.BigEndian.AppendUint16(head, uint16(req.Version))
		head = binary.BigEndian.AppendUint32(head, uint32(k.opaque))
		head = binary.BigEndian.AppendUint32(head, uint32(req.Flag))
		head = binary.BigEndian.AppendUint32(head, 0) // no remark
		var fields []byte
		for key, value := range ext {
			fields = binary.BigEndian.AppendUint16(fields, uint16(len(key)))
			fields = append(fields, key...)
			fields = binary.BigEndian.AppendUint32(fields, uint32(len(value)))
			fields = append(fields, value...)
		}
		head = binary.BigEndian.AppendUint32(head, uint32(len(fields)))
		head = append(head, fields...)
	} else {
		var err error
		head, err = json.Marshal(map[string]any{"code": req.Code, "flag": req.Flag, "language": "JAVA", "opaque": k.opaque,
			"serializeTypeCurrentRPC": "JSON", "version": req.Version, "extFields": ext})
		require.NoError(k.t, err)
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(head)+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, kind|uint32(len(head)))
	return append(append(frame, head...), body...)
}

// read reads one frame. The peer's version number is replaced by ours.
func (k *talk) read(c net.Conn) (head, body string, opaque int) {
	var prefix [8]byte
	_, err := io.ReadFull(c, prefix[:])
	require.NoError(k.t, err)
	rest := make([]byte, binary.BigEndian.Uint32(prefix[:])-4)
	_, err = io.ReadFull(c, rest)
	require.NoError(k.t, err)
	n := binary.BigEndian.Uint32(prefix[4:]) & 0xffffff
	h := rest[:n]
	body = string(rest[n:])
	require.True(k.t, utf8.ValidString(body))
	if prefix[4] == 1 {
		binary.BigEndian.PutUint16(h[3:], 409)
		return fmt.Sprintf("%q", h), body, int(int32(binary.BigEndian.Uint32(h[5:])))
	}
	var fields struct{ Opaque int }
	require.NoError(k.t, json.Unmarshal(h, &fields))
	return regexp.MustCompile(`"version":\d+`).ReplaceAllString(string(h), `"version":409`), body, fields.Opaque
}

// compressed is the form of a registration's body that brokers send with compressedRegister.
func compressed(t testing.TB, body []byte) []byte {
	var b struct {
		FilterServerList            json.RawMessage
		TopicConfigSerializeWrapper struct {
			DataVersion      json.RawMessage
			TopicConfigTable map[string]struct{ ReadQueueNums, WriteQueueNums, Perm int }
		}
	}
	require.NoError(t, json.Unmarshal(body, &b))
	var plain []byte
	text := func(s []byte) { plain = append(binary.BigEndian.AppendUint32(plain, uint32(len(s))), s...) }
	text(b.TopicConfigSerializeWrapper.DataVersion)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(b.TopicConfigSerializeWrapper.TopicConfigTable)))
	for name, c := range b.TopicConfigSerializeWrapper.TopicConfigTable {
		text(fmt.Appendf(nil, "%s %d %d %d SINGLE_TAG", name, c.ReadQueueNums, c.WriteQueueNums, c.Perm))
	}
	text(b.FilterServerList)
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, err := z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}
