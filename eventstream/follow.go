package eventstream

import (
	"context"
	"fmt"
	"time"
)

// Stored is an event as the stream keeps it. Nothing of it may be changed.
type Stored struct {
	Seq  uint64
	Type string    // by its subject; Data may be no envelope
	At   time.Time // when the broker stored it
	Data []byte    // the envelope
}

// Follower is told what a stream stores. One goroutine calls its functions, one at a
// time.
type Follower struct {
	// Filter are the event types wanted, as in [ConsumerConfig].
	Filter []string
	// Begin is called before the first event, with the sequence after which they
	// come; again when the stream turns out to have been made anew, and after every
	// outage.
	Begin func(after uint64)
	// Event is called for every event, in order.
	Event func(Stored)
}

// Follow tells a follower of everything that is stored from now on, until ctx ends.
// Outages are waited out, and what was stored meanwhile is told after them: nothing is
// left out while the stream lives. It keeps nothing at the broker. The error is ctx's,
// [ErrClosed] or an [ErrConfig].
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

// attachFollower finds out from where on to follow, and tells the follower.
func (s *Stream) attachFollower(ctx context.Context, sess *session, f *Follower, position uint64, known bool) (uint64, bool, error) {
	end, err := s.end(ctx, sess)
	switch {
	case err != nil:
		return position, known, err
	case !known:
		position = end
	case end < position: // a new stream, all of which is news
		position = 0
	}
	f.Begin(position)
	return position, true, nil
}

// End returns the sequence of the newest event that was stored, 0 for none.
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
