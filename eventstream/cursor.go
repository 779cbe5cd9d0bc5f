package eventstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readHeartbeat is the broker's heartbeat interval while it has nothing to deliver to a
// reader. After two missed ones the reader makes another consumer: the broker node that had
// it may be gone, or our request may have been lost.
const readHeartbeat = time.Second

var (
	// errStalled ends a pass that receives nothing although there is more.
	errStalled = errors.New("the consumer delivers nothing of what there is")
	// errSkipped ends a pass in which a message was lost on its way.
	errSkipped = errors.New("the consumer's messages are not complete")
)

// cursor is a position in a stream. It reads on from there, in order, with one consumer
// after another, each of which the broker deletes when it is idle.
//
// A consumer may be on a replica that lags behind the stream's leader. It may then have
// nothing pending although there is more to read. Its first request may also be lost during
// an election. So the leader decides what there is to read.
type cursor struct {
	source
	filter []string

	seen  uint64    // everything up to here was read
	known bool      // whether seen is set
	since time.Time // what was stored earlier is not wanted
	until uint64    // 0 for no end

	asked    func(error) // if set, called with the outcome of each request for a consumer
	begun    bool        // whether there was ever a consumer
	rejected bool        // whether the function that gets the events has failed

	consumer jetstream.Consumer // nil: the next one has yet to be made
	received uint64             // messages of the consumer
	pending  uint64             // as last reported by the consumer
}

// source is where a reader reads: a stream, on one connection.
type source struct {
	js     jetstream.JetStream
	stream string
	// find requests a message from the stream's leader.
	find  func(ctx context.Context, which messageRequest) (Stored, error)
	limit time.Duration // for requests about the stream and its consumers
	// wait is how long a pass with an end waits for a message. It grows, so that a
	// slower broker can be read too.
	wait  time.Duration
	debug func(msg string, args ...any)
}

