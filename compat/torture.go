package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"

	"ringmq/compat/crash"
	"ringmq/compat/damage"
	"ringmq/compat/exchange"
	"ringmq/compat/faults"
	"ringmq/compat/hostile"
	"ringmq/compat/operate"
	"ringmq/compat/target"
)

// crash kills brokers under load, for each way to flush and each I/O path.
func (b *bench) crash(ctx context.Context, _ func(string) bool) error {
	for _, flush := range b.flushTypes() {
		for _, io := range b.ioPaths() {
			name := b.onPath("crash: "+flush, io)
			servers, err := b.servers("crash-"+flush+"-"+string(io), target.Kind(b.target), io)
			if err != nil {
				return err
			}
			report, err := crash.Run(ctx, crash.Options{
				Target: servers, Store: filepath.Join(servers.Dir, "store"), Rounds: b.rounds, Flush: flush, Seed: b.seed,
			})
			b.board.Result(name+" ("+report.String()+")", err)
		}
	}
	return nil
}

// faults lets the disk below a broker fail, on each I/O path. The Java peer is not asked: it loses messages here.
func (b *bench) faults(ctx context.Context, _ func(string) bool) error {
	if b.target == string(target.Java) {
		b.board.Skip("faults", "the Java broker loses acknowledged messages on a full or failing disk")
		return nil
	}
	for _, io := range b.ioPaths() {
		servers, err := b.servers("faults-"+string(io), target.Kind(b.target), io)
		if err != nil {
			return err
		}
		if err := faults.Run(ctx, b.onPath("faults", io), servers, b.board, b.seed); err != nil {
			return err
		}
	}
	return nil
}

// damage harms files; it is the same code on each I/O path.
func (b *bench) damage(ctx context.Context, _ func(string) bool) error {
	if b.target == string(target.Java) {
		b.board.Skip("damage", "the Java broker loses acknowledged messages with a damaged file")
		return nil
	}
	servers, err := b.servers("damage", target.Kind(b.target), target.IO(b.io))
	if err != nil {
		return err
	}
	return damage.Run(ctx, "damage", servers, b.board, b.seed)
}

func (b *bench) flushTypes() []string {
	if b.flush != "" {
		return []string{b.flush}
	}
	return []string{"ASYNC_FLUSH", "SYNC_FLUSH"}
}

// ioPaths are those asked for; ringmq has two.
func (b *bench) ioPaths() []target.IO {
	if b.target == string(target.Java) || b.io != string(target.IOAuto) {
		return []target.IO{target.IO(b.io)}
	}
	return []target.IO{target.IORing, target.IONet}
}

// exchange hands stores between the Java peer and the program that is judged. All stores are under way at once:
// most of the time is waiting for the Java broker to start, to write its offsets and to stop.
func (b *bench) exchange(ctx context.Context, _ func(string) bool) error {
	var wg sync.WaitGroup
	for _, v := range []struct {
		name        string
		small, kill bool
		run         func(context.Context, exchange.Options)
	}{
		{"exchange, small files, kill -9", true, true, exchange.Run},
		{"exchange, files of RocketMQ's sizes, kill -9", false, true, exchange.Run},
		{"exchange, small files", true, false, exchange.Run},
		{"exchange, files of RocketMQ's sizes", false, false, exchange.Run},
		{"exchange, harmed and mended", true, false, exchange.RunMended},
		{"exchange, messages that wait", true, false, exchange.RunPending},
		{"exchange, messages that wait, kill -9", true, true, exchange.RunPending},
	} {
		if !strings.Contains(v.name, b.match) {
			continue
		}
		dir := strings.NewReplacer(", ", "-", " ", "_", "'", "").Replace(v.name)
		servers, err := b.servers(dir, target.Kind(b.target), target.IO(b.io))
		if err != nil {
			return err
		}
		peer, err := b.servers(dir+"/peer", target.Java, target.IOAuto)
		if err != nil {
			return err
		}
		wg.Go(func() {
			v.run(ctx, exchange.Options{
				Java: peer, Target: servers, Store: filepath.Join(servers.Dir, "store"), Name: v.name,
				Small: v.small, Kill: v.kill, Seed: b.seed, Board: b.board,
			})
		})
	}
	wg.Wait()
	return nil
}

// hostile gives the servers bad input, on each I/O path.
func (b *bench) hostile(ctx context.Context, _ func(string) bool) error {
	for _, io := range b.ioPaths() {
		name := b.onPath("hostile", io)
		servers, err := b.servers("hostile-"+string(io), target.Kind(b.target), io)
		if err != nil {
			return err
		}
		if err := hostile.Run(ctx, name, b.match, servers, b.board); err != nil {
			return err
		}
	}
	return nil
}

// onPath adds the I/O path to the name of a suite where there is a choice.
func (b *bench) onPath(name string, io target.IO) string {
	if b.target == string(target.Java) {
		return name
	}
	return name + ", I/O " + string(io)
}

// operate starts and stops servers as operators do.
func (b *bench) operate(ctx context.Context, _ func(string) bool) error {
	servers, err := b.servers("operate", target.Kind(b.target), target.IO(b.io))
	if err != nil {
		return err
	}
	return operate.Run(ctx, servers, b.board)
}
