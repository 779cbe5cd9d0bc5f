package eventstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

// maxAtomicEvents bounds an atomic batch; JetStream's own limit is 1000.
const maxAtomicEvents = 500

// errBatchRefused: the broker refused an atomic batch as such, and stored nothing
// of it.
var errBatchRefused = errors.New("the broker refused the batch")

// commitAll stores events in atomic batches, one after the other. It returns
// like PublishBatch.
//
// A batch that the broker refuses, or that cannot be put together, goes again
// one event at a time: what was stored before, by a batch whose outcome was not
// known, is then recognised by its id, and the event that is to blame is found.
func (s *Stream) commitAll(ctx context.Context, sess *session, events []charter.Event) (stored int, err error) {
	limit := min(maxAtomicEvents, s.cfg.MaxInFlight)
	for err == nil && stored < len(events) {
		rest := events[stored:]
		rest = rest[:min(len(rest), limit)]
		n := 0
		if len(rest) > 1 {
			n, err = s.commit(ctx, sess, rest)
		}
		if len(rest) == 1 || nothingStored(err) {
			n, err = s.pipeline(ctx, sess, rest, 1)
		}
		stored += n
	}
	return stored, err
}

// nothingStored reports whether a batch failed for a reason of its own, so that
// its events may be tried singly.
func nothingStored(err error) bool {
	return errors.Is(err, errBatchRefused) || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnpublishable) || errors.Is(err, ErrPending)
}

// commit stores the first events, as many as fit into one batch, all or none of
// them, and returns how many. After an error their number is not known, unless
// nothingStored says so.
func (s *Stream) commit(ctx context.Context, sess *session, events []charter.Event) (int, error) {
	if err := sess.durable.acquire(ctx); err != nil {
		return 0, err
	}
	result := commitment{health: s.health, batch: uuid.NewString(), out: make(chan outcome, 1)}
	n, err := s.sendBatch(ctx, sess, events, &result)
	if err != nil {
		return 0, err
	}
	select {
	case o := <-result.out:
		if o.err != nil {
			return 0, o.err
		}
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// sendBatch sends a batch up to the message that commits it, for which it holds
// a token of the window. On an error the batch is never committed.
func (s *Stream) sendBatch(ctx context.Context, sess *session, events []charter.Event, result *commitment) (int, error) {
	enc := newEncoder()
	for i, size := 0, 0; ; i++ {
		err := ctx.Err()
		if s.closing.Err() != nil {
			err = ErrClosed
		}
		if err != nil {
			<-sess.durable.tokens
			return 0, err
		}
		msg, err := enc.encode(&events[i])
		if err != nil {
			<-sess.durable.tokens
			return 0, err
		}
		size += len(msg.Data)
		last := i == len(events)-1 || size >= maxBatchBytes
		enc.inBatch(result.batch, i+1, last)
		if last {
			result.events = i + 1
			return i + 1, sess.durable.send(msg, result, 0)
		}
		if err := sess.nc.PublishMsg(msg); err != nil {
			<-sess.durable.tokens
			return 0, publishError(err)
		}
	}
}

// commitment is the settler of the message that commits a batch.
type commitment struct {
	health *health
	batch  string
	events int
	out    chan outcome // buffered
}

func (c *commitment) settle(_ int, o outcome) {
	if o.err == nil && (o.batch != c.batch || o.count != c.events) {
		o.err = fmt.Errorf("%w: its acknowledgement is for %d events instead of %d", errBatchRefused, o.count, c.events)
	}
	for range c.events {
		if o.err == nil {
			c.health.count(outcome{seq: o.seq})
		}
	}
	c.out <- o
}
