package eventstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Read passes the stored events after one sequence, up to and including another, to
// a function, in order. It returns when all are handled or the function returns an
// error. Deleted events are skipped. It creates nothing durable at the broker, and
// does not wait for a broker that is away.
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
	// errReadToEnd ends a read that reached its end.
	errReadToEnd = errors.New("read to the end")
	// errStalled ends a pass that receives nothing although there is more.
	errStalled = errors.New("the consumer delivers nothing of what there is")
)

// read reads on one session; with until 0 it has no end.
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

// streamRead is the position of a read. The consumer of a pass may be on a replica
// that lags behind the stream's leader. It may then have nothing pending although
// there is more to read. Its first request may also be lost during an election.
type streamRead struct {
	stream  *Stream
	sess    *session
	filter  []string
	seen    uint64 // everything up to here was read
	until   uint64 // 0 for no end
	pending uint64 // as last reported by the consumer
	// wait is how long a pass with an end waits for a message. It grows, so that a
	// slower broker can be read too.
	wait   time.Duration
	handle func(Stored) error
}

// run reads with one consumer after another, until one reaches the end.
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

// consume starts a pass after the last message that was seen.
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

// ended returns errReadToEnd if there is nothing more to read. If the consumer has
// nothing pending, the leader decides.
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

// next waits for a message. If the read has an end, the wait is short: what was
// pending may have been deleted, or the consumer may be stalled.
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
