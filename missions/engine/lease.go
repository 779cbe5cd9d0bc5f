package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// hold adds a lease, or replaces it by a changed one.
func (e *Engine) hold(l Lease) {
	renewed := e.leases[l.Seq] != nil
	e.leases[l.Seq] = &l
	if e.held[l.AgentID] == nil {
		e.held[l.AgentID] = map[int64]*Lease{}
	}
	e.held[l.AgentID][l.Seq] = &l
	e.ends.set(l.Seq, l.due())
	if e.changes != nil {
		e.leaseChanged[l.Seq] = true
	}
	if !renewed && e.countRunning(&l, 1) {
		e.followKey(l.Key)
	}
}

// release ends the lease of a RUNNING mission.
func (e *Engine) release(seq int64) {
	l := e.leases[seq]
	delete(e.leases, seq)
	delete(e.held[l.AgentID], seq)
	if len(e.held[l.AgentID]) == 0 {
		delete(e.held, l.AgentID)
	}
	e.ends.set(seq, 0)
	delete(e.leaseChanged, seq)
	e.changes.Released = append(e.changes.Released, *l)
	if e.countRunning(l, -1) {
		e.followKey(l.Key)
	}
}

// settleLeases adds the changed leases to a batch's changes.
func (e *Engine) settleLeases(c *Changes) {
	for _, seq := range slices.Sorted(maps.Keys(e.leaseChanged)) {
		c.Leases = append(c.Leases, *e.leases[seq])
	}
	clear(e.leaseChanged)
}

// heldRecord returns the record of the mission that a lease is of, for changes. nil if it cannot be
// reached: then the lease will end by itself; or if the lease is of no mission, as a commit can
// leave that was broken off halfway: then it is released.
func (e *Engine) heldRecord(l *Lease) *Record {
	if e.isUnreachable(l.MissionID) {
		return nil
	}
	if r := e.records.get(l.MissionID); r == nil || r.Status != missions.Running || r.Token != l.Token {
		e.release(l.Seq)
		return nil
	}
	return e.records.edit(l.MissionID)
}

// heldBy returns the leases of an agent, the oldest mission first.
func (e *Engine) heldBy(agentID string) []*Lease {
	list := make([]*Lease, 0, len(e.held[agentID]))
	for _, l := range e.held[agentID] {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Lease) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}

// holder returns a mission if agent holds its newest lease, and an ErrNotFound or
// ErrLeaseLost otherwise, with the mission if there is one.
func (e *Engine) holder(agentID string, ref missions.LeaseRef) (*Record, error) {
	r, err := e.record(ref.MissionID)
	switch {
	case err != nil:
		return nil, err
	case r.HeldBy(agentID, ref.Lease) != nil:
		return r, r.HeldBy(agentID, ref.Lease)
	}
	return e.records.edit(ref.MissionID), nil
}

// NeedHeartbeat adds what a heartbeat needs: the missions that it lists without holding their
// lease, and those that it holds and does not list.
func (e *Engine) NeedHeartbeat(n *Need, h *missions.Heartbeat) {
	listed := make(map[missions.LeaseRef]bool, len(h.Running))
	for _, ref := range h.Running {
		listed[ref] = true
	}
	held := map[missions.LeaseRef]bool{}
	for _, l := range e.heldBy(h.AgentID) {
		ref := missions.LeaseRef{MissionID: l.MissionID, Lease: l.Token}
		held[ref] = true
		if !listed[ref] {
			e.needLease(n, l)
		}
	}
	for _, ref := range h.Running {
		if !held[ref] {
			e.NeedMissions(n, ref.MissionID)
		}
	}
	for i := range h.Seen {
		e.NeedMissions(n, h.Seen[i].MissionID)
	}
}

// Heartbeat records that an agent is alive. See [missions.Leases].
func (e *Engine) Heartbeat(h *missions.Heartbeat) (result missions.HeartbeatResult) {
	a := e.agents[h.AgentID]
	if a == nil || a.Left {
		return missions.HeartbeatResult{Err: missions.NotFound("registered agent", h.AgentID)}
	}
	a = e.editAgent(h.AgentID)
	a.CPU, a.MemoryBytes, a.Silence = h.CPU, h.MemoryBytes, h.Lease
	e.drains(a, h.Draining)
	e.signOfLife(a, "heartbeats resumed")
	listed := make(map[missions.LeaseRef]bool, len(h.Running))
	for _, ref := range h.Running {
		listed[ref] = true
	}
	known := make(map[string]bool, len(h.Running))
	for _, l := range e.heldBy(h.AgentID) {
		switch {
		case listed[missions.LeaseRef{MissionID: l.MissionID, Lease: l.Token}]:
			known[l.MissionID] = true
			e.renew(l, h)
		case h.Receiving:
			e.renew(l, h)
		default:
			e.missed(l, &result)
		}
	}
	for _, ref := range h.Running {
		if !known[ref.MissionID] {
			known[ref.MissionID] = true
			e.notHeld(ref, h.AgentID, &result)
		}
	}
	for i := range h.Seen {
		e.seen(h.AgentID, h.Seen[i].MissionID, h.Seen[i].Seq)
	}
	for _, l := range e.held[h.AgentID] {
		if l.Signal != 0 && known[l.MissionID] {
			result.Signals = append(result.Signals, missions.SignalRef{MissionID: l.MissionID, Seq: l.Signal})
		}
	}
	result.Ready = e.takeAnnounced(nil)
	slices.SortFunc(result.Signals, func(a, b missions.SignalRef) int { return cmp.Compare(a.MissionID, b.MissionID) })
	return result
}

