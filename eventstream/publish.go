package eventstream

import (
	"context"
	"fmt"
	"sync"

	"missioncontrol/charter"
)

// maxBatchBytes bounds the unacknowledged bytes of one PublishBatch, so that a
// batch of the largest events does not fill the broker's ingest queue.
const maxBatchBytes = 4 << 20

// Ack is the broker's word that an event is stored.
type Ack struct {
	// Seq is the event's sequence in the stream, at least 1.
	Seq uint64
	// Duplicate says that an event of this id was stored before; Seq is that
	// one's.
	Duplicate bool
}

// encoders holds idle encoders for durable publishes.
var encoders = sync.Pool{New: func() any { return newEncoder() }}

// Publish stores one event and returns when the broker has acknowledged it, or
// when ctx ends. While the stream is degraded it fails at once with
// [ErrDegraded]. After any error but [ErrClosed], [ErrDegraded] and
// [ErrUnpublishable] the event may or may not be stored: repeat the call with
// the same event, whose id makes it idempotent inside the duplicate window.
func (s *Stream) Publish(ctx context.Context, e charter.Event) (Ack, error) {
	sess, err := s.begin()
	if err != nil {
		return Ack{}, err
	}
	defer s.publishers.Done()
	enc := encoders.Get().(*encoder)
	defer encoders.Put(enc)

	if err := sess.durable.acquire(ctx); err != nil {
		return Ack{}, publishFailure(&e, err)
	}
	msg, err := enc.encode(&e)
	if err != nil {
		<-sess.durable.tokens
		return Ack{}, publishFailure(&e, err)
	}
	result := single{health: s.health, out: make(chan outcome, 1)}
	if err := sess.durable.send(msg, result, 0); err != nil {
		return Ack{}, publishFailure(&e, err)
	}
	select {
	case o := <-result.out:
		if o.err != nil {
			return Ack{}, publishFailure(&e, o.err)
		}
		return Ack{Seq: o.seq, Duplicate: o.duplicate}, nil
	case <-ctx.Done():
		return Ack{}, publishFailure(&e, ctx.Err())
	}
}

func publishFailure(e *charter.Event, err error) error {
	return fmt.Errorf("publishing event %s (%s): %w", e.ID, e.Type, err)
}

// single is the settler of one message.
type single struct {
	health *health
	out    chan outcome // buffered
}

func (s single) settle(_ int, o outcome) {
	if o.err == nil {
		s.health.count(o)
	}
	s.out <- o
}

// PublishBatch stores events in their order, as many at a time as that allows.
// stored is the length of the prefix that is known to be stored; err says why it
// is shorter than events, and belongs to events[stored].
//
// After the first failure nothing further is sent, and what is in flight is
// awaited, at most Config.AckTimeout, so that events behind the failed one may
// turn out to be stored all the same. The caller goes on with
// events[stored:]: their ids make it idempotent inside the duplicate window.
// When ctx ends, PublishBatch returns without awaiting.
//
// A batch never spans two connections. What that guarantees about the order is
// in the package documentation.
func (s *Stream) PublishBatch(ctx context.Context, events []charter.Event) (stored int, err error) {
	return s.PublishBatchWhile(ctx, nil, events)
}

// PublishBatchWhile is PublishBatch, but sends nothing, with an [ErrChanged], if the
// state has changed since a channel was got from Changed. Who has asked the stream
// where it ends, after getting the channel, knows that the batch goes to the broker
// that answered, or nowhere: not to one that has restarted in between, and has lost
// what it had not written to its disk.
func (s *Stream) PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (stored int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	sess, err := s.begin()
	if err != nil {
		return 0, err
	}
	defer s.publishers.Done()
	// A session that has followed another one went live after a change.
	if changed != nil && changed != s.Changed() {
		return 0, ErrChanged
	}
	switch sess.layout.Load().order {
	case pipelined:
		stored, err = s.pipeline(ctx, sess, events, s.cfg.MaxInFlight)
	case atomically:
		stored, err = s.commitAll(ctx, sess, events)
	case oneByOne:
		stored, err = s.pipeline(ctx, sess, events, 1)
	}
	if err != nil {
		err = publishFailure(&events[stored], err)
	}
	return stored, err
}

// pipeline sends events with at most limit of them in flight, until the end or
// the first failure. It returns like PublishBatch.
func (s *Stream) pipeline(ctx context.Context, sess *session, events []charter.Event, limit int) (stored int, err error) {
	b := newBatch(s.health, len(events), limit)
	b.sendAll(ctx, s.closing, sess, events)
	b.awaitAll(ctx)
	return b.result()
}

// batch is the settler of a pipeline.
type batch struct {
	health *health
	limit  int           // of messages in flight
	wake   chan struct{} // buffered, 1: something was settled

	mu       sync.Mutex
	sizes    []int // of the bodies in flight, by index
	stored   []bool
	inFlight int
	bytes    int   // in flight
	failedAt int   // the lowest index that failed
	err      error // of failedAt
}

func newBatch(h *health, n, limit int) *batch {
	return &batch{health: h, limit: limit, wake: make(chan struct{}, 1), sizes: make([]int, n), stored: make([]bool, n), failedAt: n}
}

// sendAll sends until the end or the first failure.
func (b *batch) sendAll(ctx context.Context, closing context.Context, sess *session, events []charter.Event) {
	enc := encoders.Get().(*encoder)
	defer encoders.Put(enc)
	for i := range events {
		if closing.Err() != nil {
			b.fail(i, ErrClosed)
			return
		}
		msg, err := enc.encode(&events[i])
		if err != nil {
			b.fail(i, err)
			return
		}
		if err := b.room(ctx, len(msg.Data)); err != nil {
			b.fail(i, err)
			return
		}
		if err := sess.durable.acquire(ctx); err != nil {
			b.fail(i, err)
			return
		}
		if !b.sending(i, len(msg.Data)) {
			<-sess.durable.tokens
			return // a failure was reported meanwhile
		}
		if err := sess.durable.send(msg, b, i); err != nil {
			b.settle(i, outcome{err: err})
			return
		}
	}
}

// room waits until a message of that size may be in flight.
func (b *batch) room(ctx context.Context, size int) error {
	return b.await(ctx, func() bool {
		return b.inFlight == 0 || b.inFlight < b.limit && b.bytes+size <= maxBatchBytes
	})
}

// awaitAll waits until nothing is in flight or ctx ends.
func (b *batch) awaitAll(ctx context.Context) {
	if err := b.await(ctx, func() bool { return b.inFlight == 0 }); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, ok := range b.stored[:b.failedAt] {
			if !ok {
				b.failedAt, b.err = i, err
				return
			}
		}
	}
}

// await waits until cond, which is called with the lock held, or ctx ends.
func (b *batch) await(ctx context.Context, cond func() bool) error {
	for {
		b.mu.Lock()
		ok := cond()
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sending books message i as in flight, unless something has failed.
func (b *batch) sending(i, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return false
	}
	b.sizes[i] = size
	b.inFlight++
	b.bytes += size
	return true
}

// fail records the failure of message i, which was not sent.
func (b *batch) fail(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i < b.failedAt {
		b.failedAt, b.err = i, err
	}
}

// settle implements settler.
func (b *batch) settle(i int, o outcome) {
	if o.err == nil {
		b.health.count(o)
	} else {
		b.fail(i, o.err)
	}
	b.mu.Lock()
	b.stored[i] = o.err == nil
	b.inFlight--
	b.bytes -= b.sizes[i]
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// result is the prefix that is known to be stored, and the error behind it.
func (b *batch) result() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failedAt, b.err
}
