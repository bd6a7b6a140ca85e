package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"ringmq/internal/transport"
)

// part is a server: namesrv.Server or server.Broker.
type part interface {
	Start(ctx context.Context) error
	// Close may be called without Start, and after a Start that failed.
	Close(ctx context.Context) error
}

// stopLimit bounds the polite part of a stop: answers in flight, leaving the name servers.
const stopLimit = time.Second

// sameSignal is how long after the first signal another one is taken for the same: timeout(1) sends each twice, to the
// process and to its group, and a broker that died of the second would look to its next start as if it had been killed.
const sameSignal = 200 * time.Millisecond

// serve starts parts in order, calls ready, waits for SIGINT or SIGTERM and closes them in
// reverse order and then the transport. A later signal ends the process at once. The
// error is that of the part that did not start, or of those that did not stop cleanly.
func serve(ctx context.Context, log *slog.Logger, tr *transport.Transport, ready func(), parts ...part) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := startAll(ctx, parts)
	if err == nil {
		ready()
		<-ctx.Done()
		log.Info("stopping")
	}
	time.AfterFunc(sameSignal, stop) // from then on a signal kills
	return errors.Join(explain(err), closeAll(tr, parts))
}

func startAll(ctx context.Context, parts []part) error {
	for _, p := range parts {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// closeAll closes parts, started or not: one that was only made may hold a store.
func closeAll(tr *transport.Transport, parts []part) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	var errs []error
	for i := len(parts) - 1; i >= 0; i-- {
		errs = append(errs, parts[i].Close(ctx))
	}
	return errors.Join(append(errs, tr.Close(ctx))...)
}

// explain adds the way out to errors of the machine that a user can do something about.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w (another port: -o listenPort=N; standalone: --namesrv-port, --broker-port)", err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w; storePathRootDir must be a folder, or be made one", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; run as a user who may, or choose another place or port", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; bindAddress must be an address of this machine, or empty for all", err)
	}
	return err
}
