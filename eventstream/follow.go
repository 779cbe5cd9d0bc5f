package eventstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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

// Read hands the stored events after a sequence, up to and with another one, to a
// function, in order, and returns when all have been handled or the function returns an
// error. Events that the stream no longer has are left out. It keeps nothing at the
// broker, and does not wait for one that is away.
func (s *Stream) Read(ctx context.Context, filter []string, after, until uint64, handle func(Stored) error) error {
	if err := validateFilters(filter); err != nil {
		return err
	}
	if until <= after {
		return nil
	}
	sess, err := s.session()
	if err != nil {
		return err
	}
	return s.read(ctx, sess, filter, after, until, handle)
}

func validateFilters(filter []string) error {
	for _, f := range filter {
		if err := validateFilter(f); err != nil {
			return err
		}
	}
	return nil
}

// errReadToEnd ends a read that has come to its end.
var errReadToEnd = errors.New("read to the end")

// read reads on one session, without an end if until is 0.
func (s *Stream) read(ctx context.Context, sess *session, filter []string, after, until uint64, handle func(Stored) error) error {
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
	err := s.readOrdered(ctx, sess, filter, after, until, handle)
	switch {
	case errors.Is(err, errReadToEnd):
		return nil
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	}
	return err
}

func (s *Stream) readOrdered(ctx context.Context, sess *session, filter []string, after, until uint64, handle func(Stored) error) error {
	cfg := jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		MaxResetAttempts: 1, InactiveThreshold: pullExpiry,
	}
	for _, f := range filter {
		cfg.FilterSubjects = append(cfg.FilterSubjects, Subject(f))
	}
	starting, cancel := context.WithTimeout(ctx, 2*s.cfg.DialTimeout)
	consumer, err := sess.js.OrderedConsumer(starting, s.cfg.StreamName, cfg)
	cancel()
	if err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	defer messages.Stop()
	r := reading{stream: s, sess: sess, filter: filter, seen: after, until: until, pending: 1}
	if info := consumer.CachedInfo(); info != nil {
		r.pending = info.NumPending
	}
	for {
		if err := r.ended(ctx); err != nil {
			return err
		}
		msg, err := r.next(ctx, messages)
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		if msg == nil {
			continue
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		r.seen, r.pending = meta.Sequence.Stream, meta.NumPending
		if until > 0 && r.seen > until {
			return errReadToEnd
		}
		eventType, _ := EventType(msg.Subject())
		if err := handle(Stored{Seq: r.seen, Type: eventType, At: meta.Timestamp, Data: msg.Data()}); err != nil {
			return err
		}
	}
}

// reading is how far a read has come. A consumer may be on a replica that lags behind the
// stream's leader, and then have nothing pending although there is more to read.
type reading struct {
	stream  *Stream
	sess    *session
	filter  []string
	seen    uint64 // everything up to here
	until   uint64 // 0 for no end
	pending uint64 // as the consumer said last
}

// ended returns errReadToEnd when there is nothing more to read: where the consumer has
// nothing pending, the leader has the say.
func (r *reading) ended(ctx context.Context) error {
	switch {
	case r.until == 0:
		return nil
	case r.seen >= r.until:
		return errReadToEnd
	case r.pending > 0:
		return nil
	}
	more, err := r.stream.has(ctx, r.sess, r.filter, r.seen, r.until)
	if err != nil {
		return fmt.Errorf("looking for the end of what there is to read: %w", err)
	}
	if !more {
		return errReadToEnd
	}
	return nil
}

// next waits for a message. Where the read has an end, it returns none after a while, as
// what was pending may have been deleted.
func (r *reading) next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	if r.until == 0 {
		return messages.Next(jetstream.NextContext(ctx))
	}
	once, cancel := context.WithTimeout(ctx, r.stream.cfg.DialTimeout)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(once))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		r.pending = 0
		return nil, nil
	}
	return msg, err
}
