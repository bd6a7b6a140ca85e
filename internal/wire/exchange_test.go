package wire

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// goldens holds what Java said to Java, a file per request code, each a list of exchanges:
//
//	# broker json: code=30 … → code=0 …
//	request 000000a1…
//	response 0000009b…
//
// Frames are whole and in hexadecimal, the comment is for readers. The word before "json" is who answers. A
// request without an answer stands alone.
const goldens = "testdata/java-4.9.7"

// exchange is a request and its answer, whole frames.
type exchange struct {
	server            string // broker, namesrv or client: who answers
	request, response []byte
}

func fileName(code int32) string {
	name := Code(code).String()
	return fmt.Sprintf("%d-%s.golden", code, name)
}

// recorder keeps one exchange of each kind. A kind is what a reader would tell apart: the code, both header
// serializations, the names of the fields, the answer's status, whether there are bodies.
type recorder struct {
	mu      sync.Mutex
	kinds   map[string]*exchange // under mu
	dialogs []*dialog            // under mu
}

func newRecorder() *recorder { return &recorder{kinds: map[string]*exchange{}} }

// dialogKey identifies an open request on a connection: each side numbers its own.
type dialogKey struct {
	fromClient bool
	opaque     int32
}

// dialog is one connection through a tap.
type dialog struct {
	rec    *recorder
	server string
	open   map[dialogKey][]byte // requests without an answer yet; under rec.mu
}

// listen starts a dialog.
func (rec *recorder) listen(server string) *dialog {
	d := &dialog{rec: rec, server: server, open: map[dialogKey][]byte{}}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.dialogs = append(rec.dialogs, d)
	return d
}

// keepUnanswered keeps the requests of codes that never had an answer.
func (rec *recorder) keepUnanswered() {
	for _, d := range rec.dialogs {
		for key, frame := range d.open {
			var dec Decoder
			var c Command
			if dec.Decode(frame[4:], &c) == nil && !rec.has(Code(c.Code)) {
				rec.keep(exchange{d.answerer(key.fromClient), frame, nil})
			}
		}
	}
}

// maxGolden keeps thread dumps and long lists out of the goldens.
const maxGolden = 12 << 10

// hear notes a frame. A request is kept when its answer comes, or at once if it wants none.
func (d *dialog) hear(frame []byte, fromClient bool) {
	var dec Decoder
	var c Command
	if len(frame) > maxGolden || dec.Decode(frame[4:], &c) != nil {
		return
	}
	d.rec.mu.Lock()
	defer d.rec.mu.Unlock()
	if !c.IsResponse() {
		d.open[dialogKey{fromClient, c.Opaque}] = frame
		if c.IsOneway() {
			d.rec.keep(exchange{d.answerer(fromClient), frame, nil})
		}
		return
	}
	key := dialogKey{!fromClient, c.Opaque}
	if request := d.open[key]; request != nil {
		delete(d.open, key)
		d.rec.keep(exchange{d.answerer(!fromClient), request, frame})
	}
}

func (d *dialog) answerer(fromClient bool) string {
	if fromClient {
		return d.server
	}
	return "client"
}

// tempDir is where the peer script ran a server; goldens show another path of the same length.
var tempDir = regexp.MustCompile(`/tmp/tmp\.\w{10}`)

func (rec *recorder) keep(e exchange) {
	e.request = tempDir.ReplaceAll(e.request, []byte("/opt/rocketmq/home1"))
	if e.response != nil {
		e.response = tempDir.ReplaceAll(e.response, []byte("/opt/rocketmq/home1"))
	}
	kind := e.server + kindOf(e.request) + kindOf(e.response)
	if rec.kinds[kind] == nil {
		rec.kinds[kind] = &e
	}
}

// has tells whether a request of a code has been kept. The caller holds mu.
func (rec *recorder) has(code Code) bool {
	for _, e := range rec.kinds {
		var d Decoder
		var c Command
		if d.Decode(e.request[4:], &c) == nil && c.Code == int32(code) {
			return true
		}
	}
	return false
}

func kindOf(frame []byte) string {
	if frame == nil {
		return " none"
	}
	var d Decoder
	var c Command
	if d.Decode(frame[4:], &c) != nil {
		return " broken"
	}
	var keys []string
	for _, f := range c.Ext {
		keys = append(keys, string(f.Key))
	}
	slices.Sort(keys)
	if compressed, _ := c.Ext.Get("compressed"); compressed != nil {
		keys = append(keys, string(compressed))
	}
	return fmt.Sprint(" ", c.Code, c.Serialize, c.Flag, c.Version, keys, c.Remark != nil, c.Body != nil)
}

// byCode renders the exchanges by request code.
func (rec *recorder) byCode() map[int32]string {
	kinds := make([]string, 0, len(rec.kinds))
	for k := range rec.kinds {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	out := map[int32]string{}
	for _, k := range kinds {
		e := rec.kinds[k]
		var d Decoder
		var c Command
		if d.Decode(e.request[4:], &c) == nil {
			out[c.Code] += e.String()
		}
	}
	return out
}

func (e *exchange) String() string {
	short := func(frame []byte) string {
		var d Decoder
		var c Command
		if frame == nil || d.Decode(frame[4:], &c) != nil {
			return "nothing"
		}
		s := []rune(describe(&c))
		return string(s[:min(len(s), 400)])
	}
	name := [...]string{"json", "rocketmq"}[e.request[4]]
	s := fmt.Sprintf("# %s %s: %s → %s\nrequest %x\n", e.server, name, short(e.request), short(e.response), e.request)
	if e.response != nil {
		s += fmt.Sprintf("response %x\n", e.response)
	}
	return s + "\n"
}

// readExchanges reads all goldens; the key is the file's name.
func readExchanges(t testing.TB) map[string][]exchange {
	files, err := filepath.Glob(goldens + "/*.golden")
	require.NoError(t, err)
	all := map[string][]exchange{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var list []exchange
		for line := range strings.Lines(string(text)) {
			word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch word {
			case "#":
				server, _, _ := strings.Cut(rest, " ")
				list = append(list, exchange{server: server})
			case "request", "response":
				frame, err := hex.DecodeString(rest)
				require.NoError(t, err, path)
				e := &list[len(list)-1]
				if word == "request" {
					e.request = frame
				} else {
					e.response = frame
				}
			}
		}
		all[filepath.Base(path)] = list
	}
	return all
}
