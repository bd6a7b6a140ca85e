// Package operate looks at what an operator relies on: starts and stops in an order that is not the best
// one, a name server that is away, and stores, ports and files that a broker must refuse.
//
// Core idea: a refusal is a status other than 0, a line that names the thing, and every file as it was.
package operate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

// behaviour is one line of the report.
type behaviour struct {
	name string
	// javaFails says what the Java peer does instead; it is not asked then.
	javaFails string
	run       func(context.Context, *site) error
}

var behaviours = []behaviour{
	{"a broker starts and serves without its name server, and registers when it comes, and when it comes back", "", namesrvAway},
	{"a broker that ends is forgotten at once, ended or killed", "", forgotten},
	{"a broker registers with every name server", "", twoNamesrvs},
	{"the name server's key-value configuration survives kill -9", "", keyValues},
	{"standalone serves, and ends cleanly on Ctrl-C", "has no such command", standalone},
	{"a damaged topics.json gives way to its backup", "", backup},
	{"topics come back from the store when topics.json and its backup are damaged", "does not start", noBackup},
	{"a commit log file of a wrong size is refused", "", wrongSize},
	{"a second broker on a store is refused and harms nothing", "deletes a commit log file of the first", secondBroker},
	{"a port in use is refused", "prints a stack trace", portInUse},
	{"a store that is no folder is refused", "prints a stack trace", noFolder},
	{"an unknown option is warned of, with the nearest known one", "ignores it silently", unknownOption},
}

// site is where one behaviour runs: a store of its own.
type site struct {
	*target.Target
	store string
}

// small keeps the stores, one for each behaviour, from taking 2 GiB each.
var small = target.Options{"mappedFileSizeCommitLog": fmt.Sprint(16 << 20)}

// broker starts a broker on the site's store.
func (s *site) broker(ctx context.Context, namesrv string, o target.Options) (*target.Server, error) {
	return s.Broker(ctx, s.store, namesrv, 0, small.With(o))
}

// Run looks at all behaviours side by side: most of the time is waiting.
func Run(ctx context.Context, servers *target.Target, board *verdict.Board) error {
	var wg sync.WaitGroup
	for i, b := range behaviours {
		name := "operate: " + b.name
		if b.javaFails != "" && servers.Kind == target.Java {
			board.Skip(name, "the Java peer "+b.javaFails)
			continue
		}
		s := &site{servers, filepath.Join(servers.Dir, fmt.Sprintf("store-%d", i))}
		wg.Go(func() { board.Check(name, func() error { return b.run(ctx, s) }) })
	}
	wg.Wait()
	return nil
}

const topic = "operate"

// exchange sends a message and pulls it back.
func exchange(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := raw.Dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Send(ctx, topic, 0, "", []byte("hello"))
	if err != nil {
		return err
	}
	if err := c.AwaitMaxOffset(ctx, topic, 0, r.QueueOffset+1); err != nil {
		return err
	}
	p, err := c.Pull(ctx, "CG_operate", topic, 0, r.QueueOffset, 1)
	if err == nil && len(p.Records) != 1 {
		err = fmt.Errorf("pull answered with code %d %q", p.Code, p.Remark)
	}
	return err
}

// await waits until a name server knows a broker, or does not.
func await(ctx context.Context, namesrv, broker string, known bool, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c, err := raw.Dial(ctx, namesrv)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		brokers, err := c.Brokers(ctx)
		if err == nil && slices.Contains(brokers, broker) == known {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %v the name server knows the brokers %q (%v)", within, brokers, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
