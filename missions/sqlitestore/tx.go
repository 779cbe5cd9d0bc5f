package sqlitestore

import (
	"math/rand/v2"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

func defaultChance() float64 { return rand.Float64() }

// tx is the transaction of one group of steps.
type tx struct {
	*conn
	tally
	cfg    *Config
	now    missions.Time
	marks  marks
	was    marks            // the marks as the group found them
	events []missions.Event // that the outbox is to have
	fresh  map[int64]row    // by seq: what a step has created that goes on to claim; nil in other steps
}

func (s *Store) newTx() *tx {
	return &tx{
		conn: s.writer, tally: newTally(), cfg: &s.cfg,
		now: missions.At(s.cfg.Now()), marks: s.marks, was: s.marks,
	}
}

// flush writes what the group's steps have collected in memory.
func (t *tx) flush() error {
	if err := t.tally.flush(t.conn); err != nil {
		return err
	}
	if err := t.writeEvents(); err != nil {
		return err
	}
	for _, mark := range []struct{ name, was, is int64 }{
		{markOutbox, t.was.outbox, t.marks.outbox},
		{markLease, t.was.lease, t.marks.lease},
		{markClock, t.was.clock, t.marks.clock},
		{markAcked, t.was.acked, t.marks.acked},
	} {
		if mark.was == mark.is {
			continue
		}
		if err := t.exec("INSERT OR REPLACE INTO counters (type, name, n) VALUES ('', ?, ?)", mark.name, mark.is); err != nil {
			return err
		}
	}
	return nil
}

// nextSeq returns the creation time of a new mission in microseconds, made
// unique and never going back.
func (t *tx) nextSeq() int64 {
	t.marks.clock = max(int64(t.now), t.marks.clock+1)
	return t.marks.clock
}

// nextLease returns a fencing token greater than any given before.
func (t *tx) nextLease() int64 {
	t.marks.lease++
	return t.marks.lease
}

// outboxFull reports whether new missions must be refused. Changes of missions
// that were accepted are recorded even then: nothing is dropped.
func (t *tx) outboxFull() bool { return t.marks.outbox-t.marks.acked >= t.cfg.OutboxLimit }

// emit records an event for the outbox, as of now unless it says otherwise.
func (t *tx) emit(e missions.Event) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if e.ID = id; e.At == 0 {
		e.At = t.now
	}
	t.marks.outbox++
	e.Seq = t.marks.outbox
	t.events = append(t.events, e)
	return nil
}

// move takes a mission through the state machine: it sets the status, keeps the
// counters, and tells the log and the outbox. The caller sets what else changes
// and saves the row. The error is an ErrConflict where there is no such move.
func (t *tx) move(r *row, trigger missions.Trigger, reason string) error {
	next, err := r.Status.Next(trigger)
	if err != nil {
		return err
	}
	old := r.Status
	r.Status, r.UpdatedAt = next, t.now
	t.status(r.Type, old, -1)
	t.status(r.Type, next, +1)
	if what := next.Happened(); what != "" {
		t.happened(r.Type, what, t.now)
	}
	if err := t.recordChange(r, old, next, reason); err != nil {
		return err
	}
	return t.emit(missions.Event{
		Kind: missions.EventStatusChanged, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		OldStatus: old, NewStatus: next, Reason: reason, Attempt: r.Attempt, AgentID: string(r.AgentID),
	})
}
