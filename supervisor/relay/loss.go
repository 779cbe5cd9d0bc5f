package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

// tail is how far the durable events in the stream reach.
type tail struct {
	positions []int64 // by outbox, 0 for none
	newest    place   // of these events; zero for none
}

// tail reads the stream's tail.
func (r *Relay) tail(ctx context.Context) (tail, error) {
	t := tail{positions: make([]int64, len(r.outboxes))}
	for _, eventType := range durableTypes {
		e, seq, err := r.stream.Last(ctx, eventType)
		if errors.Is(err, eventstream.ErrNotFound) {
			continue
		}
		if err != nil {
			return tail{}, fmt.Errorf("look for the newest %s in the stream: %w", eventType, err)
		}
		ours := false
		for i, outbox := range r.outboxes {
			position := outboxPosition(&e, outbox.Identity())
			t.positions[i] = max(t.positions[i], position)
			ours = ours || position > 0
		}
		if ours && seq > t.newest.seq {
			t.newest = place{seq: seq, id: e.ID}
		}
	}
	return t, nil
}

// beyond reports whether a checkpoint has a position that the stream does not reach.
func (c *checkpoint) beyond(positions []int64) bool {
	for i, p := range c.positions {
		if p > positions[i] {
			return true
		}
	}
	return false
}

// streamLost reports whether the stream has lost events that it had acknowledged.
func (r *Relay) streamLost(ctx context.Context, t tail) (bool, error) {
	kept, err := r.kept(ctx, slices.Concat(r.safe, r.checkpoints), t)
	return slices.Contains(kept, false), err
}

// truncate drops the checkpoints of events that the stream has lost.
func (r *Relay) truncate(ctx context.Context, t tail) error {
	kept, err := r.kept(ctx, slices.Concat(r.safe, r.checkpoints), t)
	if err != nil {
		return err
	}
	r.safe, r.checkpoints = only(r.safe, kept), only(r.checkpoints, kept[len(r.safe):])
	return nil
}

// only returns the checkpoints that are kept.
func only(all []checkpoint, kept []bool) (some []checkpoint) {
	for i, c := range all {
		if kept[i] {
			some = append(some, c)
		}
	}
	return some
}

// kept returns for each of all checkpoints whether the stream has not lost it. It asks only
// if the stream's tail does not answer that.
func (r *Relay) kept(ctx context.Context, all []checkpoint, t tail) ([]bool, error) {
	kept := slices.Repeat([]bool{true}, len(all))
	beyond := func(c checkpoint) bool { return c.beyond(t.positions) }
	if !slices.ContainsFunc(all, beyond) {
		r.removed = false
		return kept, nil
	}
	extent, err := r.stream.Extent(ctx)
	if err != nil {
		return nil, err
	}
	known := false // whether a checkpoint of this life is not lost, so that those before it are not
	for i, c := range slices.Backward(all) {
		alone := c.recalled || !c.newest.created.Equal(extent.Created)
		if !beyond(c) || !alone && known {
			continue
		}
		lost, err := r.lost(ctx, c.newest, extent)
		if err != nil {
			return nil, err
		}
		kept[i] = !lost
		known = known || !alone && !lost
		if !lost {
			r.noteRemoval()
		}
	}
	return kept, nil
}

// lost reports whether the stream, which does not reach an event, has lost it. If not, the
// event was removed, or events before or behind it were.
func (r *Relay) lost(ctx context.Context, where place, extent eventstream.Extent) (bool, error) {
	if where.seq > extent.Last {
		return true, nil
	}
	found, err := r.stream.At(ctx, where.seq)
	if errors.Is(err, eventstream.ErrNotFound) {
		return !extent.Created.Equal(where.created), nil
	}
	if err != nil {
		return false, err
	}
	if e, err := charter.Decode(found.Data); err == nil && e.ID == where.id {
		return false, nil
	}
	return true, nil // the sequence was given again
}

// noteRemoval logs once that the newest events were removed.
func (r *Relay) noteRemoval() {
	if !r.removed {
		r.log.Info("the newest durable events were removed from the event stream, by hand or by its limits; they are not sent again")
	}
	r.removed = true
}

// reached returns for each outbox the higher one of a position and what the checkpoints
// say: events behind the stream's tail that were removed are not sent again.
func (r *Relay) reached(positions []int64) []int64 {
	reached := slices.Clone(positions)
	for _, part := range [][]checkpoint{r.safe, r.checkpoints} {
		for _, c := range part {
			raise(reached, c.positions)
		}
	}
	return reached
}

// carryOver keeps what an earlier term knew. Another leader may have sent lost events
// again meanwhile, so their age begins anew, and nothing is added to these checkpoints.
func (r *Relay) carryOver() {
	r.checkpoints, r.safe = slices.Concat(r.safe, r.checkpoints), nil
	now := time.Now()
	for i := range r.checkpoints {
		c := &r.checkpoints[i]
		c.begun, c.at, c.events = now, now, checkpointEvents+1
	}
}

// unreported returns the origins that Stored was not called with, and regards them as reported.
func (r *Relay) unreported(origins []Origin) []Origin {
	reported := func(o Origin) bool { return o.position <= r.reported[o.outbox] }
	unreported := origins
	if slices.ContainsFunc(origins, reported) {
		unreported = slices.DeleteFunc(slices.Clone(origins), reported)
	}
	for _, o := range unreported {
		r.reported[o.outbox] = o.position
	}
	return unreported
}
