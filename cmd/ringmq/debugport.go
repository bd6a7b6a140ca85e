package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// debugPort serves the process's profiles to people of this machine, for `go tool pprof
// http://127.0.0.1:PORT/debug/pprof/profile`. It listens on the loopback address only, answers no other peer, and
// no browser that was sent here by a foreign name (DNS rebinding).
type debugPort struct {
	port   int
	log    *slog.Logger
	addr   net.Addr // set by Start
	server *http.Server
	done   chan struct{} // closed when nothing is served any more
}

// Profiles of locks and waits cost little at these rates, and nothing without the port.
const (
	mutexProfileFraction = 100       // one of so many contentions
	blockProfileRate     = 1_000_000 // one sample for so many ns of waiting
)

// withDebugPort adds the debug port in front of parts, unless it is 0.
func withDebugPort(port int, log *slog.Logger, parts ...part) []part {
	if port == 0 {
		return parts
	}
	return append([]part{&debugPort{port: port, log: log}}, parts...)
}

// Start implements part.
func (d *debugPort) Start(context.Context) error {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port)))
	if err != nil {
		return fmt.Errorf("debugPort: %w; choose another or 0 for none", err)
	}
	d.serve(ln)
	return nil
}

// serve serves on ln in the background.
func (d *debugPort) serve(ln net.Listener) {
	runtime.SetMutexProfileFraction(mutexProfileFraction)
	runtime.SetBlockProfileRate(blockProfileRate)
	d.addr, d.done = ln.Addr(), make(chan struct{})
	d.server = &http.Server{Handler: localOnly(profiles()), ReadHeaderTimeout: 5 * time.Second}
	d.log.Info("profiles are served", "at", fmt.Sprintf("http://%s/debug/pprof/", ln.Addr()))
	go func() {
		defer close(d.done)
		if err := d.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("debug port ended", "error", err)
		}
	}()
}

// Close implements part: a profile being taken is cut off.
func (d *debugPort) Close(context.Context) error {
	if d.server == nil {
		return nil
	}
	err := d.server.Close()
	<-d.done
	return err
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // also heap, allocs, mutex, block, goroutine
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// localOnly refuses requests from elsewhere, or for another name than this machine's own.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() || !isLocal(r.Host) {
			http.Error(w, "profiles are for this machine only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}
