// Package web is the supervisor's HTTP front end: the JSON of the protocol under /api,
// probes, metrics, and the dashboard. It calls the same methods as the NATS endpoints,
// and keeps answering while the broker is away.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"missioncontrol/supervisor"
)

// Server is a running HTTP server.
type Server struct {
	http   *http.Server
	errors *errorLog
	addr   string
	tokens *liveTokens
	first  *atomic.Pointer[[]string]
	failed chan error
	done   chan struct{}
}

// A Listener listens on an address, which it keeps as the operator wrote it.
type Listener struct {
	net.Listener
	host string
}

// Listen listens on an address like 127.0.0.1:8080, for [Serve]. Clients that connect
// before Serve wait. An error is one sentence that says what to do.
func Listen(addr string) (*Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another process uses the HTTP address %s; choose another with --http, or disable HTTP with --http off", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the HTTP address %s (%w); choose another with --http", addr, err)
	}
	return &Listener{listener, hostOnly(addr)}, nil
}

// Guard says which requests are allowed. The zero value allows everything to all
// clients.
type Guard struct {
	Tokens Tokens
	TLS    *tls.Config // nil for plain HTTP; it may request client certificates

	// Hosts, as [ParseHost] returns them, are allowed in Host and in Origin, with any
	// port, in addition to localhost and IP addresses.
	Hosts []string

	// Peers are the other supervisors on the store; nil if there are none.
	Peers *Peers
}

// Serve serves on a listener until Stop. The server takes over the listener.
func Serve(listener *Listener, service *supervisor.Service, guard Guard, log *slog.Logger) *Server {
	d := newFrontEnd(log)
	d.tokens.set(guard.Tokens)
	d.hosts = newHosts(listener, guard)
	d.peers = guard.Peers
	return serveFrontEnd(d, listener, service, guard.TLS)
}

// serveThrough is Serve with a scope that is already configured.
func serveFrontEnd(d frontEnd, listener *Listener, service *supervisor.Service, secure *tls.Config) *Server {
	stopping, stop := context.WithCancel(context.Background())
	errorLog := newErrorLog(d.log, time.Now)
	s := &Server{
		addr:   listener.Addr().String(),
		tokens: d.tokens,
		first:  d.first,
		errors: errorLog,
		failed: make(chan error, 1),
		done:   make(chan struct{}),
		http: &http.Server{
			Handler:           safeHeaders(forwarding(d.peers, d.hosts.only(d, typed(d.authorize(routes(d, service)))))),
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

// Off returns a server that does not serve.
func Off() *Server { return &Server{} }

// Addr returns the address that the server listens on, or "" for [Off].
func (s *Server) Addr() string { return s.addr }

// SetTokens replaces the tokens. Without tokens at the start, or without any now, it does
// nothing: whether clients need a token is decided at the start. Requests in progress
// are finished; event streams end, and clients whose token is still known connect again.
// It may be called concurrently.
func (s *Server) SetTokens(tokens Tokens) {
	if s.tokens != nil && s.tokens.get() != nil && len(tokens) > 0 {
		s.tokens.set(tokens)
	}
}

// SetFirstCommands sets the commands that the dashboard shows while there are no missions.
// It may be called concurrently.
func (s *Server) SetFirstCommands(commands []string) {
	if s.first != nil {
		s.first.Store(&commands)
	}
}

// Failed returns a channel that gets an error if serving fails.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop accepts no more requests and waits for those in progress until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	s.errors.flush()
	return err
}
