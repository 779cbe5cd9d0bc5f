// Package web is the supervisor's HTTP door: the JSON of the protocol under /api,
// probes, metrics, and the dashboard. It calls the same methods as the NATS endpoints and goes on
// answering while the broker is away.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"missioncontrol/supervisor"
)

// Server is a running HTTP server.
type Server struct {
	http   *http.Server
	errors *errorLog
	addr   string
	failed chan error
	done   chan struct{}
}

// A Listener has taken an address, as whoever runs the supervisor wrote it.
type Listener struct {
	net.Listener
	host string
}

// Listen takes an address like 127.0.0.1:8080, for [Serve]. Who comes before that
// waits. An error is one sentence that says what to do.
func Listen(addr string) (*Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the HTTP address %s is taken by another process; choose another with --http, or go without with --http off", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("the HTTP address %s cannot be used (%w); choose another with --http", addr, err)
	}
	return &Listener{listener, hostOnly(addr)}, nil
}

// Guard says who is let in. The zero value lets everybody do everything.
type Guard struct {
	Tokens Tokens
	TLS    *tls.Config // nil for plain HTTP; it may ask for certificates of clients

	// Hosts, as [ParseHost] returns them, may stand in Host and in Origin, with any port,
	// beside localhost and IP addresses.
	Hosts []string
}

// Serve serves on a listener, which becomes the server's, until Stop.
func Serve(listener *Listener, service *supervisor.Service, guard Guard, log *slog.Logger) *Server {
	d := newDoor(log)
	d.tokens, d.hosts = guard.Tokens, newHosts(listener, guard)
	return serveThrough(d, listener, service, guard.TLS)
}

// serveThrough is Serve, with a door that is set up.
func serveThrough(d scope, listener *Listener, service *supervisor.Service, secure *tls.Config) *Server {
	stopping, stop := context.WithCancel(context.Background())
	errorLog := newErrorLog(d.log, time.Now)
	s := &Server{
		addr:   listener.Addr().String(),
		errors: errorLog,
		failed: make(chan error, 1),
		done:   make(chan struct{}),
		http: &http.Server{
			Handler:           safeHeaders(d.hosts.only(d, d.authorize(routes(d, service)))),
			TLSConfig:         secure.Clone(),
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       time.Minute,
			WriteTimeout:      2 * time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          errorLog.logger(),
			BaseContext:       func(net.Listener) context.Context { return withLeaving(context.Background(), stopping) },
		},
	}
	s.http.RegisterOnShutdown(stop)
	go func() {
		defer close(s.done)
		serve := s.http.Serve
		if secure != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("the HTTP server failed: %w", err)
		}
	}()
	return s
}

// Off returns a server that is none.
func Off() *Server { return &Server{} }

// Addr returns the address that is listened on, "" for [Off].
func (s *Server) Addr() string { return s.addr }

// Failed returns a channel that gets an error if serving fails.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no more requests and waits for those under way, until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	s.errors.flush()
	return err
}
