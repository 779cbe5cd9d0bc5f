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

// relay carries the outbox to the event stream, in order, and forgets what the
// stream has acknowledged.
//
// Each event goes with its outbox position in its meta. Whenever the relay cannot
// be sure how far it came, after a start, an outage or a failed publish, it asks
// the stream for the newest event of each durable type: the highest position found
// there is stored, and so is everything before it, since positions are published
// in order. That holds however long the outage was; the stream's duplicate window
// only covers what is published twice within minutes.
type relay struct {
	outbox missions.Outbox
	stream Stream
	log    *slog.Logger
	wake   chan struct{}

	resumed bool // whether the stream's tail is known
	failing bool // whether the last attempt failed, so that it is logged once
}

const (
	relayBatch   = 500
	relayRetry   = 250 * time.Millisecond
	relayAtLeast = time.Second // another supervisor's events are seen then
	relayGoodbye = 2 * time.Second
)

func newRelay(outbox missions.Outbox, stream Stream, log *slog.Logger) *relay {
	return &relay{outbox: outbox, stream: stream, log: log, wake: make(chan struct{}, 1)}
}

// poke tells the relay that the outbox may have grown.
func (r *relay) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run relays until ctx ends, and then what is left, as far as that is quick.
func (r *relay) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.stream.Changed()
		if r.stream.Status().State != eventstream.Connected {
			r.resumed = false
			waitFor(ctx, changed, relayAtLeast)
			continue
		}
		sent, err := r.step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			r.failed(err)
			waitFor(ctx, changed, relayRetry)
		case err == nil && sent == 0:
			waitFor(ctx, r.wake, relayAtLeast)
		}
	}
	r.goodbye()
}

func (r *relay) goodbye() {
	ctx, cancel := context.WithTimeout(context.Background(), relayGoodbye)
	defer cancel()
	for r.stream.Status().State == eventstream.Connected {
		if sent, err := r.step(ctx); err != nil || sent == 0 {
			return
		}
	}
}

func (r *relay) failed(err error) {
	r.resumed = false
	if !r.failing {
		r.log.Warn("durable events wait: the event stream did not take them", "error", err)
	}
	r.failing = true
}

// waitFor returns when signal comes or is closed, after at most d, or when ctx ends.
func waitFor(ctx context.Context, signal <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// step relays one batch and returns how many events it sent.
func (r *relay) step(ctx context.Context) (int, error) {
	if !r.resumed {
		if err := r.resume(ctx); err != nil {
			return 0, err
		}
		r.resumed = true
	}
	pending, err := r.outbox.Pending(ctx, 0, relayBatch)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	events, err := charterEvents(r.outbox.Identity(), pending)
	if err != nil {
		return 0, err
	}
	stored, err := r.stream.PublishBatch(ctx, events)
	if stored > 0 {
		err = errors.Join(err, r.outbox.Forget(ctx, pending[stored-1].Seq))
	}
	if err != nil {
		return stored, err
	}
	if r.failing {
		r.log.Info("durable events flow again")
		r.failing = false
	}
	return stored, nil
}

// resume forgets what the stream turns out to hold already.
func (r *relay) resume(ctx context.Context) error {
	highest := int64(0)
	for _, eventType := range durableTypes {
		e, _, err := r.stream.Last(ctx, eventType)
		if errors.Is(err, eventstream.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for the newest %s in the stream: %w", eventType, err)
		}
		highest = max(highest, outboxPosition(&e, r.outbox.Identity()))
	}
	if highest == 0 {
		return nil
	}
	return r.outbox.Forget(ctx, highest)
}
