package sqlitestore

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Heartbeat implements [missions.Leases].
func (s *Store) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	return eachItem(ctx, s, laneBeat, batch, func(t *tx, h *missions.Heartbeat) (missions.HeartbeatResult, error) {
		result, err := t.heartbeat(h)
		result.Err = err
		return result, err
	})
}

// missedBeats is how many heartbeats in a row may leave out a lease: the one that
// was on its way when the claim was answered. The next one gives the lease up.
const missedBeats = 1

func (t *tx) heartbeat(h *missions.Heartbeat) (result missions.HeartbeatResult, err error) {
	a, err := t.loadAgent(h.AgentID)
	if err != nil {
		return result, err
	}
	if a.left {
		return result, missions.NotFound("registered agent", h.AgentID)
	}
	a.CPU, a.MemoryBytes = h.CPU, h.MemoryBytes
	a.silence = h.Lease
	a.draining = h.Draining
	if err := t.signOfLife(&a, "heartbeats resumed"); err != nil {
		return result, err
	}
	listed := make(map[missions.LeaseRef]bool, len(h.Running))
	for _, ref := range h.Running {
		listed[ref] = true
	}
	held, err := t.leasesOf(h.AgentID)
	if err != nil {
		return result, err
	}
	told := make(map[string]bool, len(h.Running)) // missions whose fate is settled
	for _, l := range held {
		switch {
		case listed[missions.LeaseRef{MissionID: l.mission, Lease: l.lease}]:
			told[l.mission] = true
			err = t.renew(l, h)
		case h.Receiving:
			err = t.renew(l, h)
		default:
			err = t.miss(l, h.AgentID, &result)
		}
		if err != nil {
			return result, err
		}
	}
	for _, ref := range h.Running {
		if told[ref.MissionID] {
			continue
		}
		told[ref.MissionID] = true
		if err := t.notHeld(ref, h.AgentID, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

type heldLease struct {
	seq, lease int64
	mission    string
	endsAt     missions.Time
	stallsAt   missions.Time
	missed     int
}

func (t *tx) leasesOf(agent string) (held []heldLease, err error) {
	err = t.query(`SELECT l.seq, l.lease, l.ends_at, l.missed, m.id, l.stalls_at FROM leases l
		CROSS JOIN missions m ON m.seq = l.seq WHERE l.agent_id = ?`,
		func(s *sqlite3.Stmt) (bool, error) {
			held = append(held, heldLease{seq: s.ColumnInt64(0), lease: s.ColumnInt64(1), mission: s.ColumnText(4),
				endsAt: scanTime(s, 2), stallsAt: scanTime(s, 5), missed: s.ColumnInt(3)})
			return true, nil
		}, agent)
	return held, err
}

func (t *tx) renew(l heldLease, h *missions.Heartbeat) error {
	expires := t.now.Add(h.Lease)
	return t.exec("UPDATE leases SET expires_at = ?, due_at = ?, missed = 0 WHERE seq = ?",
		int64(expires), int64(earliest(expires, l.endsAt, l.stallsAt)), l.seq)
}

// miss notes that a heartbeat did not list a lease, and gives the lease up when
// that happens for the second time in a row.
func (t *tx) miss(l heldLease, agent string, result *missions.HeartbeatResult) error {
	if l.missed < missedBeats {
		return t.exec("UPDATE leases SET missed = missed + 1 WHERE seq = ?", l.seq)
	}
	r, err := t.loadSeq(l.seq)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("agent %s no longer reports its lease: the reply to the claim was lost, the agent restarted, or two agents use this ID", agent)
	if err := t.attemptLost(&r, reason); err != nil {
		return err
	}
	if r.Status == missions.Pending {
		result.GivenUp = append(result.GivenUp, r.Type)
	}
	return nil
}

// notHeld sorts a listed mission whose lease is not the agent's.
func (t *tx) notHeld(ref missions.LeaseRef, agent string, result *missions.HeartbeatResult) error {
	cancelled, err := t.number("SELECT count(*) FROM missions INDEXED BY missions_id WHERE id = ? AND agent_id = ? AND lease = ? AND status = ?",
		ref.MissionID, agent, ref.Lease, missions.Cancelled.Index())
	if err != nil {
		return err
	}
	if cancelled > 0 {
		result.Cancel = append(result.Cancel, ref.MissionID)
	} else {
		result.Lost = append(result.Lost, ref.MissionID)
	}
	return nil
}
