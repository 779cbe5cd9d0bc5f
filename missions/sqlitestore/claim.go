package sqlitestore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Claim implements [missions.Leases].
func (s *Store) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	return eachItem(ctx, s, laneClaim, batch, (*tx).claimItem)
}

func (t *tx) claimItem(q *missions.ClaimRequest) (missions.ClaimResult, error) {
	result, err := t.claim(q)
	result.Err = err
	return result, err
}

func (t *tx) claim(q *missions.ClaimRequest) (result missions.ClaimResult, err error) {
	a, err := t.loadAgent(q.AgentID)
	if err != nil {
		return result, err
	}
	switch {
	case a.left:
		return result, missions.Conflict("agent %q has left; it must register to come back", q.AgentID)
	case a.State == missions.Draining:
		return result, missions.Conflict("agent %q is draining and takes no more missions", q.AgentID)
	}
	if q.Alive {
		if err := t.signOfLife(&a, "claimed again"); err != nil {
			return result, err
		}
	}
	if result.Types = q.Types; len(q.Types) == 0 {
		result.Types = a.Types
	}
	candidates, err := t.candidates(result.Types, max(q.Max, 0))
	if err != nil {
		return result, err
	}
	result.Missions, err = t.take(q, candidates)
	result.More = len(result.Missions) < len(candidates)
	return result, err
}

// take gives the candidates to the agent, as many as fit into MaxBytes.
func (t *tx) take(q *missions.ClaimRequest, candidates []candidate) ([]missions.Mission, error) {
	claimed := make([]missions.Mission, 0, len(candidates))
	size := 0
	for _, c := range candidates {
		r, err := t.claimable(c.seq)
		if err != nil {
			return nil, err
		}
		if size += r.SizeEstimate(); q.MaxBytes > 0 && size > q.MaxBytes && len(claimed) > 0 {
			break
		}
		if err := t.giveTo(&r, q.AgentID, q.Lease); err != nil {
			return nil, err
		}
		claimed = append(claimed, r.Mission)
	}
	t.running[q.AgentID] += int64(len(claimed))
	return claimed, nil
}

// claimable returns a mission that is in a queue.
func (t *tx) claimable(seq int64) (row, error) {
	if r, ok := t.fresh[seq]; ok {
		r.stored = r.values()
		return r, nil
	}
	return t.loadSeq(seq)
}

type candidate struct{ rank, seq int64 }

// candidates returns the best claimable missions of several types. Each type's
// queue is in order by itself; the heads are merged.
func (t *tx) candidates(types []string, most int) ([]candidate, error) {
	var all []candidate
	for _, kind := range types {
		err := t.query(`SELECT priority, seq FROM missions INDEXED BY missions_ready
			WHERE ready = 1 AND type = ? ORDER BY priority DESC, seq LIMIT ?`,
			func(s *sqlite3.Stmt) (bool, error) {
				all = append(all, candidate{s.ColumnInt64(0), s.ColumnInt64(1)})
				return true, nil
			}, kind, most)
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.seq, b.seq))
	})
	all = slices.Compact(all) // a type may have been named twice
	return all[:min(len(all), most)], nil
}

// giveTo makes an agent the holder of a claimable mission.
func (t *tx) giveTo(r *row, agent string, lasts time.Duration) error {
	t.duration(r.Type, histogramQueue, int64(t.now-r.readyAt))
	r.Attempt++
	r.AgentID = missions.Text(agent)
	r.lease = t.nextLease()
	r.Lease = r.lease
	r.StartedAt = t.now
	r.LeaseExpiresAt = t.now.Add(lasts)
	r.ready, r.dueAt, r.NextAttemptAt = false, 0, 0
	reason := fmt.Sprintf("claimed by agent %s, attempt %d of %d", agent, r.Attempt, r.MaxAttempts)
	if err := t.move(r, missions.Claim, reason); err != nil {
		return err
	}
	if err := t.save(r); err != nil {
		return err
	}
	endsAt, stallsAt := after(t.now, r.Timeout()), after(t.now, r.Stall())
	return t.exec(`INSERT INTO leases (seq, agent_id, lease, expires_at, ends_at, stalls_at, due_at, missed)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
		r.seq, agent, r.lease, int64(r.LeaseExpiresAt), endsAt, stallsAt, int64(earliest(r.LeaseExpiresAt, endsAt, stallsAt)))
}

// after returns when a limit will have been reached, the zero time for no limit.
func after(now missions.Time, limit time.Duration) missions.Time {
	if limit == 0 {
		return 0
	}
	return now.Add(limit)
}

// earliest returns when Due has to look at a lease: at the first of its ends.
func earliest(expires missions.Time, others ...missions.Time) missions.Time {
	for _, end := range others {
		if end != 0 {
			expires = min(expires, end)
		}
	}
	return expires
}
