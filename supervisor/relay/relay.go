package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// Stream is what the relay needs from the event stream. *eventstream.Stream implements
// it.
type Stream interface {
	// PublishBatchWhile publishes events in order and returns what is stored of them. It
	// gives up with [eventstream.ErrChanged] once changed is closed.
	PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (eventstream.BatchAck, error)
	Last(ctx context.Context, eventType string) (charter.Event, uint64, error)
	At(ctx context.Context, seq uint64) (eventstream.Stored, error)
	Extent(ctx context.Context) (eventstream.Extent, error)
	Status() eventstream.Status
	Changed() <-chan struct{}
}

// Config says what a relay works with.
type Config struct {
	Outboxes []missions.Outbox
	Stream   Stream

	// SyncInterval is how often the broker syncs acknowledged messages to its disk.
	SyncInterval time.Duration

	// CheckInterval is how often the relay looks for events that it was not notified
	// of.
	CheckInterval time.Duration

	// Stored is called with the origins of stored events, and when they were sent: once
	// for each event, even if it is sent again. It must not keep the slice. Default:
	// nothing is called.
	Stored func(origins []Origin, since time.Time)

	Logger *slog.Logger
}

// Relay is described in the package's documentation. Poke may be called concurrently
// with the other methods.
type Relay struct {
	cfg      Config
	outboxes []missions.Outbox
	stream   Stream
	log      *slog.Logger
	wake     wakeup.Signal

	lag         time.Duration   // how long acknowledged events may still be lost; with several copies, copiesLag
	changed     <-chan struct{} // closed once the stream may have a new tail
	checkpoints []checkpoint    // acknowledged and not yet confirmed as safe, oldest first
	safe        []checkpoint    // to be deleted from the outboxes
	created     time.Time       // when the stream was created that events are sent to
	newest      place           // the highest one of the acknowledged events
	recalled    bool            // whether the checkpoints include what an earlier leader recorded
	removed     bool            // whether it has been logged that the newest events were removed
	asked       time.Time       // when the stream was last asked whether checkpoints are safe
	resumed     bool            // whether the stream's tail is known
	failing     bool            // whether the last attempt failed, so that it is logged once
	sent        []int64         // by outbox: the position that the sequence has reached
	reported    []int64         // by outbox: the position up to which Stored was called
	first       int             // the outbox that comes first in the next batch
	unsettled   *batch          // what a failed publish has left
	repeatFor   time.Duration   // how long that is sent again unchanged
	acks        acknowledger
}

const (
	batchSize     = 500
	retryInterval = 250 * time.Millisecond
	flushTimeout  = 2 * time.Second

	// batchPause is how long the relay waits for more events after it wakes, or after
	// it has sent all there were. Requests that wait for an answer go first, and a
	// batch costs more than one more event in it.
	batchPause = 5 * time.Millisecond

	// repeatFor is how long a failed batch is sent again unchanged. With the ten seconds
	// that an event may take to the broker, this is well within the duplicate window. If
	// the broker refuses one event and accepts the next, this fills the gap, which the
	// stream's tail would hide.
	repeatFor = 15 * time.Second
)

// New returns a relay that does not run yet.
func New(cfg Config) *Relay {
	if cfg.Stored == nil {
		cfg.Stored = func([]Origin, time.Time) {}
	}
	return &Relay{
		cfg: cfg, outboxes: cfg.Outboxes, stream: cfg.Stream, log: cfg.Logger, wake: wakeup.New(),
		lag: cfg.SyncInterval + cfg.SyncInterval/4, repeatFor: repeatFor, acks: acknowledger{outboxes: cfg.Outboxes}, reported: make([]int64, len(cfg.Outboxes)),
	}
}

// Poke signals that an outbox may have grown.
func (r *Relay) Poke() {
	r.wake.Send()
}

// Term is a leader's right to act.
type Term interface {
	Holds() bool      // whether it lasts
	Until() time.Time // when it ends
}

