package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// checkpoint is how far the outboxes had been acknowledged at a time.
type checkpoint struct {
	begun, at time.Time // of the first acknowledgement in it, and of the last
	events    int
	positions []int64 // 0 for an outbox without acknowledgements
	newest    place   // of the events in it
	recalled  bool    // from an outbox, which says nothing about other checkpoints
}

// place is where the stream stored an event.
type place struct {
	seq     uint64
	id      uuid.UUID
	created time.Time // when the stream was created
}

const (
	// A checkpoint collects acknowledgements for this part of the lag, and at most this
	// many events: as many as an outbox deletes in one step.
	checkpointPart   = 64
	checkpointEvents = 2 * batchSize

	// askPart is how often within the lag the stream is asked what it still has.
	askPart = 8

	// copiesLag is how long acknowledged events of a stream with several copies may be
	// lost, unless the lag of one copy is shorter: most of the machines must lose power
	// at once, before any of them has synced.
	copiesLag = 15 * time.Second
)

// note records what has just been acknowledged, and the newest of these events.
func (r *Relay) note(positions []int64, newest place, events int) {
	if !slices.ContainsFunc(positions, func(p int64) bool { return p > 0 }) {
		return
	}
	now := time.Now()
	if n := len(r.checkpoints); n > 0 {
		last := &r.checkpoints[n-1]
		if now.Sub(last.begun) < r.lag/checkpointPart && last.events+events <= checkpointEvents {
			raise(last.positions, positions)
			last.at, last.events = now, last.events+events
			if newest.seq > last.newest.seq {
				last.newest = newest
			}
			return
		}
	}
	r.checkpoints = append(r.checkpoints, checkpoint{
		begun: now, at: now, events: events, positions: slices.Clone(positions), newest: newest,
	})
}

// raise sets each position to the higher one of both.
func raise(positions, others []int64) {
	for i, p := range others {
		positions[i] = max(positions[i], p)
	}
}

// wait returns how long acknowledged events must be kept.
func (r *Relay) wait() time.Duration {
	if r.stream.Status().Copies > 1 {
		return min(r.lag, copiesLag)
	}
	return r.lag
}

// untilNext returns how long there is nothing to do unless an outbox grows.
func (r *Relay) untilNext() time.Duration {
	if len(r.checkpoints) == 0 {
		return r.cfg.CheckInterval
	}
	next := max(time.Until(r.checkpoints[0].at.Add(r.wait())), time.Until(r.asked.Add(r.wait()/askPart)), time.Millisecond)
	return min(next, r.cfg.CheckInterval)
}

var errLost = errors.New("the stream lost events that it had acknowledged; sending them again")

// settle deletes events from the outboxes whose acknowledgement is old enough, if the
// stream has not lost them. One call deletes as much as was acknowledged in one or two
// calls.
func (r *Relay) settle(ctx context.Context) error {
	if len(r.safe) == 0 {
		if err := r.confirm(ctx); err != nil {
			return err
		}
	}
	if len(r.safe) == 0 {
		return nil
	}
	err := r.forget(ctx, r.safe[0].positions)
	if err == nil {
		r.safe = r.safe[1:]
	}
	return err
}

// confirm asks the stream for its tail if any checkpoint is old enough, and moves the
// old checkpoints to the safe ones.
func (r *Relay) confirm(ctx context.Context) error {
	now, wait := time.Now(), r.wait()
	old := 0
	for old < len(r.checkpoints) && now.Sub(r.checkpoints[old].at) >= wait {
		old++
	}
	if old == 0 || now.Sub(r.asked) < wait/askPart {
		return nil
	}
	tail, err := r.tail(ctx)
	if err != nil {
		return err
	}
	r.asked = now
	if lost, err := r.streamLost(ctx, tail); err != nil {
		return err
	} else if lost {
		return errLost // the next step truncates the checkpoints
	}
	r.safe = append(r.safe, r.checkpoints[:old]...)
	r.checkpoints = slices.Clone(r.checkpoints[old:])
	return nil
}

// forget deletes the events of each outbox up to a position; 0 for none.
func (r *Relay) forget(ctx context.Context, positions []int64) error {
	return each(r.outboxes, positions, func(o missions.Outbox, upTo int64) error { return o.Forget(ctx, upTo) })
}

// each calls do for each outbox that has a position.
func each(outboxes []missions.Outbox, positions []int64, do func(missions.Outbox, int64) error) error {
	var errs []error
	for i, upTo := range positions {
		if upTo > 0 {
			errs = append(errs, do(outboxes[i], upTo))
		}
	}
	return errors.Join(errs...)
}
