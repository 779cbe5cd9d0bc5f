package eventstream

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

// maxAtomicEvents limits an atomic batch; JetStream's own limit is 1000.
const maxAtomicEvents = 500

// errBatchRefused means that the broker rejected an atomic batch as a whole and
// stored none of it.
var errBatchRefused = errors.New("the broker refused the batch")

// commitAll stores events in atomic batches, one after the other. Its results are
// those of PublishBatchWhile.
//
// A batch that is rejected, or that cannot be built, is sent again one event at a
// time. Events stored by an earlier batch with an unknown outcome are then
// recognised by their IDs, and the event that caused the rejection is found.
func (s *Stream) commitAll(ctx context.Context, sess *session, events []charter.Event) (ack BatchAck, err error) {
	limit := min(maxAtomicEvents, s.cfg.MaxInFlight)
	for err == nil && ack.Stored < len(events) {
		rest := events[ack.Stored:]
		rest = rest[:min(len(rest), limit)]
		var part BatchAck
		if len(rest) > 1 {
			part, err = s.commit(ctx, sess, rest)
		}
		if len(rest) == 1 || nothingStored(err) {
			part, err = s.pipeline(ctx, sess, rest, 1, math.MaxUint64)
		}
		ack.add(part)
	}
	return ack, err
}

// nothingStored reports whether a batch failed without storing anything, so that
// its events can be sent one at a time.
func nothingStored(err error) bool {
	return errors.Is(err, errBatchRefused) || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnpublishable) || errors.Is(err, ErrPending)
}

// commit stores as many of the first events as fit into one batch, all or none. The
// broker acknowledges the last one, which is the newest. After an error it is unknown
// whether they were stored, unless nothingStored(err).
func (s *Stream) commit(ctx context.Context, sess *session, events []charter.Event) (BatchAck, error) {
	if err := sess.durable.acquire(ctx); err != nil {
		return BatchAck{}, err
	}
	result := commitment{health: s.health, batch: uuid.NewString(), out: make(chan outcome, 1)}
	n, err := s.sendBatch(ctx, sess, events, &result)
	if err != nil {
		return BatchAck{}, err
	}
	select {
	case o := <-result.out:
		if o.err != nil {
			return BatchAck{}, o.err
		}
		return BatchAck{Stored: n, Newest: n - 1, Seq: o.seq}, nil
	case <-ctx.Done():
		return BatchAck{}, ctx.Err()
	}
}

// sendBatch sends a batch, including the message that commits it. That message uses
// a token of the window. After an error the batch is never committed.
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
