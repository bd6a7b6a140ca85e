// Package target starts and stops the servers that the compatibility suites look at.
//
// Core idea: a suite says "a name server and a broker, with these options, on that store" and never
// which program serves. The same suite therefore judges ringmq and the Java peer, and what it
// demands of ringmq has been seen to hold for Java.
//
//	suite ──► Target.Namesrv / Target.Broker ──► Process (one child, its own process group)
//	               │
//	               ├─ Java    compat/peer/peer namesrv|broker … KEY=VALUE …
//	               └─ Ringmq  ringmq namesrv|broker -c FILE
//
// A server is ready when it answers a request. Output goes to one file per child under Dir.
package target

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind names the program under test.
type Kind string

// The programs that can be judged.
const (
	Java   Kind = "java"
	Ringmq Kind = "ringmq"
)

// IO names the I/O path asked of ringmq; the Java peer has none to choose.
type IO string

// The I/O paths: what ringmq picks itself, io_uring, and Go's net package.
const (
	IOAuto IO = "auto"
	IORing IO = "ring"
	IONet  IO = "net"
)

// ringIO is the value of ringmq's option of that name.
func (i IO) ringIO() string {
	return map[IO]string{IOAuto: "auto", IORing: "on", IONet: "off"}[i]
}

// Target starts servers of one kind. Its exported fields are set before the first start.
type Target struct {
	Kind Kind
	// Binary is the ringmq program; unused for Java.
	Binary string
	// Peer is the script compat/peer/peer; unused for ringmq.
	Peer string
	IO   IO
	// Dir holds the output and the property files of every child.
	Dir string
	// Ports are given out in order, in threes: the broker's port, the one above (replication) and two below (VIP).
	Ports *Ports

	mu       sync.Mutex
	children int // under mu: names the children's files
}

// Options are keys of broker.conf or namesrv.conf, spelled as RocketMQ spells them.
type Options map[string]string

// With returns a copy of o with more keys.
func (o Options) With(more Options) Options {
	merged := maps.Clone(o)
	if merged == nil {
		merged = Options{}
	}
	maps.Copy(merged, more)
	return merged
}

// lines renders the options as a property file, sorted so that two runs write the same.
func (o Options) lines() []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		out = append(out, key+"="+o[key])
	}
	return out
}

// Server is one running name server or broker.
type Server struct {
	*Process
	// Addr is host:port of the main listener.
	Addr string
	// Port is the port in Addr.
	Port int
}

// startLimit bounds a start. The Java broker needs 2–4 s, several times that on a busy machine.
const startLimit = 60 * time.Second

// Namesrv starts a name server and returns once it serves. A port of 0 takes a free one.
func (t *Target) Namesrv(ctx context.Context, port int, o Options) (*Server, error) {
	if port == 0 {
		var err error
		if port, err = t.Ports.Take(); err != nil {
			return nil, err
		}
	}
	dir, err := t.childDir("namesrv")
	if err != nil {
		return nil, err
	}
	o = Options{"kvConfigPath": filepath.Join(dir, "kvConfig.json")}.With(o)
	if t.Kind == Java {
		return t.start(ctx, dir, port, append([]string{t.Peer, "namesrv", "-p", strconv.Itoa(port), "-w", dir}, o.lines()...))
	}
	o = o.With(Options{"listenPort": strconv.Itoa(port), "ringIO": t.IO.ringIO()})
	file, err := writeProperties(dir, o)
	if err != nil {
		return nil, err
	}
	return t.start(ctx, dir, port, []string{t.Binary, "namesrv", "-c", file})
}

// Broker starts a broker on a store directory and returns once it serves. An empty
// namesrv leaves it without one. A port of 0 takes a free one.
func (t *Target) Broker(ctx context.Context, store, namesrv string, port int, o Options) (*Server, error) {
	if port == 0 {
		var err error
		if port, err = t.Ports.Take(); err != nil {
			return nil, err
		}
	}
	dir, err := t.childDir("broker")
	if err != nil {
		return nil, err
	}
	command, err := t.brokerCommand(dir, store, namesrv, port, o)
	if err != nil {
		return nil, err
	}
	return t.start(ctx, dir, port, command)
}

// Refused starts a broker that must not come up, and returns its output once it has ended with a status
// other than 0.
func (t *Target) Refused(store string, port int, o Options) (output string, err error) {
	dir, err := t.childDir("refused")
	if err != nil {
		return "", err
	}
	command, err := t.brokerCommand(dir, store, "", port, o)
	if err != nil {
		return "", err
	}
	p, err := Start(dir, command, nil)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Exited():
	case <-time.After(startLimit):
		p.Kill()
		return p.Tail(), fmt.Errorf("still running after %v; its output: %s", startLimit, p.Tail())
	}
	if p.Wait() == nil {
		return p.Tail(), fmt.Errorf("ended with status 0; its output: %s", p.Tail())
	}
	return p.Tail(), nil
}

func (t *Target) brokerCommand(dir, store, namesrv string, port int, o Options) ([]string, error) {
	if t.Kind == Java {
		command := []string{t.Peer, "broker", "-p", strconv.Itoa(port), "-s", store, "-w", dir}
		if namesrv != "" {
			command = append(command, "-n", namesrv)
		}
		// The broker shares its two cores with whoever asks it; by default it refuses what has waited 200 ms.
		patient := Options{"waitTimeMillsInSendQueue": "10000"}
		return append(command, patient.With(o).lines()...), nil
	}
	o = Options{
		"brokerName": "broker-a", "brokerClusterName": "DefaultCluster", "brokerId": "0", "brokerIP1": "127.0.0.1",
		"listenPort": strconv.Itoa(port), "storePathRootDir": store, "storePathCommitLog": filepath.Join(store, "commitlog"),
		"ringIO": t.IO.ringIO(),
	}.With(o)
	if namesrv != "" {
		o["namesrvAddr"] = namesrv
	}
	file, err := writeProperties(dir, o)
	if err != nil {
		return nil, err
	}
	return []string{t.Binary, "broker", "-c", file}, nil
}

func writeProperties(dir string, o Options) (string, error) {
	file := filepath.Join(dir, "ringmq.properties")
	return file, os.WriteFile(file, []byte(strings.Join(o.lines(), "\n")+"\n"), 0o644)
}

// childDir makes the folder that a child calls home, numbered in the order of starts.
func (t *Target) childDir(role string) (string, error) {
	t.mu.Lock()
	t.children++
	dir := filepath.Join(t.Dir, fmt.Sprintf("%03d-%s-%s", t.children, t.Kind, role))
	t.mu.Unlock()
	return dir, os.MkdirAll(dir, 0o755)
}

func (t *Target) start(ctx context.Context, dir string, port int, command []string) (*Server, error) {
	p, err := Start(dir, command, nil)
	if err != nil {
		return nil, err
	}
	s := &Server{Process: p, Port: port, Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.Ready(ctx, s.Addr); err != nil {
		p.Kill()
		return nil, err
	}
	return s, nil
}