// Run relays until ctx ends. Then it sends what is left, as far as that is quick and
// the right to act lasts. It must not run twice at the same time.
func (r *Relay) Run(ctx context.Context, t Term) {
	r.resumed, r.recalled, r.unsettled = false, false, nil
	r.carryOver()
	for ctx.Err() == nil {
		changed := r.stream.Changed()
		if changed != r.changed {
			r.resumed, r.changed = false, changed
		}
		if r.stream.Status().State != eventstream.Connected {
			waitFor(ctx, changed, nil, r.cfg.CheckInterval)
			continue
		}
		sent, err := r.step(ctx, t)
		switch {
		case err != nil && ctx.Err() == nil:
			r.failed(err)
			waitFor(ctx, changed, nil, retryInterval)
		case err == nil && sent < batchSize:
			if sent == 0 {
				waitFor(ctx, changed, r.wake, r.untilNext())
			}
			waitFor(ctx, nil, nil, batchPause)
		}
	}
	r.flush(t)
	_ = r.acks.wait() // the next term, or leader, finds out by itself
}

func (r *Relay) flush(t Term) {
	_ = r.acks.wait() // the end of the term may have interrupted it; still send
	ctx, cancel := context.WithTimeout(context.Background(), min(flushTimeout, time.Until(t.Until())))
	defer cancel()
	for t.Holds() && r.stream.Status().State == eventstream.Connected {
		if sent, err := r.step(ctx, t); err != nil || sent == 0 {
			return
		}
	}
}

func (r *Relay) failed(err error) {
	if errors.Is(err, eventstream.ErrChanged) {
		return // the tail is only read again
	}
	if !r.failing {
		r.log.Warn("durable events are waiting: the event stream does not accept them", "error", err)
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

var errNoRight = errors.New("this supervisor no longer leads")

// step relays one batch and returns how many events it sent. After an error the
// stream's tail is unknown.
func (r *Relay) step(ctx context.Context, t Term) (sent int, err error) {
	defer func() { r.resumed = r.resumed && err == nil }()
	b, err := r.next(ctx)
	if err != nil {
		return 0, err
	}
	if !t.Holds() {
		return 0, errNoRight
	}
	if len(b.events) == 0 {
		return 0, errors.Join(r.acks.wait(), r.settle(ctx))
	}
	begun := time.Now()
	ack, err := r.stream.PublishBatchWhile(ctx, r.changed, b.events)
	stored := ack.Stored
	if stored < len(b.events) {
		r.unsettled = b.rest(stored)
	} else {
		r.unsettled = nil
	}
	if stored > 0 {
		newest := place{ack.Seq, b.events[ack.Newest].ID, r.created}
		r.note(b.reached(stored), newest, stored)
		if newest.seq > r.newest.seq {
			r.newest = newest
		}
		r.cfg.Stored(r.unreported(b.origins[:stored]), begun)
	}
	if err = errors.Join(err, r.acks.note(ctx, b.reached(stored), r.newest), r.settle(ctx)); err != nil {
		return stored, err
	}
	if r.failing {
		r.log.Info("the event stream accepts durable events again")
		r.failing = false
	}
	return stored, nil
}

// next returns the batch to send. It is the rest of a failed publish, while the stream
// still recognises it as a duplicate and has the events before it. Otherwise it is the
// next part of the outboxes.
func (r *Relay) next(ctx context.Context) (*batch, error) {
	if b := r.unsettled; b != nil && time.Since(b.since) < r.repeatFor {
		tail, err := r.tail(ctx)
		if err != nil {
			return nil, err
		}
		if lost, err := r.streamLost(ctx, tail); err != nil || !lost {
			return b, err
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

// resume continues behind what the stream holds, or held until it was removed.
func (r *Relay) resume(ctx context.Context) error {
	if err := r.recall(ctx); err != nil {
		return err
	}
	extent, err := r.stream.Extent(ctx) // before the tail: what is seen there is of this stream, or of a later one
	if err != nil {
		return err
	}
	tail, err := r.tail(ctx)
	if err != nil {
		return err
	}
	tail.newest.created = extent.Created
	if err := r.truncate(ctx, tail); err != nil {
		return err
	}
	r.created = extent.Created
	r.newest = r.highest(tail.newest)
	if n := len(r.checkpoints); n == 0 || !r.checkpoints[n-1].beyond(tail.positions) {
		r.note(tail.positions, tail.newest, 0)
	}
	_ = r.acks.wait() // it is done again, and positions may go back
	r.sent = r.reached(tail.positions)
	for i, outbox := range r.outboxes { // even if the position is lower than before
		if err := outbox.Acknowledge(ctx, r.sent[i], r.newest.mark()); err != nil {
			return err
		}
	}
	return nil
}
