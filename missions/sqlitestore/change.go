package sqlitestore

import (
	"context"

	"missioncontrol/missions"
)

// Cancel implements [missions.Missions].
func (s *Store) Cancel(ctx context.Context, batch []missions.CancelRequest) ([]missions.Result, error) {
	id := func(c *missions.CancelRequest) string { return c.ID }
	return changeEach(ctx, s, batch, id, func(t *tx, r *row, c *missions.CancelRequest) error {
		return t.end(r, missions.Cancel, c.Why())
	})
}

// Retry implements [missions.Missions].
func (s *Store) Retry(ctx context.Context, ids []string) ([]missions.Result, error) {
	return changeEach(ctx, s, ids, itself, func(t *tx, r *row, id *string) error {
		if _, err := r.Status.Next(missions.Retry); err != nil {
			return err
		}
		if r.Deadline != 0 && r.Deadline <= t.now {
			return missions.Conflict("the deadline of mission %q has passed", *id)
		}
		r.Attempt, r.AgentID, r.StartedAt, r.FinishedAt = 0, "", 0, 0
		r.Progress, r.Result, r.Error = nil, nil, ""
		r.queue(t.now, max(t.now, r.NotBefore))
		if err := t.move(r, missions.Retry, "retried by an operator"); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM outcomes WHERE seq = ?", r.seq); err != nil {
			return err
		}
		return t.save(r)
	})
}

// Delete implements [missions.Missions].
func (s *Store) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	return changeEach(ctx, s, ids, itself, func(t *tx, r *row, id *string) error {
		switch r.Status {
		case missions.Running:
			return missions.Conflict("mission %q is RUNNING; cancel it first", *id)
		case missions.Pending:
			if err := t.end(r, missions.Cancel, "deleted"); err != nil {
				return err
			}
		}
		return t.remove(r.seq, r.Type, r.Status, r.Tags)
	})
}

// changeEach runs a change for the mission of each item of a batch, in one step.
func changeEach[T any](ctx context.Context, s *Store, batch []T, id func(*T) string,
	change func(*tx, *row, *T) error) ([]missions.Result, error) {
	return eachItem(ctx, s, laneChange, batch, func(t *tx, item *T) (missions.Result, error) {
		r, err := t.load(id(item))
		if err == nil {
			err = change(t, &r, item)
		}
		return missions.Result{Mission: r.Mission, Err: err, Changed: err == nil}, err
	})
}

func itself(id *string) string { return *id }

// end brings a mission to a terminal status, whoever holds it.
func (t *tx) end(r *row, trigger missions.Trigger, reason string) error {
	held := r.Status == missions.Running
	if err := t.move(r, trigger, reason); err != nil {
		return err
	}
	if held {
		if err := t.dropLease(r); err != nil {
			return err
		}
	}
	r.FinishedAt, r.ready, r.dueAt, r.NextAttemptAt = t.now, false, 0, 0
	return t.save(r)
}

// dropLease takes the lease of a RUNNING mission away from its holder.
func (t *tx) dropLease(r *row) error {
	r.LeaseExpiresAt = 0
	if err := t.exec("DELETE FROM leases WHERE seq = ?", r.seq); err != nil {
		return err
	}
	t.running[string(r.AgentID)]--
	return nil
}

// remove deletes a mission that nobody holds, and all that belongs to it.
func (t *tx) remove(seq int64, kind string, status missions.Status, tags []string) error {
	t.status(kind, status, -1)
	for _, tag := range tags {
		if err := t.exec("DELETE FROM tags WHERE tag = ? AND seq = ?", tag, seq); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		"DELETE FROM log WHERE seq = ?",
		"DELETE FROM payloads WHERE seq = ?",
		"DELETE FROM outcomes WHERE seq = ?",
		"DELETE FROM missions WHERE seq = ?",
	} {
		if err := t.exec(sql, seq); err != nil {
			return err
		}
	}
	return nil
}
