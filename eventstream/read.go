package eventstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

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

var (
	// errReadToEnd ends a read that has come to its end.
	errReadToEnd = errors.New("read to the end")
	// errStalled ends a pass that gets nothing although there is more.
	errStalled = errors.New("the consumer delivers nothing of what there is")
)

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
	r := streamRead{stream: s, sess: sess, filter: filter, seen: after, until: until, wait: s.cfg.DialTimeout, handle: handle}
	err := r.run(ctx)
	switch {
	case errors.Is(err, errReadToEnd):
		return nil
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	}
	return err
}

// reading is how far a read has come. The consumer of a pass may be on a replica that lags
// behind the stream's leader, and then have nothing pending although there is more to read;
// and its first request may get lost, when it comes to be in the middle of an election.
type streamRead struct {
	stream  *Stream
	sess    *session
	filter  []string
	seen    uint64 // everything up to here
	until   uint64 // 0 for no end
	pending uint64 // as the consumer said last
	// wait is how long a pass that has an end may get nothing. It grows, so that a broker
	// that is slower than that is read nevertheless.
	wait   time.Duration
	handle func(Stored) error
}

// run reads with one consumer after another, until one comes to the end.
func (r *streamRead) run(ctx context.Context) error {
	for {
		err := r.pass(ctx)
		if !errors.Is(err, errStalled) {
			return err
		}
		r.stream.log.Debug("reading the event stream begins anew", "after", r.seen, "error", err)
		r.wait *= 2
	}
}

// pass reads with one consumer.
func (r *streamRead) pass(ctx context.Context) error {
	messages, err := r.consume(ctx)
	if err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	defer messages.Stop()
	for {
		if err := r.ended(ctx); err != nil {
			return err
		}
		msg, err := r.next(ctx, messages)
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		r.seen, r.pending = meta.Sequence.Stream, meta.NumPending
		if r.until > 0 && r.seen > r.until {
			return errReadToEnd
		}
		eventType, _ := EventType(msg.Subject())
		if err := r.handle(Stored{Seq: r.seen, Type: eventType, At: meta.Timestamp, Data: msg.Data()}); err != nil {
			return err
		}
	}
}

// consume begins a pass behind what has been seen.
func (r *streamRead) consume(ctx context.Context) (jetstream.MessagesContext, error) {
	cfg := jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.seen + 1,
		MaxResetAttempts: 1, InactiveThreshold: pullExpiry,
	}
	for _, f := range r.filter {
		cfg.FilterSubjects = append(cfg.FilterSubjects, Subject(f))
	}
	starting, cancel := context.WithTimeout(ctx, 2*r.stream.cfg.DialTimeout)
	defer cancel()
	consumer, err := r.sess.js.OrderedConsumer(starting, r.stream.cfg.StreamName, cfg)
	if err != nil {
		return nil, err
	}
	r.pending = 1
	if info := consumer.CachedInfo(); info != nil {
		r.pending = info.NumPending
	}
	return consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
}

// ended returns errReadToEnd when there is nothing more to read: where the consumer has
// nothing pending, the leader has the say.
func (r *streamRead) ended(ctx context.Context) error {
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

// next waits for a message. Where the read has an end, it does not wait for long: what was
// pending may have been deleted, or the consumer may not be of use.
func (r *streamRead) next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	if r.until == 0 {
		return messages.Next(jetstream.NextContext(ctx))
	}
	once, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(once))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		r.pending = 0
		if err = r.ended(ctx); err == nil {
			err = errStalled
		}
	}
	return msg, err
}
