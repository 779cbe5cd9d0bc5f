package eventstream

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is one connection to the broker, from handshake to end. Everything sent
// on it is acknowledged on it, or settled with an error when it ends; nothing
// outlives it. Telemetry and durable events have separate windows, so neither waits
// for the other's acknowledgements.
type session struct {
	cfg    Config
	dialer *dialer
	nc     *nats.Conn
	js     jetstream.JetStream

	telemetry, durable *window

	// writing is held while a burst of telemetry or a chain of durable events is
	// written, so that the one does not get into the other. Nobody waits for an
	// acknowledgement meanwhile.
	writing  sync.Mutex
	chaining chaining

	// layout is how the broker keeps the stream; set before the session is live.
	layout atomic.Pointer[layout]

	// failures receives the first outcome that points to a problem with the stream;
	// see reportFailure.
	failures chan error

	endOnce   sync.Once
	done      chan struct{}         // closed when the connection has ended
	endReason atomic.Pointer[error] // why it ended; nil if unknown
	async     atomic.Pointer[error] // the last asynchronous error from the broker

	sweeper sync.WaitGroup
}

func newSession(cfg Config) *session {
	return &session{cfg: cfg, failures: make(chan error, 1), done: make(chan struct{})}
}

// open takes over a new connection.
func (s *session) open(nc *nats.Conn) (err error) {
	s.nc = nc
	if s.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(s.cfg.DialTimeout)); err != nil {
		return err
	}
	if s.telemetry, err = newWindow(nc, s.cfg.StreamName, maxBursts, s.cfg.AckTimeout, s.reportFailure); err != nil {
		return err
	}
	if s.durable, err = newWindow(nc, s.cfg.StreamName, s.cfg.MaxInFlight, s.cfg.AckTimeout, s.reportFailure); err != nil {
		return err
	}
	s.sweeper.Go(s.sweep)
	return nil
}

// sweep expires overdue acknowledgements until the connection ends, and then
// settles the rest.
func (s *session) sweep() {
	tick := time.NewTicker(max(s.cfg.AckTimeout/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.telemetry.expire(now)
			s.durable.expire(now)
		case <-s.done:
			err := s.endedBy()
			s.telemetry.end(err)
			s.durable.end(err)
			return
		}
	}
}

// reportFailure records an error that makes the stream be probed. Only the first
// one since the last probe counts.
func (s *session) reportFailure(err error) {
	select {
	case s.failures <- err:
	default:
	}
}

// clearFailures forgets what was reported before a probe.
func (s *session) clearFailures() {
	select {
	case <-s.failures: //nolint:errcheck // a doubt that is out of date is nobody's error
	default:
	}
	s.async.Store(nil)
}

// asyncError handles the broker's asynchronous errors, such as a missing
// permission: the broker never answers the publish it concerns.
func (s *session) asyncError(err error) {
	s.async.Store(&err)
	if errors.Is(err, nats.ErrPermissionViolation) {
		s.reportFailure(err)
	}
}

// withAsyncError adds the broker's last asynchronous error to an error that says
// only that no response came.
func (s *session) withAsyncError(err error) error {
	if asyncError := s.async.Load(); asyncError != nil {
		return fmt.Errorf("%w (the broker says: %w)", err, *asyncError)
	}
	return err
}

// closed marks the end of the connection. err says why; it is nil if we closed it.
func (s *session) closed(err error) {
	s.endOnce.Do(func() {
		if err != nil {
			s.endReason.Store(&err)
		}
		close(s.done)
	})
}

// ended reports whether the connection is gone.
func (s *session) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// endedBy returns the error of an ended session.
func (s *session) endedBy() error {
	if reason := s.endReason.Load(); reason != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, *reason)
	}
	return ErrDisconnected
}

// close ends the session at once and waits for its goroutine. When it returns,
// everything in flight is settled. Callers that need it drain the session first.
func (s *session) close() {
	s.dialer.abort()
	if s.nc != nil {
		s.nc.Close()
	}
	s.closed(nil)
	s.sweeper.Wait()
}
