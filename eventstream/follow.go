package eventstream

import (
	"context"
	"fmt"
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
	// Begin is called before the first event, with the sequence that precedes it.
	// It is called again if the stream was recreated, and after every outage.
	Begin func(after uint64)
	// Event is called for every event, in order.
	Event func(Stored)
}

// Follow passes everything stored from now on to a follower, until ctx ends. It
// waits through outages and then delivers what was stored meanwhile: nothing is
// skipped while the stream exists. It creates nothing durable at the broker. The
// error is ctx's, [ErrClosed] or an [ErrConfig].
func (s *Stream) Follow(ctx context.Context, f Follower) error {
	if err := validateFilters(f.Filter); err != nil {
		return err
	}
	wait := backoff{first: s.cfg.ProbeWait, most: s.cfg.ProbeMaxWait}
	position, known := uint64(0), false
	for {
		sess, err := s.awaitSession(ctx)
		if err != nil {
			return err
		}
		if position, known, err = s.attachFollower(ctx, sess, &f, position, known); err == nil {
			since := time.Now()
			err = s.read(ctx, sess, f.Filter, position, 0, func(e Stored) error {
				position = e.Seq
				f.Event(e)
				return nil
			})
			if time.Since(since) > wait.most {
				wait.reset()
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Debug("following the event stream was interrupted", "error", err)
		wait.sleep(ctx, nil)
	}
}

// attachFollower finds the sequence to follow from, and calls Begin.
func (s *Stream) attachFollower(ctx context.Context, sess *session, f *Follower, position uint64, known bool) (uint64, bool, error) {
	end, err := s.end(ctx, sess)
	switch {
	case err != nil:
		return position, known, err
	case !known:
		position = end
	case end < position: // a new stream: every event in it is new
		position = 0
	}
	f.Begin(position)
	return position, true, nil
}

// End returns the sequence of the newest stored event, or 0.
func (s *Stream) End(ctx context.Context) (uint64, error) {
	sess, err := s.session()
	if err != nil {
		return 0, err
	}
	return s.end(ctx, sess)
}

func (s *Stream) end(ctx context.Context, sess *session) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
	defer cancel()
	stream, err := sess.js.Stream(ctx, s.cfg.StreamName)
	if err != nil {
		return 0, fmt.Errorf("looking for the end of the event stream: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}
