package eventstream

import (
	"context"
	"time"
)

// Stored is an event as the stream holds it. It must not be modified.
type Stored struct {
	Seq  uint64
	Type string    // from its subject; Data may not be an envelope
	At   time.Time // when the broker stored it
	Data []byte    // the envelope
}

// Follower receives what a stream stores. One goroutine calls its functions, one at
// a time.
type Follower struct {
	// Filter lists the wanted event types, as in [ConsumerConfig].
	Filter []string
	// Since begins with the first event stored at this time or later. Zero: with what is
	// stored from now on.
	Since time.Time
	// Begin, if set, is called before the first event, with the sequence that precedes it.
	// It is called again if the stream was recreated, and after every outage.
	Begin func(after uint64)
	// Event is called for every event, in order.
	Event func(Stored)
	// Refused, if set, is called with a sentence when the broker refuses the consumer that
	// reads, and with "" once it no longer does. Follow goes on trying. A [Reader] does not
	// call it: there a [RefusedConsumer] is an interruption.
	Refused func(reason string)
	// Interrupted, if set, is called with the reason when reading was interrupted and is
	// tried again, for each attempt, and with nil once it goes on.
	Interrupted func(error)

	broken bool // whether Interrupted was last called with a reason
}

// Follow passes what is stored to a follower, until ctx ends. It waits through outages and
// then delivers what was stored meanwhile: nothing is skipped while the stream exists. It
// creates nothing durable at the broker. The error is ctx's, [ErrClosed] or an [ErrConfig].
func (s *Stream) Follow(ctx context.Context, f Follower) error {
	if err := validateFilters(f.Filter); err != nil {
		return err
	}
	wait := backoff{first: s.cfg.ProbeWait, most: s.cfg.ProbeMaxWait}
	c := cursor{filter: f.Filter, since: f.Since}
	defer s.health.refuse(&c, "")
	for {
		sess, err := s.awaitSession(ctx)
		if err != nil {
			return err
		}
		c.source, c.asked = s.source(sess), func(err error) {
			s.refused(sess, &c, &f, err)
			f.asked(err)
		}
		since := time.Now()
		err = s.during(ctx, sess, func(ctx context.Context) error { return c.follow(ctx, &f) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(since) > wait.most {
			wait.reset()
		}
		s.log.Debug("following the event stream was interrupted", "error", err)
		f.interrupted(err)
		wait.sleep(ctx, nil)
	}
}

// interrupted reports why reading was interrupted, or nil for the consumer that goes on.
func (f *Follower) interrupted(err error) {
	if f.Interrupted != nil && (err != nil || f.broken) {
		f.broken = err != nil
		f.Interrupted(err)
	}
}

// asked takes the outcome of a request for a consumer.
func (f *Follower) asked(err error) {
	if err == nil {
		f.interrupted(nil)
	}
}

// refused records whether the broker refuses a follower's consumer.
func (s *Stream) refused(sess *session, c *cursor, f *Follower, err error) {
	if isTimeout(err) { // a lack of permission shows only as an asynchronous error
		err = refusedConsumer(sess.withAsyncError(err))
	}
	text := refusedText(err)
	if err != nil && text == "" {
		return // nothing is known
	}
	s.health.refuse(c, text)
	if f.Refused != nil {
		f.Refused(text)
	}
}

// follow reads on without an end, until there is trouble.
func (c *cursor) follow(ctx context.Context, f *Follower) error {
	if err := c.locate(ctx, 0); err != nil {
		return err
	}
	if f.Begin != nil {
		f.Begin(c.seen)
	}
	return c.read(ctx, func(e Stored) error {
		f.Event(e)
		return nil
	})
}

// End returns the sequence of the newest stored event, or 0.
func (s *Stream) End(ctx context.Context) (uint64, error) {
	sess, err := s.session()
	if err != nil {
		return 0, err
	}
	at := s.source(sess)
	return at.end(ctx)
}
