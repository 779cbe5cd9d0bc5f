package eventstream

import (
	"context"
	"time"
)

// Range selects stored events by their sequence and by their time. Both lower limits
// apply.
type Range struct {
	After uint64    // begin behind this sequence
	Since time.Time // begin with the first event stored at this time or later; zero: any time
	Until uint64    // the last sequence
}

// Read passes the stored events of a range that match a filter to a function, in order.
// It returns when all are handled or the function returns an error. Deleted events are
// skipped. It creates nothing durable at the broker, and does not wait for a broker
// that is unavailable.
func (s *Stream) Read(ctx context.Context, filter []string, within Range, handle func(Stored) error) error {
	if err := validateFilters(filter); err != nil {
		return err
	}
	if within.Until <= within.After {
		return nil
	}
	sess, err := s.session()
	if err != nil {
		return err
	}
	return s.during(ctx, sess, func(ctx context.Context) error {
		c, err := newCursor(ctx, s.source(sess), filter, within)
		if err != nil {
			return err
		}
		return c.read(ctx, handle)
	})
}

func validateFilters(filter []string) error {
	for _, f := range filter {
		if err := validateFilter(f); err != nil {
			return err
		}
	}
	return nil
}

// source returns the stream on a session, for a cursor.
func (s *Stream) source(sess *session) source {
	return source{
		js: sess.js, stream: s.cfg.StreamName, limit: 2 * s.cfg.DialTimeout, wait: s.cfg.DialTimeout, debug: s.log.Debug,
		find: func(ctx context.Context, which messageRequest) (Stored, error) { return s.stored(ctx, sess, which) },
	}
}

// during runs a function until it returns, the session ends or the stream is closed.
func (s *Stream) during(ctx context.Context, sess *session, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	released := make(chan struct{})
	defer func() { cancel(nil); <-released }()
	go func() {
		defer close(released)
		select {
		case <-sess.done:
			cancel(sess.endedBy())
		case <-s.closing.Done():
			cancel(ErrClosed)
		case <-ctx.Done():
		}
	}()
	err := do(ctx)
	if err != nil && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}
