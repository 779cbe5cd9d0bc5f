package sqlitestore

import (
	"context"

	"missioncontrol/missions"
)

// holder returns a mission if agent holds its newest lease, and an ErrNotFound or
// ErrLeaseLost otherwise.
func (t *tx) holder(agent string, ref missions.LeaseRef) (row, error) {
	r, err := t.load(ref.MissionID)
	if err != nil {
		return r, err
	}
	if r.Status != missions.Running {
		return r, missions.LeaseLost("mission %q is %s; the lease has ended", ref.MissionID, r.Status)
	}
	if string(r.AgentID) != agent || r.lease != ref.Lease {
		return r, missions.LeaseLost("mission %q has a newer lease; this one has ended", ref.MissionID)
	}
	return r, nil
}

// Progress implements [missions.Leases].
func (s *Store) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	return eachItem(ctx, s, laneReport, batch, func(t *tx, p *missions.ProgressUpdate) (missions.ProgressResult, error) {
		r, err := t.holder(p.AgentID, p.LeaseRef)
		if err == nil {
			err = t.exec("UPDATE missions SET progress_percent = ?, progress_message = ?, updated_at = ? WHERE seq = ?",
				p.Percent, p.Message, int64(t.now), r.seq)
		}
		if err == nil {
			err = t.moves(&r)
		}
		return missions.ProgressResult{CorrelationID: r.CorrelationID, Traceparent: r.Traceparent, Err: err}, err
	})
}

// moves notes that a mission's holder has shown progress.
func (t *tx) moves(r *row) error {
	if r.Stall() == 0 {
		return nil
	}
	return t.exec(`UPDATE leases SET stalls_at = ?1, due_at = min(expires_at, coalesce(ends_at, expires_at), ?1)
		WHERE seq = ?2`, int64(t.now.Add(r.Stall())), r.seq)
}
