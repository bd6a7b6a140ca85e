package main

import (
	"context"
	"path/filepath"
	"strings"

	"ringmq/compat/crash"
	"ringmq/compat/target"
)

// crash kills brokers under load, for each way to flush and each I/O path.
func (b *bench) crash(ctx context.Context, _ func(string) bool) error {
	for _, flush := range b.flushTypes() {
		for _, io := range b.ioPaths() {
			name := "crash: " + flush
			if b.target == string(target.Ringmq) {
				name += ", I/O " + string(io)
			}
			servers, err := b.servers(strings.NewReplacer(": ", "-", ", I/O ", "-").Replace(name), target.Kind(b.target), io)
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
