package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readyPoll is how often readiness is polled while the broker starts. The server
// library has no notification for it.
const readyPoll = 5 * time.Millisecond

// Server is a running broker. Create one with [Start].
type Server struct {
	broker *server.Server
	system *systemUser
	own    *ownUser // nil if clients need not sign in
	tls    bool
	lock   *flock.Flock
	log    *slogLogger

	storeDir  string
	cfg       Config        // as Start got it, but for Access
	reloading sync.Mutex    // held by SetAccess
	restarted chan struct{} // closed when restartOnWriteError has ended
	flushed   chan struct{} // closed when flushing has ended

	stopOnce sync.Once
	stop     chan struct{} // closed when the shutdown starts
	stopped  chan struct{} // closed when the broker is down and the lock is free
	stopErr  error         // valid after stopped is closed
}

// Start starts a broker on cfg.StoreDir and returns when JetStream responds, or
// when ctx ends. After an error nothing is running and the lock is free. The error
// is an [ErrPortTaken], [ErrDirNotWritable], [ErrDirLocked] or [ErrNotReady], or names
// the invalid field of cfg.
//
// Recovering a large store takes time, which counts against ctx.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	// Lock the directory first: two supervisors with the same settings share both
	// directory and port, and the lock file names the other process.
	lock, err := lockDir(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	tighten(cfg.StoreDir, cfg.Logger)
	if err := checkPort(ctx, cfg.Host, cfg.Port); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	s := &Server{cfg: cfg, tls: cfg.TLS != nil, lock: lock, log: newLogger(cfg.Logger, cfg.Now), storeDir: cfg.StoreDir,
		restarted: make(chan struct{}), flushed: make(chan struct{}), stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := s.build(cfg); err != nil {
		return nil, errors.Join(notReady(err), lock.Unlock())
	}

	if err := s.bringUp(ctx, cfg); err != nil {
		close(s.restarted)
		close(s.flushed)
		// The start may have failed because ctx ended. The shutdown must not be cut
		// short by it, or the directory would stay locked.
		_ = s.Shutdown(context.WithoutCancel(ctx))
		return nil, err
	}
	go s.restartOnWriteError(s.stop)
	go s.flushing(s.stop)
	return s, nil
}

// build creates the broker and its users; nothing runs yet.
func (s *Server) build(cfg Config) (err error) {
	if s.system, err = newSystemUser(); err != nil {
		return err
	}
	if cfg.Access != nil {
		if s.own, err = newOwnUser(); err != nil {
			return err
		}
	}
	opts, _ := s.options(cfg)
	if s.broker, err = server.NewServer(opts); err != nil {
		return err
	}
	s.broker.SetLoggerV2(s.log, s.log.debug(), false, false)
	if cfg.Access != nil {
		guests, err := s.broker.LookupAccount(guestAccount)
		if err != nil {
			return fmt.Errorf("the guests' account is not there: %w", err)
		}
		return cfg.Access.openShares(s.broker.GlobalAccount(), guests)
	}
	return nil
}

// options returns cfg with its users, and the guests' account, which is nil without
// users, as nats-server takes them.
func (s *Server) options(cfg Config) (opts *server.Options, guests *server.Account) {
	opts = options(cfg)
	if cfg.Access != nil {
		s.own.addTo(opts, cfg.Access.Own)
		guests = cfg.Access.addTo(opts)
	}
	s.system.addTo(opts)
	return opts, guests
}

// options converts cfg for nats-server, except for the users. Other options keep
// the server's defaults.
func options(cfg Config) *server.Options {
	port := cfg.Port
	if port == AnyPort {
		port = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName:             cfg.ServerName,
		Host:                   cfg.Host,
		Port:                   port,
		MaxPayload:             cfg.MaxPayload,
		MaxPending:             max(server.MAX_PENDING_SIZE, 8*int64(cfg.MaxPayload)),
		JetStream:              true,
		StoreDir:               cfg.StoreDir,
		SyncInterval:           cfg.SyncInterval,
		DisableJetStreamBanner: true,
		NoSigs:                 true,
	}
	if cfg.TLS != nil {
		opts.TLS, opts.TLSConfig = true, cfg.TLS.Clone()
		opts.TLSVerify = cfg.TLS.ClientAuth == tls.RequireAndVerifyClientCert
	}
	return opts
}

// bringUp starts the broker and waits until it serves JetStream, fails, or ctx
// ends.
func (s *Server) bringUp(ctx context.Context, cfg Config) error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.broker.Start()
	}()
	select {
	case <-started:
	case <-ctx.Done():
		// Start cannot be interrupted, and a Shutdown during it would race with
		// what it starts next.
		<-started
		return notReady(ctx.Err())
	}
	if err := s.enableStreams(); err != nil {
		return fatalError(cfg, err)
	}
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		select {
		case err := <-s.log.fatal:
			return fatalError(cfg, err)
		default:
		}
		if s.broker.JetStreamEnabled() && s.broker.ReadyForConnections(readyPoll) {
			if err := s.roundTrip(ctx); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return notReady(ctx.Err())
		case err := <-s.log.fatal:
			return fatalError(cfg, err)
		case <-tick.C:
		}
	}
}

