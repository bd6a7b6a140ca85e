package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/fastjson"
)

// javaProgram is a single-file program that prints a line when it has done what it was told.
type javaProgram struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startJava(t *testing.T, env, program string, args ...string) *javaProgram {
	program, err := filepath.Abs(program)
	require.NoError(t, err)
	classes, err := exec.Command(os.Getenv("PEER"), "classpath").Output()
	require.NoError(t, err)
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "conf"), 0o755))
	quiet := []byte(`<configuration><root level="OFF"/></configuration>`)
	require.NoError(t, os.WriteFile(filepath.Join(home, "conf", "logback_tools.xml"), quiet, 0o644))
	p := &javaProgram{t: t, cmd: exec.Command("java", append([]string{"-Xmx256m", "-Duser.home=" + home, "-cp", strings.TrimSpace(string(classes)), program}, args...)...)}
	p.cmd.Dir = home // some admin commands write files
	p.cmd.Env = append(os.Environ(), env, "ROCKETMQ_HOME="+home)
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.out = bufio.NewScanner(out)
	return p
}

// say writes a line and returns what is printed before the line "done".
func (p *javaProgram) say(line string) string {
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(p.t, err)
	var said []string
	for p.out.Scan() && p.out.Text() != "done" {
		said = append(said, p.out.Text())
	}
	return strings.Join(said, "\n")
}

// quit lets the program end, and waits.
func (p *javaProgram) quit() {
	p.in.Close()
	require.NoError(p.t, p.cmd.Wait())
}

// java runs a server of the peer script until the test ends.
func java(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv("PEER"), args...)
	cmd.Env = append(os.Environ(), "HEAP=512m")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(cmd) })
	return cmd
}

func stop(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
}

func listens(t *testing.T, port string) {
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, time.Minute, 200*time.Millisecond, "nobody listens on %s", port)
}

// raw is a client that says what no Java client does.
type raw struct {
	t      *testing.T
	conn   net.Conn
	opaque int32
}

func dialRaw(t *testing.T, port string) *raw {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &raw{t: t, conn: conn}
}

// call sends a request in both serializations and waits up to two seconds for each answer.
func (r *raw) call(code Code, h Header, body any) {
	var data []byte
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	default:
		var err error
		data, err = fastjson.Marshal(b)
		require.NoError(r.t, err)
	}
	for _, s := range []Serialize{JSON, RocketMQ} {
		r.opaque++
		_, err := r.conn.Write(AppendRequest(nil, s, code, r.opaque, 0, h, data))
		require.NoError(r.t, err)
		r.await(r.opaque)
	}
}

// old sends a JSON request as a client of 4.8 would.
func (r *raw) old(code Code, h Header) {
	r.opaque++
	frame := AppendRequest(nil, JSON, code, r.opaque, 0, h, nil)
	_, err := r.conn.Write(bytes.Replace(frame, []byte(`"version":409`), []byte(`"version":373`), 1))
	require.NoError(r.t, err)
	r.await(r.opaque)
}

func (r *raw) await(opaque int32) {
	r.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		frame, err := readFrame(r.conn)
		if err != nil {
			return // some requests have no answer
		}
		var d Decoder
		var c Command
		if d.Decode(frame[4:], &c) == nil && c.IsResponse() && c.Opaque == opaque {
			return
		}
	}
}

// readFrame returns one frame with its length prefix.
func readFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 4)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(frame)
	if n > MaxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame = append(frame, make([]byte, n)...)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// answer answers the broker's requests with bodies by code, until the connection closes.
func (r *raw) answer(bodies map[int32]any) {
	r.conn.SetReadDeadline(time.Time{})
	var d Decoder
	for {
		frame, err := readFrame(r.conn)
		if err != nil {
			return
		}
		var c Command
		if d.Decode(frame[4:], &c) != nil || c.IsResponse() || c.IsOneway() || bodies[c.Code] == nil {
			continue
		}
		body, err := fastjson.Marshal(bodies[c.Code])
		if err != nil {
			return
		}
		r.conn.Write(AppendResponse(nil, &c, StatusSuccess, "", nil, body))
	}
}
