package sqlitestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Due implements [missions.Store].
func (s *Store) Due(ctx context.Context, limit int) (result missions.DueResult, err error) {
	err = s.write(ctx, laneHouse, func(t *tx) error {
		d := due{tx: t, left: limit}
		for _, part := range []func() error{d.leases, d.agents, d.pending} {
			if err := part(); err != nil {
				return err
			}
		}
		result = d.result
		result.More, result.StoreNow = d.left <= 0, t.now
		result.NextDue, err = t.nextDue()
		return err
	})
	return result, err
}

// due is one run of Due within a transaction.
type due struct {
	*tx
	left   int
	result missions.DueResult
}

func (d *due) ready(kind string) {
	if !slices.Contains(d.result.Ready, kind) {
		d.result.Ready = append(d.result.Ready, kind)
	}
}

// leases takes back missions whose lease or timeout has ended, or that have stalled.
func (d *due) leases() error {
	ended, err := d.numbers("SELECT seq FROM leases WHERE due_at <= ? ORDER BY due_at LIMIT ?", int64(d.now), d.left)
	if err != nil {
		return err
	}
	for _, seq := range ended {
		err := d.takeBack(seq, func(r *row) error {
			if limit := r.Timeout(); limit > 0 && r.StartedAt.Add(limit) <= d.now {
				return d.attemptTimedOut(r, fmt.Sprintf("timed out on agent %s after %s", r.AgentID, limit))
			}
			if r.stallsAt != 0 && r.stallsAt <= d.now {
				return d.attemptTimedOut(r, r.StalledReason())
			}
			return d.attemptLost(r, fmt.Sprintf("the lease of agent %s expired without a heartbeat", r.AgentID))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// takeBack ends the attempt at a mission, as one item of the limit.
func (d *due) takeBack(seq int64, end func(*row) error) error {
	r, err := d.loadSeq(seq)
	if err != nil {
		return err
	}
	d.left--
	d.result.Stop = append(d.result.Stop, missions.Stopped{AgentID: string(r.AgentID), MissionID: r.ID})
	if err := end(&r); err != nil {
		return err
	}
	if r.ready {
		d.ready(r.Type)
	}
	return nil
}

// agents declares offline those that have been silent for too long.
func (d *due) agents() error {
	var silent []agentRow
	err := d.query(agentQuery+"WHERE due_at <= ? ORDER BY due_at LIMIT ?", func(s *sqlite3.Stmt) (bool, error) {
		a, err := scanAgent(s)
		silent = append(silent, a)
		return true, err
	}, int64(d.now), d.left)
	if err != nil {
		return err
	}
	for i := range silent {
		if err := d.silent(&silent[i]); err != nil {
			return err
		}
	}
	return nil
}

// silent takes back what a silent agent holds, and then the agent offline; what
// the limit leaves no room for stays due.
func (d *due) silent(a *agentRow) error {
	held, err := d.leasesOf(a.ID)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("no heartbeat for %s", a.silence.Round(time.Millisecond))
	for _, l := range held {
		if d.left <= 0 {
			return nil
		}
		err := d.takeBack(l.seq, func(r *row) error {
			return d.attemptLost(r, fmt.Sprintf("agent %s is gone: %s", a.ID, reason))
		})
		if err != nil {
			return err
		}
	}
	if d.left <= 0 {
		return nil
	}
	d.left--
	d.result.Offline = append(d.result.Offline, a.ID)
	return d.departed(a, false, reason)
}

// pending fails missions whose deadline has passed and lets those be claimed
// whose time has come.
func (d *due) pending() error {
	waiting, err := d.numbers("SELECT seq FROM missions WHERE due_at <= ? ORDER BY due_at LIMIT ?", int64(d.now), d.left)
	if err != nil {
		return err
	}
	d.left -= len(waiting)
	for _, seq := range waiting {
		r, err := d.loadSeq(seq)
		if err != nil {
			return err
		}
		if r.Deadline != 0 && r.Deadline <= d.now {
			err = d.expire(&r)
		} else {
			r.queue(d.now, r.readyAt)
			d.ready(r.Type)
			err = d.save(&r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// expire fails a PENDING mission.
func (d *due) expire(r *row) error {
	const reason = "its deadline passed while it was pending"
	r.Error = reason
	if err := d.saveOutcome(r, ""); err != nil {
		return err
	}
	return d.end(r, missions.Expire, reason)
}

// nextDue returns when Due will next find something, as things stand.
func (c *conn) nextDue() (next missions.Time, err error) {
	for _, sql := range []string{
		"SELECT min(due_at) FROM leases",
		"SELECT min(due_at) FROM agents WHERE due_at IS NOT NULL",
		"SELECT min(due_at) FROM missions WHERE due_at IS NOT NULL",
	} {
		at, err := c.number(sql)
		if err != nil {
			return 0, err
		}
		if at != 0 && (next == 0 || missions.Time(at) < next) {
			next = missions.Time(at)
		}
	}
	return next, nil
}

// Retain implements [missions.Store].
func (s *Store) Retain(ctx context.Context, retention time.Duration, limit int) (deleted int, err error) {
	err = s.write(ctx, laneHouse, func(t *tx) error {
		cutoff := int64(t.now.Add(-retention))
		old, err := t.numbers("SELECT seq FROM missions WHERE finished_at <= ? ORDER BY finished_at LIMIT ?", cutoff, limit)
		if err != nil {
			return err
		}
		deleted = len(old)
		for _, seq := range old {
			r, err := t.loadSeq(seq)
			if err != nil {
				return err
			}
			if err := t.remove(seq, r.Type, r.Status, r.Tags); err != nil {
				return err
			}
		}
		return t.forgetStatistics(cutoff)
	})
	if err == nil && deleted < limit { // nothing else is to be deleted now
		err = s.vacuum(ctx)
	}
	return deleted, err
}

// forgetStatistics drops what nobody asks for any more.
func (t *tx) forgetStatistics(cutoff int64) error {
	offline := slices.Index(agentStates, missions.Offline)
	dayAgo := int64(t.now.Add(-24*time.Hour)) / 60e6
	for _, del := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM agent_types WHERE agent_id IN (SELECT id FROM agents WHERE state = ? AND updated_at <= ?)", []any{offline, cutoff}},
		{"DELETE FROM agents WHERE state = ? AND updated_at <= ?", []any{offline, cutoff}},
		{"DELETE FROM minutes WHERE minute < ?", []any{dayAgo}},
		{"DELETE FROM counters WHERE type <> '' AND n = 0", nil},
	} {
		if err := t.exec(del.sql, del.args...); err != nil {
			return err
		}
	}
	return nil
}
