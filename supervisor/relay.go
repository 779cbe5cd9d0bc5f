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

// relay carries the outboxes to the event stream, and forgets what the stream cannot
// lose any more. It runs in the leader only.
//
// # One sequence
//
// The events of all outboxes go out as one sequence: each outbox's in its order, a
// batch after the one before has been acknowledged as a whole, and a batch so that
// what is stored of it is a prefix, which is what PublishBatch promises. Each event
// tells in its meta which outbox it is from and its position there, and, if there
// are several outboxes, how far all of them had come when it was its turn.
//
// # Where to go on
//
// Whenever the relay cannot be sure how far it came, at the start of a term, after
// an outage or a failed publish, it asks the stream for the newest event of each
// durable type and takes, for each outbox, the highest position that any of them
// names. That is right because of the sequence:
//
//   - Not too far. A position that a stored event names is its own or one that went
//     before it, and what went before it is stored.
//   - Far enough. The newest durable event is among those that were asked for. What
//     is stored went before it, so it names a position at least as high.
//
// That holds however long the outage was; the stream's duplicate window only covers
// what is published twice within minutes.
//
// # What the broker may lose
//
// What a broker has acknowledged survives its own death, and may not survive that of
// its machine: it is on the disk only when the broker has synced, which it does at
// intervals. So the outbox keeps what was acknowledged, for longer than that interval,
// and the relay goes on behind it. It is forgotten when it has been acknowledged for
// long enough and the stream, asked again, still has it. When the stream ends before
// that, at the start of a term, after an outage or when asked, the relay goes on from
// where it ends: what was lost is sent again, in order, and is not recognised by its
// id, because a broker knows ids from what it has stored.
//
// # When another one takes over
//
// A leader that was killed may have left messages on their way to the broker, which
// arrive while its successor already reads the stream or publishes. Both send the
// same events, under the same ids, each outbox's in order and without a gap from
// where the stream was. Whichever copy comes first is stored, at no time before its
// predecessor; the other is recognised by its id, as a takeover follows within
// seconds and the duplicate window is minutes. Not too far holds as before, so
// nothing is ever lost.
//
// Far enough needs a second look, if there are several outboxes: the late copy may
// be the newest event, and know less of the other outboxes than its successor's
// events before it. What it hides is in the successor's batch under way, and once
// that is forgotten, in no outbox any more. So it takes a second death, within
// that very batch, and then nobody to take over until the duplicate window has
// passed, for that batch to be sent twice.
//
// A leader that does not die but freezes has no right to act when it wakes up, and
// looks at that before each batch. What it had handed to the connection before is a
// late arrival like any other, and recognised as long as the freeze was shorter than
// the duplicate window or longer than the broker's patience with a silent client.
type relay struct {
	outboxes []missions.Outbox
	stream   Stream
	log      *slog.Logger
	wake     chan struct{}
	atLeast  time.Duration // between two looks: another supervisor's events are seen then

	lag         time.Duration   // how long what was acknowledged may still be lost; with several copies, copiesLag
	changed     <-chan struct{} // closed once the stream may have another tail than was seen
	checkpoints []checkpoint    // acknowledged and not found safe yet, oldest first
	safe        []checkpoint    // to be forgotten
	asked       time.Time       // when the stream was last asked whether marks are safe
	resumed     bool            // whether the stream's tail is known
	failing     bool            // whether the last attempt failed, so that it is logged once
	sent        []int64         // by outbox: the position up to which the sequence has come
	first       int             // the outbox whose turn it is to be the first of a batch
	unsettled   *batch          // what a failed publish has left over
	acks        acknowledger
	stored      func(origins []origin, since time.Time) // told what is in the stream now, and when it was sent
}

const (
	relayBatch        = 500
	relayRetry        = 250 * time.Millisecond
	relayFlushTimeout = 2 * time.Second

	// relayPause is how long the relay waits for more events when it has been woken, or
	// has just sent all there were: whoever waits for an answer goes first, and a batch
	// costs more than an event in it.
	relayPause = 5 * time.Millisecond

	// relayRepeat is how long a batch that failed is sent again as it was, well
	// within the duplicate window. That fills the gap which a broker leaves that
	// refuses one event and takes the next, and that the stream's tail would hide.
	relayRepeat = time.Minute
)

// newRelay returns the relay to a broker that syncs at such intervals.
func newRelay(outboxes []missions.Outbox, stream Stream, interval time.Duration, log *slog.Logger) *relay {
	return &relay{
		outboxes: outboxes, stream: stream, log: log, wake: make(chan struct{}, 1), atLeast: lookAgain,
		lag: interval + interval/4, acks: acknowledger{outboxes: outboxes}, stored: func([]origin, time.Time) {},
	}
}

// poke tells the relay that an outbox may have grown.
func (r *relay) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run relays until the term ends, and then what is left, as far as that is quick
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
	_ = r.acks.wait() // the term's end may have cut it off, which is no reason to send nothing
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
		return // the tail is looked at again, and that is all
	}
	if !r.failing {
		r.log.Warn("durable events wait: the event stream did not take them", "error", err)
	}
	r.failing = true
}

// waitFor returns when a signal comes or is closed, after at most d, or when ctx ends.
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
// stream's tail is not known.
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

// next returns the batch to send: what a failed publish has left over, as long as
// the stream recognises it and has kept what went before it, or else what comes next
// in the outboxes.
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

// resume goes on behind what the stream turns out to hold.
func (r *relay) resume(ctx context.Context) error {
	tail, err := r.tail(ctx)
	if err != nil {
		return err
	}
	_ = r.acks.wait() // it is done anew, and may go back
	r.sent = tail
	r.truncate(tail)
	r.note(tail, 0)
	for i, outbox := range r.outboxes { // also where that is less than it was
		if err := outbox.Acknowledge(ctx, tail[i]); err != nil {
			return err
		}
	}
	return nil
}

// tail returns for each outbox how far its events are in the stream; 0 for none.
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
