// Package hostile gives a broker and a name server what no honest client sends.
//
// Core idea: bad input has three fair ends: an error answer, a closed connection, or (where RocketMQ does
// so) silence on a connection that goes on working. After every attack the same questions are asked: is the
// server up, does an honest client that was there before still get its answers soon, has memory grown by
// more than the bytes sent explain, and, at the end, is there any file outside the store or any name
// inside it that should not be, and does the store open again?
//
// Some attacks break the Java broker for good (queue counts of 2³¹−1, group names with slashes). They name that as
// the reason why they are not tried on it.
package hostile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

// attack is one line of the report.
type attack struct {
	name string
	// javaFails says what becomes of the Java peer; it is not attacked then.
	javaFails string
	run       func(context.Context, *suite) error
}

// attacks in their order. The last group looks at what all of them have left.
func attacks() []attack {
	var all []attack
	for _, group := range [][]attack{frameAttacks, headerAttacks, sizeAttacks, nameAttacks, crowdAttacks, aftermath} {
		all = append(all, group...)
	}
	return all
}

// suite is one run; it belongs to the goroutine of [Run].
type suite struct {
	servers *target.Target
	store   string
	namesrv *target.Server
	broker  *target.Server
	// honest are connections of well-behaved clients, open since the start.
	honest map[*target.Server]*raw.Conn
	// sent counts the bytes of the attack that is under way.
	sent counter
	// calm is the memory of a server before the attack.
	calm map[*target.Server]int64
}

// honestTopic is what the honest client uses.
const honestTopic = "honest"

// Run attacks a name server and a broker of its own; name begins every line of the report. Only attacks with match
// in their names are tried, and what they leave is looked at.
func Run(ctx context.Context, name, match string, servers *target.Target, board *verdict.Board) error {
	all := attacks()
	s := &suite{servers: servers, store: filepath.Join(servers.Dir, "store")}
	if err := s.start(ctx); err != nil {
		return err
	}
	defer s.kill()
	for i, a := range all {
		if !strings.Contains(a.name, match) && i < len(all)-len(aftermath) {
			continue
		}
		line := name + ": " + a.name
		if a.javaFails != "" && servers.Kind == target.Java {
			board.Skip(line, "the Java peer "+a.javaFails)
			continue
		}
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("before %q: %w", a.name, err)
		}
		err := a.run(ctx, s)
		if err == nil {
			err = s.unharmed(ctx)
		}
		board.Result(line, err)
	}
	return nil
}

func (s *suite) start(ctx context.Context) error {
	var err error
	if s.namesrv, err = s.servers.Namesrv(ctx, 0, nil); err != nil {
		return err
	}
	if s.broker, err = s.servers.Broker(ctx, s.store, s.namesrv.Addr, 0, nil); err != nil {
		s.namesrv.Kill()
		return err
	}
	if err = s.greet(ctx); err != nil {
		s.kill()
	}
	return err
}

// greet connects the honest clients.
func (s *suite) greet(ctx context.Context) error {
	s.honest, s.calm = map[*target.Server]*raw.Conn{}, map[*target.Server]int64{}
	for _, server := range []*target.Server{s.namesrv, s.broker} {
		c, err := raw.Dial(ctx, server.Addr)
		if err != nil {
			return err
		}
		s.honest[server] = c
	}
	return s.honest[s.broker].CreateTopic(ctx, honestTopic, 1)
}

func (s *suite) kill() {
	s.broker.Kill()
	s.namesrv.Kill()
}

// restart stops the broker cleanly and opens its store again.
func (s *suite) restart(ctx context.Context) error {
	if err := s.broker.Stop(); err != nil {
		return err
	}
	broker, err := s.servers.Broker(ctx, s.store, s.namesrv.Addr, s.broker.Port, nil)
	if err != nil {
		return err
	}
	s.broker = broker
	return s.greet(ctx)
}

// prepare brings back a server that an attack has ended, and notes its memory.
func (s *suite) prepare(ctx context.Context) error {
	if !s.broker.Alive() || !s.namesrv.Alive() {
		s.kill()
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	s.sent.reset()
	for _, server := range []*target.Server{s.namesrv, s.broker} {
		memory, err := server.Memory()
		if err != nil {
			return err
		}
		s.calm[server] = memory
	}
	return nil
}

// patience is how long an honest client waits for an answer during and after an attack.
const patience = 3 * time.Second

// spare is memory that a server may take without bytes to show for it: pools that an attack is the first to fill.
const spare = 96 << 20

// unharmed asks the questions that follow every attack.
func (s *suite) unharmed(ctx context.Context) error {
	for server, what := range map[*target.Server]string{s.namesrv: "name server", s.broker: "broker"} {
		if !server.Alive() {
			return fmt.Errorf("the %s ended: %v; its output: %s", what, server.Wait(), server.Tail())
		}
	}
	if err := s.served(ctx); err != nil {
		return err
	}
	if s.servers.Kind == target.Java {
		return nil // its heap is bounded by -Xmx and says nothing
	}
	for server, what := range map[*target.Server]string{s.namesrv: "name server", s.broker: "broker"} {
		now, err := server.Memory()
		if err != nil {
			return err
		}
		if grown, allowed := now-s.calm[server], spare+4*s.sent.get(); grown > allowed {
			return fmt.Errorf("the %s has grown by %d MiB for %d KiB sent", what, grown>>20, s.sent.get()>>10)
		}
	}
	return nil
}

// served checks that honest clients get their answers.
func (s *suite) served(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := untilNotBusy(ctx, func() error {
		_, err := s.honest[s.namesrv].Want(ctx, raw.CodeClusterInfo, nil, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("honest client of the name server: %w", err)
	}
	broker := s.honest[s.broker]
	var receipt raw.Receipt
	err = untilNotBusy(ctx, func() (err error) {
		receipt, err = broker.Send(ctx, honestTopic, 0, "", []byte("honest"))
		return err
	})
	if err != nil {
		return fmt.Errorf("honest producer: %w", err)
	}
	if err := broker.AwaitMaxOffset(ctx, honestTopic, 0, receipt.QueueOffset+1); err != nil {
		return fmt.Errorf("honest consumer: %w", err)
	}
	p, err := broker.Pull(ctx, "CG_honest", honestTopic, 0, receipt.QueueOffset, 1)
	if err != nil {
		return fmt.Errorf("honest consumer: %w", err)
	}
	if len(p.Records) != 1 || string(p.Records[0].Body) != "honest" {
		return fmt.Errorf("honest consumer: pull answered with code %d %q and %d messages", p.Code, p.Remark, len(p.Records))
	}
	return nil
}

// untilNotBusy asks again while the answer is "system busy", as RocketMQ's clients do.
func untilNotBusy(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		var refused *raw.CodeError
		if !errors.As(err, &refused) || refused.Code != raw.SystemBusy {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("for %v: %w", patience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
