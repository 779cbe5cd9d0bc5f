package sqlitestore

import (
	"context"
	"encoding/json"
	"errors"

	"missioncontrol/missions"
)

// Create implements [missions.Missions].
func (s *Store) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	return eachItem(ctx, s, laneCreate, batch, (*tx).createItem)
}

// CreateAndClaim implements [missions.Missions].
func (s *Store) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	created []missions.CreateResult, claimed []missions.ClaimResult, err error) {
	err = s.write(ctx, laneCreate, func(t *tx) (err error) {
		t.fresh = make(map[int64]row, len(batch))
		defer func() { t.fresh = nil }()
		if created, err = each(t, batch, (*tx).createItem); err == nil {
			claimed, err = each(t, claims, (*tx).claimItem)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	missions.MarkGiven(created, claimed)
	return created, claimed, nil
}

func (t *tx) createItem(m *missions.Mission) (missions.CreateResult, error) {
	stored, created, err := t.create(m)
	return missions.CreateResult{Mission: stored, Created: created, Err: err}, err
}

func (t *tx) create(m *missions.Mission) (missions.Mission, bool, error) {
	if t.outboxFull() {
		old, found, err := t.existing(m)
		if err == nil && !found {
			err = &missions.Error{Code: missions.CodeOverloaded,
				Message: "too many events are waiting for the event stream; try again when it has caught up"}
		}
		return old, false, err
	}
	clock := t.marks.clock
	r := t.newRow(m)
	inserted, err := t.insert(&r)
	if err != nil {
		return missions.Mission{}, false, err
	}
	if !inserted {
		t.marks.clock = clock // the step leaves no trace
		old, _, err := t.existing(m)
		return old, false, err
	}
	if t.fresh != nil {
		t.fresh[r.seq] = r
	}
	t.status(r.Type, missions.Pending, +1)
	t.happened(r.Type, missions.HappenedCreated, t.now)
	err = t.emit(missions.Event{
		Kind: missions.EventCreated, At: r.CreatedAt, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		Name: r.Name, Description: r.Description, Type: r.Type, Priority: r.Priority,
	})
	return r.Mission, true, err
}

// existing returns the mission that has the id already, or an ErrConflict where it is another.
func (t *tx) existing(m *missions.Mission) (missions.Mission, bool, error) {
	old, err := t.load(m.ID)
	if errors.Is(err, missions.ErrNotFound) {
		return missions.Mission{}, false, nil
	}
	if err == nil && !old.SameContent(m) {
		err = missions.Conflict("mission %q exists with different content", m.ID)
	}
	return old.Mission, true, err
}

// newRow takes what the creator gave, and nothing else of m.
func (t *tx) newRow(m *missions.Mission) row {
	r := row{seq: t.nextSeq(), Mission: missions.Mission{
		ID: m.ID, Name: m.Name, Description: m.Description, Type: m.Type, Data: m.Data, Priority: m.Priority,
		Status: missions.Pending, Tags: m.Tags, MaxAttempts: m.MaxAttempts,
		TimeoutSeconds: m.Timeout().Seconds(), StallSeconds: m.Stall().Seconds(),
		NotBefore: m.NotBefore, Deadline: m.Deadline, CorrelationID: m.CorrelationID, Traceparent: m.Traceparent,
	}}
	r.CreatedAt, r.UpdatedAt = missions.Time(r.seq), missions.Time(r.seq)
	r.queue(t.now, max(t.now, r.NotBefore))
	r.log.holds = true
	return r
}

// queue makes a PENDING mission claimable from a time on.
func (r *row) queue(now, from missions.Time) {
	r.readyAt, r.ready = from, from <= now
	r.dueAt = r.Deadline
	if !r.ready && (r.dueAt == 0 || from < r.dueAt) {
		r.dueAt = from
	}
}

// insert adds a mission, unless its id is taken.
func (t *tx) insert(r *row) (inserted bool, err error) {
	var tags []byte
	if len(r.Tags) > 0 {
		tags, _ = json.Marshal(r.Tags) // strings always marshal
	}
	err = t.exec(`INSERT INTO missions (seq, id, name, type, priority, status, tags, max_attempts, timeout_us, stall_us,
		not_before, deadline, correlation_id, traceparent, attempt, lease, updated_at, ready_at, ready, due_at, changes, logged)
		VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, x'', 0) ON CONFLICT (id) DO NOTHING`,
		r.seq, r.ID, r.Name, r.Type, r.Priority.Rank(), optional(tags), r.MaxAttempts, r.Timeout().Microseconds(), r.Stall().Microseconds(),
		r.NotBefore, r.Deadline, optional(r.CorrelationID), optional(r.Traceparent), int64(r.UpdatedAt), int64(r.readyAt), r.ready, r.dueAt)
	if err != nil || t.db.Changes() == 0 {
		return false, err
	}
	if r.Description != "" || string(r.Data) != "{}" {
		var data []byte
		if string(r.Data) != "{}" {
			data = r.Data
		}
		if err := t.exec("INSERT INTO payloads (seq, description, data) VALUES (?, ?, ?)",
			r.seq, optional(r.Description), data); err != nil {
			return false, err
		}
	}
	for _, tag := range r.Tags {
		if err := t.exec("INSERT OR IGNORE INTO tags (tag, seq) VALUES (?, ?)", tag, r.seq); err != nil {
			return false, err
		}
	}
	return true, nil
}
