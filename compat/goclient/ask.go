package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// The stock Go client has no administration to speak of. What it lacks is asked for here, as its own remoting would.

// answer is what a server says to a request, or asks a client.
type answer struct {
	Code   int               `json:"code"`
	Flag   int               `json:"flag"`
	Remark string            `json:"remark"`
	Ext    map[string]string `json:"extFields"`
	body   []byte
}

// ask sends one request, as tools do, on a connection of its own.
func ask(addr string, code int, fields map[string]string) (*answer, error) {
	return askWith(addr, code, fields, nil)
}

// askWith is ask with a body: bytes, or what is to be JSON.
func askWith(addr string, code int, fields map[string]string, body any) (*answer, error) {
	l, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer l.c.Close()
	return l.ask(code, fields, body)
}

// want is ask of the broker, where another code than 0 is a failure.
func (s *stage) want(code int, fields map[string]string, body any) *answer {
	a, err := askWith(s.broker, code, fields, body)
	must(fmt.Sprint("request ", code), err)
	equal(fmt.Sprintf("code of the answer to %d (%s)", code, a.Remark), 0, a.Code)
	return a
}

// number is a field of an answer.
func (a *answer) number(field string) int64 {
	n, err := strconv.ParseInt(a.Ext[field], 10, 64)
	must("field "+field+" of an answer", err)
	return n
}

// messages are the records in an answer's body.
func (a *answer) messages() []*primitive.MessageExt { return primitive.DecodeMessage(a.body) }

// bareKey is a number that fastjson writes as a key without quotes.
var bareKey = regexp.MustCompile(`([{,])(-?\d+):`)

// objectKey is an object that fastjson writes as a key.
var objectKey = regexp.MustCompile(`\{[^{}]*\}:`)

// json reads the body, which may have numbers as keys.
func (a *answer) json(into any) {
	must(fmt.Sprintf("JSON of the answer %s", a.body), json.Unmarshal(bareKey.ReplaceAll(a.body, []byte(`$1"$2":`)), into))
}

// link is a connection that stays, as a client's does.
type link struct {
	c       net.Conn
	answers chan *answer

	mu    sync.Mutex
	asked []int // codes of the broker's own requests; under mu
}

func dial(addr string) (*link, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	l := &link{c: c, answers: make(chan *answer, 1)}
	go l.read()
	return l, nil
}

// dial makes a link to the broker that ends with the behaviour.
func (s *stage) dial() *link {
	l, err := dial(s.broker)
	must("connect", err)
	s.opened = append(s.opened, l.c.Close)
	return l
}

func (l *link) read() {
	defer close(l.answers)
	for {
		var lengths [8]byte
		if _, err := io.ReadFull(l.c, lengths[:]); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(lengths[:])-4)
		if _, err := io.ReadFull(l.c, rest); err != nil {
			return
		}
		head := binary.BigEndian.Uint32(lengths[4:]) & 0xFFFFFF
		a := &answer{body: rest[head:]}
		if err := json.Unmarshal(rest[:head], a); err != nil {
			return
		}
		if a.Flag&1 == 0 {
			l.mu.Lock()
			l.asked = append(l.asked, a.Code)
			l.mu.Unlock()
			continue
		}
		l.answers <- a
	}
}

// requests counts the broker's own requests of a code.
func (l *link) requests(code int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.asked {
		if c == code {
			n++
		}
	}
	return n
}

// ask sends a request and waits for its answer. One goroutine at a time.
func (l *link) ask(code int, fields map[string]string, body any) (*answer, error) {
	const version409 = 409
	payload, raw := body.([]byte)
	var err error
	if body != nil && !raw {
		if payload, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	header, err := json.Marshal(map[string]any{
		"code": code, "flag": 0, "language": "GO", "opaque": 1, "version": version409,
		"serializeTypeCurrentRPC": "JSON", "extFields": fields,
	})
	if err != nil {
		return nil, err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)+len(payload)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	if _, err := l.c.Write(append(append(frame, header...), payload...)); err != nil {
		return nil, err
	}
	select {
	case a, ok := <-l.answers:
		if !ok {
			return nil, fmt.Errorf("the connection ended without an answer to request %d", code)
		}
		return a, nil
	case <-time.After(20 * time.Second):
		return nil, fmt.Errorf("no answer to request %d", code)
	}
}
