package engine

import (
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

// takenBack collects missions that are taken back from their holders.
type takenBack struct {
	engine *Engine
	ready  []string // types with missions that became claimable
	stop   []missions.Stopped
}

// unreachablePause is after what time a lease that has ended is looked at again, if its mission could not
// be reached.
const unreachablePause = time.Second

func (t *takenBack) isReady(missionType string) {
	if !slices.Contains(t.ready, missionType) {
		t.ready = append(t.ready, missionType)
	}
}

// replaced notes missions that were replaced.
func (t *takenBack) replaced(list []missions.Stopped) {
	for _, of := range list {
		if of.AgentID != "" {
			t.stop = append(t.stop, of)
		}
	}
}

// end ends the attempt under a lease.
func (t *takenBack) end(l *Lease, attempt func(*Record)) {
	if t.engine.isUnreachable(l.MissionID) {
		t.engine.ends.set(l.Seq, t.engine.now.Add(unreachablePause))
		return
	}
	r := t.engine.heldRecord(l)
	if r == nil {
		return
	}
	t.stop = append(t.stop, missions.Stopped{AgentID: l.AgentID, MissionID: l.MissionID})
	if attempt(r); r.claimable() {
		t.isReady(r.Type)
	}
}

// dueLeases returns leases that have ended by now, at most limit.
func (e *Engine) dueLeases(now missions.Time, limit int) (due []*Lease) {
	for seq := range e.ends.due(now, limit) {
		due = append(due, e.leases[seq])
	}
	return due
}

// dueAgents returns agents that have been silent for too long by now, at most limit.
func (e *Engine) dueAgents(now missions.Time, limit int) (due []*Agent) {
	for id := range e.silent.due(now, limit) {
		due = append(due, e.agents[id])
	}
	return due
}

// duePlanned returns PENDING missions that are due by now, at most limit.
func (e *Engine) duePlanned(now missions.Time, limit int) []Planned {
	n, _ := slices.BinarySearchFunc(e.planned.list, now, func(p Planned, now missions.Time) int {
		if p.At <= now {
			return -1
		}
		return 1
	})
	return e.planned.list[:min(n, limit)]
}

// Due processes what is due. See [missions.Store]. It needs what NeedDue says.
func (e *Engine) Due(limit int) missions.DueResult {
	limit = max(limit, 0)
	d := due{takenBack: takenBack{engine: e}, left: limit}
	d.leases()
	d.agents()
	d.pending()
	d.wakes()
	d.schedules()
	d.limits()
	d.keys()
	return missions.DueResult{Ready: d.ready, Stop: d.stop, Offline: d.offline, Scheduled: d.scheduled, More: d.left <= 0 || e.DueNow(),
		NextDue: e.nextDue(), StoreNow: e.now}
}

// due is one run of Due.
type due struct {
	takenBack
	left      int
	offline   []string
	opened    []string // limits
	scheduled bool
}

// leases takes back missions whose lease or timeout has ended, or that have stalled.
func (d *due) leases() {
	e := d.engine
	for _, l := range e.dueLeases(e.now, d.left) {
		d.left--
		d.end(l, func(r *Record) {
			switch {
			case l.EndsAt != 0 && l.EndsAt <= e.now:
				e.attemptTimedOut(r, fmt.Sprintf("timed out on agent %s after %s", r.AgentID, r.Timeout()))
			case l.StallsAt != 0 && l.StallsAt <= e.now:
				e.attemptTimedOut(r, r.StalledReason())
			default:
				e.attemptLost(r, fmt.Sprintf("the lease of agent %s expired without a heartbeat", r.AgentID))
			}
		})
	}
}

// agents marks agents offline that have been silent for too long.
func (d *due) agents() {
	for _, a := range d.engine.dueAgents(d.engine.now, d.left) {
		d.silent(a)
	}
}

// silent takes back what a silent agent holds, and then marks it offline. What the limit
// leaves no room for stays due.
func (d *due) silent(a *Agent) {
	e := d.engine
	reason := fmt.Sprintf("no heartbeat for %s", a.Silence.Round(time.Millisecond))
	for _, l := range e.heldBy(a.ID) {
		if d.left <= 0 {
			return
		}
		d.left--
		d.end(l, func(r *Record) { e.attemptLost(r, fmt.Sprintf("agent %s is gone: %s", a.ID, reason)) })
	}
	if d.left <= 0 {
		return
	}
	d.left--
	d.offline = append(d.offline, a.ID)
	e.departed(e.editAgent(a.ID), false, reason)
}

// pending fails missions whose deadline has passed, and makes those claimable whose time has
// come.
func (d *due) pending() {
	e := d.engine
	for _, p := range slices.Clone(e.duePlanned(e.now, d.left)) {
		d.left--
		if e.isUnreachable(p.ID) { // in the next term, it is not planned
			continue
		}
		if r := e.records.get(p.ID); r == nil || r.DueAt != p.At {
			e.planned.remove(p) // it fits no mission: a commit was broken off halfway
			e.changes.Misplaced = append(e.changes.Misplaced, Misplaced{At: p.At, Seq: p.Seq, ID: p.ID})
			continue
		}
		r := e.records.edit(p.ID)
		if r.Deadline != 0 && r.Deadline <= e.now {
			e.expire(r)
			continue
		}
		if r.waits() {
			if e.waitTimedOut(r); r.claimable() {
				d.isReady(r.Type)
			}
			continue
		}
		until := missions.Time(0)
		if !r.withheld() {
			until = r.preferUntil(r.ReadyAt)
		}
		e.requeue(r, r.ReadyAt, until)
		d.isReady(r.Type)
	}
}

// expire fails a PENDING mission.
func (e *Engine) expire(r *Record) {
	const reason = "its deadline passed while it was pending"
	r.Error, r.Report = reason, Report{}
	if err := e.end(r, missions.Expire, reason); err != nil {
		panic(err)
	}
}

// nextDue returns when Due will next find something, as things stand.
func (e *Engine) nextDue() (next missions.Time) {
	earlier := func(at missions.Time) {
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if _, at, ok := e.ends.first(); ok {
		earlier(at)
	}
	if _, at, ok := e.silent.first(); ok {
		earlier(at)
	}
	if len(e.planned.list) > 0 {
		earlier(e.planned.list[0].At)
	} else if !e.planned.all {
		earlier(e.now) // what is planned next is not loaded
	}
	if len(e.wakes.list) > 0 || !e.wakes.all {
		earlier(max(e.now, e.wakesFrom))
	}
	if at, there := e.firstDue(); there || !e.due.all {
		earlier(max(e.now, e.dueFrom, at))
	}
	if _, at, ok := e.opening.first(); ok {
		earlier(at)
	}
	if len(e.announced) > 0 {
		earlier(e.now)
	}
	if at, there := e.firstKey(); there || !e.until.all {
		earlier(max(e.now, at))
	}
	return next
}

// Retain deletes missions, and what has been kept for long enough. See [missions.Store]. It
// needs the missions' records.
func (e *Engine) Retain(ended []string, retention time.Duration) int {
	cutoff := e.now.Add(-retention)
	deleted := 0
	for _, id := range ended {
		// The list is the backend's, and what it lists may have changed since.
		if r := e.records.get(id); r != nil && r.Status.Terminal() && r.FinishedAt <= cutoff {
			e.remove(id)
			deleted++
		}
	}
	for _, id := range e.sortedAgents() {
		if a := e.agents[id]; a.State == missions.Offline && a.ChangedAt <= cutoff && len(e.held[id]) == 0 {
			delete(e.agents, id)
			e.agentIDs = nil
			delete(e.agentChanged, id)
			e.changes.Gone = append(e.changes.Gone, *a)
		}
	}
	e.retainBatches(cutoff)
	e.changes.Before[Minutes] = minuteOf(e.now.Add(-24 * time.Hour))
	return deleted
}
