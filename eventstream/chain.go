package eventstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

// A chain is a batch with two acknowledgements, of its first and its last event. Each
// event but the first names the one before it, and the broker stores it only if that
// one is the newest message of the stream (Nats-Expected-Last-Msg-Id). If the first
// event was not stored before and the last one is, then so are all in between:
//
//   - The last event is stored, so the one before it was the newest message. That one
//     was stored behind the first, so by this chain, so the one before it was the
//     newest, and so on.
//   - Sequences alone do not prove that. Between the first and the last event, a message
//     of another publisher may have taken the sequence of an event that was refused.
//
// A message that gets between two events breaks the chain: the broker refuses what
// follows. A duplicate does the same. The batch is then sent again with an
// acknowledgement for each event, which finds what is stored by its ID.
const (
	maxChainEvents = 500
	maxChainBytes  = 1 << 20
)

// errChainBroken means that a chain does not prove that its events are stored. Some
// of the first may be.
var errChainBroken = errors.New("a batch with one acknowledgement is not known to be stored")

// chainPause is how long batches are not chains after one was broken: others publish
// to the stream, and a broken chain costs as much as several.
const chainPause = 10 * time.Second

// chaining decides whether the batches of a session are chains.
type chaining struct {
	// settled is true once a batch was acknowledged event by event on this session.
	// Before, copies of events that an earlier session sent may still arrive.
	settled atomic.Bool
	broken  atomic.Int64  // when the last chain was broken, in Unix nanoseconds
	reached atomic.Uint64 // the highest sequence of the session's durable batches
}

func (c *chaining) may() bool {
	return c.settled.Load() && time.Since(time.Unix(0, c.broken.Load())) >= chainPause
}

// publishInOrder stores events on a stream that stores the messages of a connection
// as they are sent. Its results are those of PublishBatchWhile.
func (s *Stream) publishInOrder(ctx context.Context, sess *session, events []charter.Event) (ack BatchAck, err error) {
	c := &sess.chaining
	defer func() { c.reached.Store(max(c.reached.Load(), ack.Seq)) }()
	for err == nil && len(events)-ack.Stored > 1 && c.may() {
		var part BatchAck
		part, err = s.publishChain(ctx, sess, events[ack.Stored:])
		ack.add(part)
	}
	known := uint64(math.MaxUint64)
	switch {
	case err == nil:
	case errors.Is(err, errChainBroken), errors.Is(err, ErrRefused), errors.Is(err, ErrUnpublishable):
		c.broken.Store(time.Now().UnixNano())
		known = max(c.reached.Load(), ack.Seq)
	default:
		return ack, err
	}
	part, err := s.pipeline(ctx, sess, events[ack.Stored:], s.cfg.MaxInFlight, known)
	ack.add(part)
	if err == nil {
		c.settled.Store(true)
	}
	return ack, err
}

// publishChain stores as many of the first events as fit into one chain. After an
// error it is unknown how many of them are stored.
func (s *Stream) publishChain(ctx context.Context, sess *session, events []charter.Event) (BatchAck, error) {
	result := chain{first: make(chan outcome, 1), last: make(chan outcome, 1)}
	n, err := s.sendChain(ctx, sess, events, result)
	if err != nil {
		return BatchAck{}, err
	}
	var ends [2]outcome
	for i, end := range []chan outcome{result.first, result.last} {
		select {
		case ends[i] = <-end:
		case <-ctx.Done():
			return BatchAck{}, ctx.Err()
		}
		if ends[i].err != nil {
			return BatchAck{}, ends[i].err
		}
	}
	if err := proves(ends[0], ends[1], n); err != nil {
		return BatchAck{}, err
	}
	s.health.published.Add(uint64(n))
	return BatchAck{Stored: n, Newest: n - 1, Seq: ends[1].seq}, nil
}

// proves returns an error unless the acknowledgements of a chain's ends prove that it
// is stored.
func proves(first, last outcome, n int) error {
	if first.duplicate || last.duplicate || last.seq-first.seq != uint64(n-1) {
		return fmt.Errorf("%w: %d events, from %+v to %+v", errChainBroken, n, first, last)
	}
	return nil
}

// sendChain sends a chain and returns its length, at least two. After an error, the
// outcomes of what was sent are of no use.
func (s *Stream) sendChain(ctx context.Context, sess *session, events []charter.Event, ends chain) (int, error) {
	enc := chainEncoders.Get().(*encoder)
	defer chainEncoders.Put(enc)
	sess.writing.Lock()
	defer sess.writing.Unlock()
	previous := ""
	for i, size := 0, 0; ; i++ {
		if s.closing.Err() != nil {
			return 0, ErrClosed
		}
		msg, err := enc.encode(&events[i])
		if err != nil {
			return 0, err
		}
		enc.optional(hPrevious, headerPrevious, previous)
		previous = enc.values[hMsgID]
		size += len(msg.Data)
		last := i == len(events)-1 || i == maxChainEvents-1 || i > 0 && size >= maxChainBytes
		if err := sess.sendLink(ctx, msg, i == 0 || last, ends, i); err != nil {
			return 0, err
		}
		if last {
			return i + 1, nil
		}
	}
}

// sendLink sends one message of a chain, with an acknowledgement or without.
func (s *session) sendLink(ctx context.Context, msg *nats.Msg, acknowledged bool, ends chain, index int) error {
	if acknowledged {
		if err := s.durable.acquire(ctx); err != nil {
			return err
		}
		return s.durable.send(msg, ends, index)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.nc.PublishMsg(msg); err != nil {
		return publishError(err)
	}
	return nil
}

// chain is the settler of the two ends of a chain. Both channels are buffered.
type chain struct{ first, last chan outcome }

func (c chain) settle(index int, o outcome) {
	if index == 0 {
		c.first <- o
	} else {
		c.last <- o
	}
}