func (e *Engine) renew(l *Lease, h *missions.Heartbeat) {
	renewed := *l
	renewed.ExpiresAt, renewed.Missed = e.now.Add(h.Lease), 0
	e.hold(renewed)
}

// missed notes that a heartbeat did not list a lease, and ends the lease when that happens
// for the second time in a row.
func (e *Engine) missed(l *Lease, result *missions.HeartbeatResult) {
	if l.Missed < missedBeats {
		again := *l
		again.Missed++
		e.hold(again)
		return
	}
	r := e.heldRecord(l)
	if r == nil {
		return
	}
	e.attemptLost(r, fmt.Sprintf("agent %s no longer reports its lease: the reply to the claim was lost, the agent restarted, or two agents use this ID", l.AgentID))
	if r.Status == missions.Pending {
		result.GivenUp = append(result.GivenUp, r.Type)
	}
}

// notHeld sorts a listed mission whose lease is not the agent's.
func (e *Engine) notHeld(ref missions.LeaseRef, agentID string, result *missions.HeartbeatResult) {
	r := e.records.get(ref.MissionID)
	stopped := r != nil && r.Flow != nil && r.Flow.Stopped == ref.Lease && ref.Lease != 0
	if stopped || r != nil && r.Status == missions.Cancelled && string(r.AgentID) == agentID && r.Token == ref.Lease {
		result.Cancel = append(result.Cancel, ref.MissionID)
	} else {
		result.Lost = append(result.Lost, ref.MissionID)
	}
}

// Progress stores a mission's progress. See [missions.Leases]. It needs the mission's record.
func (e *Engine) Progress(p *missions.ProgressUpdate) missions.ProgressResult {
	r, err := e.holder(p.AgentID, p.LeaseRef)
	if err != nil {
		result := missions.ProgressResult{Err: err}
		if r != nil {
			result.CorrelationID, result.Traceparent = r.CorrelationID, r.Traceparent
		}
		return result
	}
	if err := r.checkReport(&p.Report); err != nil {
		return missions.ProgressResult{Err: err}
	}
	if !p.Unchanged {
		progress := p.Progress
		r.Mission.Progress = &progress
	}
	r.UpdatedAt = e.now
	e.showsProgress(r)
	result := missions.ProgressResult{CorrelationID: r.CorrelationID, Traceparent: r.Traceparent}
	if exceeded := e.report(r, &p.Report); exceeded != "" {
		e.exceeded(r, exceeded, nil)
		result.Stopped = true
	}
	return result
}

// showsProgress postpones the time at which a mission counts as stalled.
func (e *Engine) showsProgress(r *Record) {
	if r.Stall() > 0 {
		l := *e.leases[r.Seq]
		l.StallsAt = e.now.Add(r.Stall())
		e.hold(l)
	}
}

// AppendLog appends to a mission's log. See [missions.Leases]. It needs the mission's record.
func (e *Engine) AppendLog(l *missions.LogAppend) error {
	r, err := e.holder(l.AgentID, l.LeaseRef)
	if err != nil {
		return err
	}
	if r.Entries >= missions.MaxLogEntries {
		return missions.TooLarge("message", "cannot be added: the mission's log is full, with %d entries", r.Entries)
	}
	entry := missions.LogEntry{Timestamp: e.now, Level: l.Level, Message: l.Message, By: missions.ByAgent}
	if len(l.Data) > 0 {
		entry.Data = slices.Clone(l.Data)
	}
	e.log(r, entry)
	e.showsProgress(r)
	e.emit(missions.Event{Kind: missions.EventLogAppended, MissionID: r.ID,
		CorrelationID: r.CorrelationID, Traceparent: r.Traceparent, Level: l.Level, Message: l.Message})
	return nil
}
