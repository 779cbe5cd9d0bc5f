package eventstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// supervise keeps a session open and the state current until ctx ends. Only
// supervise sets Stream.live.
func (s *Stream) supervise(ctx context.Context) {
	redial := backoff{first: s.cfg.ReconnectWait, most: s.cfg.ReconnectMax}
	for ctx.Err() == nil {
		sess, err := s.connect(ctx)
		switch {
		case err == nil:
			if s.serve(ctx, sess) {
				redial.reset()
			}
			s.learn(sess)
			sess.close()
		case ctx.Err() == nil:
			s.health.degraded(s.explain(err))
		}
		redial.sleep(ctx, nil)
	}
}

// serve probes a session, keeps it live while it works, and returns when it has
// ended or should be dropped. worked reports whether it was ever live.
func (s *Stream) serve(ctx context.Context, sess *session) (worked bool) {
	probe := backoff{first: s.cfg.ProbeWait, most: s.cfg.ProbeMaxWait}
	for failed := 1; ; failed++ {
		sess.clearFailures()
		err := s.probe(ctx, sess)
		if err == nil {
			worked, failed = true, 0
			s.live.Store(sess)
			s.health.connected()
			since := time.Now()
			err = s.watch(ctx, sess)
			s.live.Store(nil)
			// A stream that keeps failing right after its probe is not probed ever
			// faster.
			if time.Since(since) > s.cfg.ProbeMaxWait {
				probe.reset()
			}
		}
		if ctx.Err() != nil {
			return worked
		}
		if sess.ended() {
			err = sess.endedBy() // this caused the other failures
		}
		s.health.degraded(s.explain(err))
		if sess.ended() || s.hung(ctx, sess, err) || s.shouldSwitchServer(sess, failed, err) {
			return worked
		}
		probe.sleep(ctx, sess.done)
	}
}

// watch returns why a live session should no longer be live: it ended, an
// acknowledgement was missing or wrong, or the regular check failed.
func (s *Stream) watch(ctx context.Context, sess *session) error {
	tick := time.NewTicker(s.cfg.ProbeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sess.done:
			return sess.endedBy()
		case err := <-sess.failures:
			return sess.withAsyncError(err)
		case <-tick.C:
			if err := s.check(ctx, sess); err != nil {
				return err
			}
			if !s.cfg.ConsumeOnly {
				s.refreshPlacement(ctx, sess)
			}
		}
	}
}

// hung distinguishes a broker that does not respond at all, whose connection is
// useless, from a broker whose JetStream does not respond.
func (s *Stream) hung(ctx context.Context, sess *session, err error) bool {
	if !isTimeout(err) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
	defer cancel()
	return sess.nc.FlushWithContext(ctx) != nil
}

// switchServerAfter is the number of consecutive failed probes after which another
// server is tried.
const switchServerAfter = 3

// shouldSwitchServer reports whether another server may work better: this one may
// be cut off from the rest of its cluster.
func (s *Stream) shouldSwitchServer(sess *session, failed int, err error) bool {
	var conflict *conflictError
	return failed >= switchServerAfter && len(sess.nc.Servers()) > 1 && !errors.As(err, &conflict)
}

// isTimeout reports whether err means that a response did not arrive in time.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, ErrAckTimeout)
}

// explain says in one plain sentence why the stream is degraded.
func (s *Stream) explain(err error) string {
	broker := "the broker at " + s.health.broker
	var unreachable *unreachableError
	var conflict *conflictError
	switch {
	case errors.As(err, &unreachable):
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
			return fmt.Sprintf("%s does not accept the credentials: %v", broker, unreachable.err)
		}
		return fmt.Sprintf("%s %v", broker, unreachable)
	case errors.As(err, &conflict):
		return conflict.Error()
	case errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Sprintf("%s does not permit what the event stream needs: %v", broker, err)
	case errors.Is(err, ErrDisconnected):
		return fmt.Sprintf("%s cannot be reached: %v", broker, err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return broker + " has no JetStream"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return broker + " has no JetStream for this account"
	case errors.Is(err, ErrNoStream):
		return fmt.Sprintf("%s has no stream %s that answers for %s", broker, s.cfg.StreamName, SubjectAll)
	case errors.Is(err, errNoQuorum):
		return fmt.Sprintf("the stream %s at %s has no quorum: %v", s.cfg.StreamName, s.health.broker, err)
	case isTimeout(err):
		return fmt.Sprintf("%s does not answer in time: it hangs, or JetStream has no leader", broker)
	default:
		return fmt.Sprintf("%s does not accept events: %v", broker, err)
	}
}

// backoff is a growing wait with jitter.
type backoff struct {
	first, most time.Duration
	next        time.Duration
}

// delay returns the next wait: between half and all of a time that doubles from
// first to most.
func (b *backoff) delay() time.Duration {
	if b.next == 0 {
		b.next = b.first
	}
	d := b.next
	b.next = min(2*b.next, b.most)
	return d/2 + rand.N(d/2+1)
}

func (b *backoff) reset() { b.next = 0 }

// sleep waits for the next delay, or less if ctx ends or early is closed.
func (b *backoff) sleep(ctx context.Context, early <-chan struct{}) {
	t := time.NewTimer(b.delay())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-early:
	}
}
