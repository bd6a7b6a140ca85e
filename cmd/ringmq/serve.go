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
	Close(ctx context.Context) error
}

// stopLimit bounds the polite part of a stop: answers in flight, leaving the name servers.
const stopLimit = time.Second

// serve starts parts in order, calls ready, waits for SIGINT or SIGTERM and closes them in
// reverse order and then the transport. A second signal ends the process at once. The
// error is that of the part that did not start, or of those that did not stop cleanly.
func serve(ctx context.Context, log *slog.Logger, tr *transport.Transport, ready func(), parts ...part) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	started := 0
	var startErr error
	for _, p := range parts {
		started++ // what failed to start may hold a store or a listener: it is closed too
		if startErr = p.Start(ctx); startErr != nil {
			break
		}
	}
	if startErr == nil {
		ready()
		<-ctx.Done()
		log.Info("stopping")
	}
	stop() // from now on a signal kills
	return errors.Join(explain(startErr), closeAll(tr, parts[:started]))
}

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
		return fmt.Errorf("%w; another process has this port: stop it, or choose another port (see --help)", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; run as a user who may, or choose another place or port", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; bindAddress must be an address of this machine, or empty for all", err)
	}
	return err
}