// enableStreams enables JetStream for the global account if there are other
// accounts. If it is the only one, nats-server has done so.
func (s *Server) enableStreams() error {
	if s.own == nil || !s.broker.JetStreamEnabled() {
		return nil // disabled: the reason was logged as fatal
	}
	return s.broker.GlobalAccount().EnableJetStream(nil, nil)
}

// roundTrip checks that JetStream answers requests; enabled does not yet mean
// reachable.
func (s *Server) roundTrip(ctx context.Context) error {
	options := append(s.SignIn(), nats.InProcessServer(s.broker), nats.Name("embedded:ready"), nats.NoReconnect())
	nc, err := nats.Connect("", options...)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = js.AccountInfo(ctx)
	return err
}

// ClientURL returns the URL for clients on this machine, for example
// "nats://127.0.0.1:4222".
func (s *Server) ClientURL() string {
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return "nats://" + s.Addr()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = defaultHost // listening on all addresses includes loopback
	}
	return "nats://" + net.JoinHostPort(host, port)
}

// Addr returns the address the broker listens on, as host:port.
func (s *Server) Addr() string { return s.broker.Addr().String() }

// Shutdown stops the broker, waits until it is down, and unlocks the store
// directory. It is idempotent, and every call waits. If ctx ends first, it returns
// the context's error while the shutdown continues; call it again to keep waiting.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopOnce.Do(func() {
		go func() {
			defer close(s.stopped)
			close(s.stop)
			<-s.restarted
			<-s.flushed
			s.broker.Shutdown()
			s.broker.WaitForShutdown()
			s.log.flush(true)
			s.stopErr = s.lock.Unlock()
		}()
	})
	select {
	case <-s.stopped:
		return s.stopErr
	case <-ctx.Done():
		return fmt.Errorf("embedded broker: still stopping: %w", ctx.Err())
	}
}

// checkPort checks that the address is free before the broker starts on it.
func checkPort(ctx context.Context, host string, port int) error {
	if port == AnyPort {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return portTaken(host, port, err)
	}
	return &startError{
		Kind:    ErrNotReady,
		Message: fmt.Sprintf("the broker cannot listen on %s port %d: %v; choose another address with --listen", host, port, listenCause(err)),
		Cause:   err,
	}
}

func portTaken(host string, port int, cause error) error {
	return &startError{
		Kind: ErrPortTaken,
		Message: fmt.Sprintf("another process uses port %d on %s; stop it, choose another port with --listen, or, if it is a broker, use it with --server nats://%s",
			port, host, net.JoinHostPort(host, strconv.Itoa(port))),
		Cause: cause,
	}
}

// fatalError converts the server library's fatal error to a start error. The port
// can be taken between our check and the server's own listen.
func fatalError(cfg Config, err error) error {
	if strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
		return portTaken(cfg.Host, cfg.Port, err)
	}
	return notReady(err)
}

func notReady(err error) error {
	return &startError{Kind: ErrNotReady, Message: fmt.Sprintf("the embedded broker did not start: %v", err), Cause: err}
}

// listenCause strips the operation and address that net errors repeat.
func listenCause(err error) error {
	var opErr *net.OpError
	if errors.As(err, &opErr) {
		return opErr.Err
	}
	return err
}