// end returns the sequence of the newest stored event, or 0.
func (s *source) end(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	stream, err := s.js.Stream(ctx, s.stream)
	if err != nil {
		return 0, fmt.Errorf("looking for the end of the event stream: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// first returns the sequence of the first event of the filter at or after a time.
func (s *source) first(ctx context.Context, filter []string, since time.Time) (uint64, error) {
	first := uint64(math.MaxUint64)
	for _, f := range orAll(filter) {
		found, err := s.find(ctx, messageRequest{Since: since, NextFor: eventSubject(f)})
		if err == nil {
			first = min(first, found.Seq)
		} else if !errors.Is(err, ErrNotFound) {
			return 0, fmt.Errorf("looking for the first event since %s: %w", since.Format(time.RFC3339), err)
		}
	}
	if first == math.MaxUint64 {
		return 0, ErrNotFound
	}
	return first, nil
}

// has reports whether the stream holds an event of the filter, after one sequence and up to
// another, inclusive.
func (s *source) has(ctx context.Context, filter []string, after, until uint64) (bool, error) {
	for _, f := range orAll(filter) {
		found, err := s.find(ctx, messageRequest{From: after + 1, NextFor: eventSubject(f)})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, fmt.Errorf("looking for the end of what there is to read: %w", err)
		}
		if err == nil && found.Seq <= until {
			return true, nil
		}
	}
	return false, nil
}

// newCursor returns a cursor for a range, which has an end.
func newCursor(ctx context.Context, s source, filter []string, within Range) (*cursor, error) {
	c := &cursor{source: s, filter: filter, seen: within.After, known: true, since: within.Since, until: within.Until}
	if within.Since.IsZero() {
		return c, nil
	}
	switch first, err := s.first(ctx, filter, within.Since); {
	case errors.Is(err, ErrNotFound):
		c.seen = c.until // there is nothing to read
	case err != nil:
		return nil, err
	default:
		c.seen = max(c.seen, first-1)
	}
	return c, nil
}

// locate finds the position to go on from, without an end: behind what was read, the first
// time at c.since or, without one, at most reach events before the end. A new stream is read
// from its beginning.
func (c *cursor) locate(ctx context.Context, reach uint64) error {
	end, err := c.end(ctx)
	if err != nil {
		return err
	}
	switch {
	case c.known && end < c.seen: // a new stream: every event in it is new
		c.seen = 0
	case c.known:
	case c.since.IsZero():
		c.seen = end - min(end, reach)
	default:
		first, err := c.first(ctx, c.filter, c.since)
		switch {
		case errors.Is(err, ErrNotFound):
			c.seen = end
		case err != nil:
			return err
		default:
			c.seen = first - 1
		}
	}
	c.known = true
	return nil
}

// read passes what follows to a function, until the end or its error.
func (c *cursor) read(ctx context.Context, handle func(Stored) error) error {
	for {
		err := c.pass(ctx, handle)
		switch {
		case errors.Is(err, errStalled), errors.Is(err, errSkipped), errors.Is(err, jetstream.ErrNoHeartbeat), errors.Is(err, jetstream.ErrConsumerDeleted):
			c.debug("restarting to read the event stream", "after", c.seen, "error", err)
			c.wait *= 2
		default:
			return err
		}
	}
}

// pass reads with one consumer.
func (c *cursor) pass(ctx context.Context, handle func(Stored) error) error {
	if c.until > 0 && c.seen >= c.until {
		return nil
	}
	if err := c.attach(ctx); err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	messages, err := c.consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(readHeartbeat))
	if err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	defer messages.Stop()
	for {
		if done, err := c.done(ctx); done || err != nil {
			return err
		}
		msg, err := c.next(ctx, messages)
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		e, err := c.accept(msg)
		switch {
		case err != nil:
			return fmt.Errorf("reading the event stream: %w", err)
		case c.until > 0 && e.Seq > c.until:
			return nil
		case e.At.Before(c.since):
			continue // the clocks of two leaders may differ, and old brokers do not look for a time
		}
		if err := handle(e); err != nil {
			c.rejected = true
			return err
		}
	}
}

// attach makes a consumer that begins behind what was read.
func (c *cursor) attach(ctx context.Context) (err error) {
	cfg := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.seen + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: pullExpiry,
	}
	for _, f := range c.filter {
		cfg.FilterSubjects = append(cfg.FilterSubjects, eventSubject(f))
	}
	if len(cfg.FilterSubjects) == 1 { // for users who may only read some events: the request's subject then names it
		cfg.FilterSubject, cfg.FilterSubjects = cfg.FilterSubjects[0], nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	c.consumer, err = c.js.CreateConsumer(ctx, c.stream, cfg)
	err = refusedConsumer(err)
	if c.asked != nil {
		c.asked(err)
	}
	if err != nil {
		return err
	}
	c.begun, c.received, c.pending = true, 0, 1
	if info := c.consumer.CachedInfo(); info != nil {
		c.pending = info.NumPending
	}
	return nil
}

// accept takes the consumer's next message.
func (c *cursor) accept(msg jetstream.Msg) (Stored, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Stored{}, err
	}
	if c.received++; meta.Sequence.Consumer != c.received {
		return Stored{}, errSkipped
	}
	c.seen, c.pending = meta.Sequence.Stream, meta.NumPending
	eventType, _ := EventType(msg.Subject())
	return Stored{Seq: c.seen, Type: eventType, At: meta.Timestamp, Data: msg.Data()}, nil
}

// done reports whether there is nothing more to read. If the consumer has nothing pending,
// the leader decides.
func (c *cursor) done(ctx context.Context) (bool, error) {
	switch {
	case c.until == 0:
		return false, nil
	case c.seen >= c.until:
		return true, nil
	case c.pending > 0:
		return false, nil
	}
	more, err := c.has(ctx, c.filter, c.seen, c.until)
	return !more && err == nil, err
}

// next waits for a message. If the read has an end, the wait is short: what was pending may
// have been deleted, or the consumer may be stalled.
func (c *cursor) next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	if c.until == 0 {
		return messages.Next(jetstream.NextContext(ctx))
	}
	once, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(once))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = errStalled
	}
	return msg, err
}
