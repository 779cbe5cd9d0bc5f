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

// session is one connection to the broker, from its handshake to its end.
// Whatever is sent on it is acknowledged on it or settled with an error when it
// ends; nothing outlives it. Telemetry and durable events have windows of their
// own, so that neither waits for the other's acknowledgements.
type session struct {
	cfg    Config
	dialer *dialer
	nc     *nats.Conn
	js     jetstream.JetStream

	telemetry, durable *window

	// layout is how the broker keeps the stream; set before the session is live.
	layout atomic.Pointer[layout]

	// doubts receives the first outcome that speaks against the stream's
	// health; see doubt.
	failures chan error

	endOnce   sync.Once
	done      chan struct{}         // closed when the connection has ended
	endReason atomic.Pointer[error] // why, nil when nobody said
	async     atomic.Pointer[error] // the last error the broker sent unasked

	sweeper sync.WaitGroup
}

func newSession(cfg Config) *session {
	return &session{cfg: cfg, failures: make(chan error, 1), done: make(chan struct{})}
}

// open takes over a fresh connection.
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
// settles what is left.
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

// doubt notes an error that should have the stream probed. Only the first one
// since the last probe counts.
func (s *session) reportFailure(err error) {
	select {
	case s.failures <- err:
	default:
	}
}

// clearDoubts forgets what was noted before a probe.
func (s *session) clearFailures() {
	select {
	case <-s.failures: //nolint:errcheck // a doubt that is out of date is nobody's error
	default:
	}
	s.async.Store(nil)
}

// asyncError handles what the broker says without being asked, such as a
// permission that is missing: a publish that it concerns is never answered.
func (s *session) asyncError(err error) {
	s.async.Store(&err)
	if errors.Is(err, nats.ErrPermissionViolation) {
		s.reportFailure(err)
	}
}

// explainSilence adds what the broker said to an error that only says that an
// answer did not come.
func (s *session) withAsyncError(err error) error {
	if asyncError := s.async.Load(); asyncError != nil {
		return fmt.Errorf("%w (the broker says: %w)", err, *asyncError)
	}
	return err
}

// closed marks the end of the connection; err is why, nil when we ended it.
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

// endedBy is the error of an ended session.
func (s *session) endedBy() error {
	if reason := s.endReason.Load(); reason != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, *reason)
	}
	return ErrDisconnected
}

// close ends the session at once and waits for its goroutine. Everything in
// flight is settled when it returns. Callers that care let it drain first.
func (s *session) close() {
	s.dialer.abort()
	if s.nc != nil {
		s.nc.Close()
	}
	s.closed(nil)
	s.sweeper.Wait()
}
