package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// mark returns the place as an outbox keeps it with an acknowledgement, or "" for none.
func (p place) mark() string {
	if p.seq == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s %d", p.seq, p.id, p.created.UnixNano())
}

// parseMark is the inverse of mark. It returns no place for a mark in another form, such as
// that of a later version.
func parseMark(mark string) place {
	var seq uint64
	var id string
	var created int64
	if n, err := fmt.Sscanf(mark, "%d %s %d", &seq, &id, &created); n != 3 || err != nil {
		return place{}
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return place{}
	}
	return place{seq, parsed, time.Unix(0, created)}
}

// recall adds to the checkpoints what the outboxes say of the newest acknowledged events,
// once in a term. Another leader may have recorded that, or this one in an earlier life.
// It is not known when these events were acknowledged, so their age begins anew.
func (r *Relay) recall(ctx context.Context) error {
	if r.recalled {
		return nil
	}
	now := time.Now()
	for i, outbox := range r.outboxes {
		upTo, mark, err := outbox.Acknowledged(ctx)
		if err != nil {
			return err
		}
		newest := parseMark(mark)
		if newest.seq == 0 || upTo == 0 {
			continue
		}
		positions := make([]int64, len(r.outboxes))
		positions[i] = upTo
		r.checkpoints = append(r.checkpoints, checkpoint{
			begun: now, at: now, events: checkpointEvents + 1, positions: positions, newest: newest, recalled: true,
		})
	}
	r.recalled = true
	return nil
}

// highest returns the highest place of an event and the checkpoints, none of which is lost.
func (r *Relay) highest(newest place) place {
	for _, part := range [][]checkpoint{r.safe, r.checkpoints} {
		for _, c := range part {
			if c.newest.seq > newest.seq {
				newest = c.newest
			}
		}
	}
	return newest
}
