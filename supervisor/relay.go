package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
)

// relay copies the outboxes to the event stream, and deletes from them what the stream
// can no longer lose. It runs in the leader only.
//
// # One sequence
//
// The events of all outboxes form one sequence. The events of each outbox keep their
// order. A batch is sent after the batch before it has been acknowledged completely.
// What is stored of a batch is always a prefix, as PublishBatch promises. The meta of
// each event names its outbox and its position there and, if there are several
// outboxes, how far the sequence had come in each of them when the event was added.
//
// # Where to continue
//
// At the start of a term, after an outage and after a failed publish, the relay does
// not know how far it has come. It then asks the stream for the newest event of each
// durable type. For each outbox it takes the highest position that any of these events
// names. The order of the sequence makes this correct:
//
//   - Not too far. A stored event names its own position, or positions of events sent before
//     it, and the events before it are stored.
//   - Far enough. The newest durable event is one of those the relay asked for. All stored
//     events were sent before it, so it names a position at least as high.
//
// This holds however long the outage was. The stream's duplicate window only covers
// events that are published twice within minutes.
//
// # What the broker may lose
//
// An acknowledged event survives a crash of the broker, but may not survive a crash of
// its machine: the event is on disk only after the broker's next sync, and the broker
// syncs at intervals. So the outbox keeps acknowledged events for longer than that
// interval, and the relay continues behind them. An event is deleted from the outbox
// when its acknowledgement is old enough and the stream, asked again, still has the
// event. The relay may find that the stream ends earlier, at the start of a term, after
// an outage or when it asks. It then continues from the end of the stream. The lost
// events are sent again, in order. The broker does not treat them as duplicates,
// because it knows ids only from the events it has stored.
//
// # When another leader takes over
//
// A leader that was killed may have left messages on their way to the broker. They
// arrive while its successor already reads the stream or publishes. Both send the same
// events with the same ids, each outbox's in order and without a gap from the end of
// the stream. Whichever copy arrives first is stored, never before its predecessor. The
// broker recognises the other copy by its id, since a takeover follows within seconds
// and the duplicate window is minutes. "Not too far" still holds, so nothing is ever
// lost.
//
// "Far enough" needs a second look if there are several outboxes. The late copy may be
// the newest event, and name lower positions of the other outboxes than the successor's
// events before it. The events it hides are in the successor's current batch. Once that
// batch is deleted, they are in no outbox any more. So a batch is sent twice only if a
// second leader dies during that same batch, and no supervisor takes over until the
// duplicate window has passed.
//
// A leader that freezes instead of dying no longer has the right to act when it wakes
// up, and checks this before each batch. What it had passed to the connection before is
// a late arrival like any other. The broker recognises it if the freeze was shorter
// than the duplicate window. It does not arrive at all if the freeze was longer than
// the broker's timeout for silent clients.
type relay struct {
	outboxes []missions.Outbox
	stream   Stream
	log      *slog.Logger
	wake     chan struct{}
	atLeast  time.Duration // between two checks: finds events of other supervisors

	lag         time.Duration   // how long acknowledged events may still be lost; with several copies, copiesLag
	changed     <-chan struct{} // closed once the stream may have a new tail
	checkpoints []checkpoint    // acknowledged and not yet confirmed as safe, oldest first
	safe        []checkpoint    // to be deleted from the outboxes
	asked       time.Time       // when the stream was last asked whether checkpoints are safe
	resumed     bool            // whether the stream's tail is known
	failing     bool            // whether the last attempt failed, so that it is logged once
	sent        []int64         // by outbox: the position that the sequence has reached
	first       int             // the outbox that comes first in the next batch
	unsettled   *batch          // what a failed publish has left
	acks        acknowledger
	stored      func(origins []origin, since time.Time) // called with the origins of stored events, and when they were sent
}

const (
	relayBatch        = 500
	relayRetry        = 250 * time.Millisecond
	relayFlushTimeout = 2 * time.Second

	// relayPause is how long the relay waits for more events after it wakes, or after
	// it has sent all there were. Requests that wait for an answer go first, and a
	// batch costs more than one more event in it.
	relayPause = 5 * time.Millisecond

	// relayRepeat is how long a failed batch is sent again unchanged, well within the
	// duplicate window. If the broker refuses one event and accepts the next, this
	// fills the gap, which the stream's tail would hide.
	relayRepeat = time.Minute
)

// newRelay returns the relay to a broker that syncs at the given interval.
func newRelay(outboxes []missions.Outbox, stream Stream, interval time.Duration, log *slog.Logger) *relay {
	return &relay{
		outboxes: outboxes, stream: stream, log: log, wake: make(chan struct{}, 1), atLeast: lookAgain,
		lag: interval + interval/4, acks: acknowledger{outboxes: outboxes}, stored: func([]origin, time.Time) {},
	}
}

