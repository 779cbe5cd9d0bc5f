package eventstream

import (
	"context"
	"fmt"
	"math"
	"sync"

	"missioncontrol/charter"
	"missioncontrol/wakeup"
)

// maxBatchBytes limits the unacknowledged bytes of one PublishBatch, so that a
// batch of very large events does not fill the broker's ingest queue.
const maxBatchBytes = 4 << 20

// Ack is the broker's acknowledgement that an event is stored.
type Ack struct {
	// Seq is the event's sequence in the stream, at least 1.
	Seq uint64
	// Duplicate reports that an event with this ID was already stored; Seq is its
	// sequence.
	Duplicate bool
}

// encoders holds idle encoders for durable publishes.
var encoders = sync.Pool{New: func() any { return newEncoder() }}

// chainEncoders holds idle encoders for chains, whose messages have a header more.
var chainEncoders = sync.Pool{New: func() any { return newEncoder() }}

// Publish stores one event and returns when the broker acknowledges it, or when ctx
// ends. While the stream is degraded it fails at once with [ErrDegraded]. After any
// error except [ErrClosed], [ErrDegraded] and [ErrUnpublishable] the event may or
// may not be stored. Repeat the call with the same event: its ID makes that
// idempotent within the duplicate window.
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

// PublishBatch stores events in order, with as many in flight as the order allows.
// stored is the length of the prefix known to be stored. If it is shorter than
// events, err says why, and belongs to events[stored].
//
// After the first failure nothing more is sent. PublishBatch waits up to
// Config.AckTimeout for what is in flight, so events after the failed one may still
// be stored. The caller continues with events[stored:]; the IDs make that
// idempotent within the duplicate window. When ctx ends, PublishBatch returns
// without waiting.
//
// A batch never spans two connections. The package documentation says what that
// guarantees about the order.
func (s *Stream) PublishBatch(ctx context.Context, events []charter.Event) (stored int, err error) {
	ack, err := s.PublishBatchWhile(ctx, nil, events)
	return ack.Stored, err
}

// BatchAck reports which events of a batch are stored.
type BatchAck struct {
	// Stored is the length of the prefix that is known to be stored.
	Stored int
	// Newest is the index, within that prefix, of the event with the highest sequence
	// in the stream, and Seq is that sequence. It is not always the last one: a repeated
	// event keeps the sequence that it had. Seq is 0 if nothing is stored.
	Newest int
	Seq    uint64
}

// add extends the prefix by what is stored of the events behind it.
func (a *BatchAck) add(more BatchAck) {
	if more.Seq > a.Seq {
		a.Newest, a.Seq = a.Stored+more.Newest, more.Seq
	}
	a.Stored += more.Stored
}

// PublishBatchWhile is PublishBatch, but it sends nothing and returns [ErrChanged]
// if the state has changed since the caller got the channel from Changed. A caller
// that asked for the end of the stream after it got the channel knows that the
// batch goes to the broker that answered, or nowhere. It cannot reach a broker that
// restarted in between and lost data it had not written to disk.
func (s *Stream) PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (ack BatchAck, err error) {
	if len(events) == 0 {
		return BatchAck{}, nil
	}
	sess, err := s.begin()
	if err != nil {
		return BatchAck{}, err
	}
	defer s.publishers.Done()
	// A session that replaced another one went live after a change.
	if changed != nil && changed != s.Changed() {
		return BatchAck{}, ErrChanged
	}
	switch sess.layout.Load().order {
	case pipelined:
		ack, err = s.publishInOrder(ctx, sess, events)
	case atomically:
		ack, err = s.commitAll(ctx, sess, events)
	case oneByOne:
		ack, err = s.pipeline(ctx, sess, events, 1, math.MaxUint64)
	}
	if err != nil {
		err = publishFailure(&events[ack.Stored], err)
	}
	return ack, err
}

// pipeline sends events with at most limit in flight, until the end or the first
// failure. Duplicates with a sequence above known are not counted as such. Its
// results are those of PublishBatchWhile.
func (s *Stream) pipeline(ctx context.Context, sess *session, events []charter.Event, limit int, known uint64) (BatchAck, error) {
	b := newBatch(s.health, len(events), limit)
	b.known = known
	b.sendAll(ctx, s.closing, sess, events)
	b.awaitAll(ctx)
	return b.result()
}

// batch is the settler of a pipeline.
type batch struct {
	health *health
	limit  int           // messages in flight
	known  uint64        // what has a higher sequence was stored in the same call
	wake   wakeup.Signal // something was settled

	mu       sync.Mutex
	sizes    []int    // body sizes in flight, by index
	seqs     []uint64 // of the stored messages; else 0
	inFlight int
	bytes    int   // bytes in flight
	failedAt int   // the lowest index that failed
	err      error // the error of failedAt
}

func newBatch(h *health, n, limit int) *batch {
	return &batch{health: h, limit: limit, wake: wakeup.New(), sizes: make([]int, n), seqs: make([]uint64, n), failedAt: n}
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
		for i, seq := range b.seqs[:b.failedAt] {
			if seq == 0 {
				b.failedAt, b.err = i, err
				return
			}
		}
	}
}

// await waits until cond, which is called with the lock held, is true or ctx ends.
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

// sending marks message i as in flight, unless something has failed.
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
		o.duplicate = o.duplicate && o.seq <= b.known
		b.health.count(o)
	} else {
		b.fail(i, o.err)
	}
	b.mu.Lock()
	if o.err == nil {
		b.seqs[i] = o.seq
	}
	b.inFlight--
	b.bytes -= b.sizes[i]
	b.mu.Unlock()
	b.wake.Send()
}

// result returns the prefix known to be stored, and the error after it.
func (b *batch) result() (ack BatchAck, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, seq := range b.seqs[:b.failedAt] {
		if seq > ack.Seq {
			ack.Newest, ack.Seq = i, seq
		}
	}
	ack.Stored = b.failedAt
	return ack, b.err
}