// poke signals that an outbox may have grown.
func (r *relay) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run relays until the term ends. Then it sends what is left, as far as that is quick
// and the right to act lasts.
func (r *relay) run(t *term) {
	r.resumed, r.unsettled, r.checkpoints, r.safe = false, nil, nil, nil
	for t.ctx.Err() == nil {
		changed := r.stream.Changed()
		if changed != r.changed {
			r.resumed, r.changed = false, changed
		}
		if r.stream.Status().State != eventstream.Connected {
			waitFor(t.ctx, changed, nil, r.atLeast)
			continue
		}
		sent, err := r.step(t.ctx, t)
		switch {
		case err != nil && t.ctx.Err() == nil:
			r.failed(err)
			waitFor(t.ctx, changed, nil, relayRetry)
		case err == nil && sent < relayBatch:
			if sent == 0 {
				waitFor(t.ctx, changed, r.wake, r.untilNext())
			}
			waitFor(t.ctx, nil, nil, relayPause)
		}
	}
	r.flush(t)
	_ = r.acks.wait() // the next term, or leader, finds out by itself
}

func (r *relay) flush(t *term) {
	_ = r.acks.wait() // the end of the term may have interrupted it; still send
	ctx, cancel := context.WithTimeout(context.Background(), min(relayFlushTimeout, time.Until(t.end())))
	defer cancel()
	for t.holds() && r.stream.Status().State == eventstream.Connected {
		if sent, err := r.step(ctx, t); err != nil || sent == 0 {
			return
		}
	}
}

func (r *relay) failed(err error) {
	if errors.Is(err, eventstream.ErrChanged) {
		return // the tail is only read again
	}
	if !r.failing {
		r.log.Warn("durable events wait: the event stream did not take them", "error", err)
	}
	r.failing = true
}

// waitFor returns when a signal arrives or is closed, after at most d, or when ctx
// ends.
func waitFor(ctx context.Context, signal, other <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-other:
	case <-timer.C:
	case <-ctx.Done():
	}
}

var errNoRight = errors.New("this supervisor leads no longer")

// step relays one batch and returns how many events it sent. After an error the
// stream's tail is unknown.
func (r *relay) step(ctx context.Context, t *term) (sent int, err error) {
	defer func() { r.resumed = r.resumed && err == nil }()
	b, err := r.next(ctx)
	if err != nil {
		return 0, err
	}
	if !t.holds() {
		return 0, errNoRight
	}
	if len(b.events) == 0 {
		return 0, errors.Join(r.acks.wait(), r.settle(ctx))
	}
	begun := time.Now()
	stored, err := r.stream.PublishBatchWhile(ctx, r.changed, b.events)
	if stored < len(b.events) {
		r.unsettled = b.rest(stored)
	} else {
		r.unsettled = nil
	}
	r.note(b.reached(stored), stored)
	r.stored(b.origins[:stored], begun)
	if err = errors.Join(err, r.acks.note(ctx, b.reached(stored)), r.settle(ctx)); err != nil {
		return stored, err
	}
	if r.failing {
		r.log.Info("durable events flow again")
		r.failing = false
	}
	return stored, nil
}

// next returns the batch to send. It is the rest of a failed publish, while the stream
// still recognises it as a duplicate and has the events before it. Otherwise it is the
// next part of the outboxes.
func (r *relay) next(ctx context.Context) (*batch, error) {
	if b := r.unsettled; b != nil && time.Since(b.since) < relayRepeat {
		tail, err := r.tail(ctx)
		if err != nil {
			return nil, err
		}
		if !r.streamLost(tail) {
			return b, nil
		}
	}
	r.unsettled = nil
	if !r.resumed {
		if err := r.resume(ctx); err != nil {
			return nil, err
		}
		r.resumed = true
	}
	return r.take(ctx)
}

// resume continues behind what the stream holds.
func (r *relay) resume(ctx context.Context) error {
	tail, err := r.tail(ctx)
	if err != nil {
		return err
	}
	_ = r.acks.wait() // it is done again, and positions may go back
	r.sent = tail
	r.truncate(tail)
	r.note(tail, 0)
	for i, outbox := range r.outboxes { // even if the position is lower than before
		if err := outbox.Acknowledge(ctx, tail[i]); err != nil {
			return err
		}
	}
	return nil
}

// tail returns for each outbox how far its events are in the stream, or 0 for none.
func (r *relay) tail(ctx context.Context) ([]int64, error) {
	highest := make([]int64, len(r.outboxes))
	for _, eventType := range durableTypes {
		e, _, err := r.stream.Last(ctx, eventType)
		if errors.Is(err, eventstream.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for the newest %s in the stream: %w", eventType, err)
		}
		for i, outbox := range r.outboxes {
			highest[i] = max(highest[i], outboxPosition(&e, outbox.Identity()))
		}
	}
	return highest, nil
}
