package engine

import (
	"slices"

	"missioncontrol/missions"
)

// Create creates a mission. See [missions.Missions]. It needs the mission's record.
func (e *Engine) Create(m *missions.Mission) missions.CreateResult {
	if old := e.records.get(m.ID); old != nil {
		if !old.SameContent(m) || old.digest() != digest(m.Flow) {
			return missions.CreateResult{Mission: e.output(old), Err: missions.Conflict("mission %q exists with different content", m.ID)}
		}
		if m.Flow != nil && m.Flow.CloseBatch {
			e.CloseBatch(&m.Batch)
		}
		return missions.CreateResult{Mission: e.output(old)}
	}
	if err := e.records.unreachable[m.ID]; err != nil {
		return missions.CreateResult{Err: err}
	}
	if m.Flow != nil && m.Unique != nil {
		if answer := e.conflict(m); answer != nil {
			return *answer
		}
	}
	if e.outboxFull() {
		return missions.CreateResult{Err: &missions.Error{Code: missions.CodeOverloaded,
			Message: "too many events are waiting for the event stream; try again when it has caught up"}}
	}
	if m.Flow != nil {
		if err := e.checkFlow(m); err != nil {
			return missions.CreateResult{Err: err}
		}
	}
	var replaced []missions.Stopped
	if m.Flow != nil && m.Unique != nil {
		replaced = e.makeWay(m)
	}
	r := e.newRecord(m)
	e.records.add(r)
	e.batchBytes += r.SizeEstimate()
	e.totals(r.Type)
	e.queue(r.Type) // while it is known that a type without missions has an empty queue
	e.moveCount(r.Type, "", missions.Pending)
	e.happened(r.Type, missions.HappenedCreated)
	e.log(r, missions.CreatedEntry(r.CreatedAt))
	e.emit(missions.Event{
		Kind: missions.EventCreated, At: r.CreatedAt, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		Name: r.Name, Description: r.Description, Type: r.Type, Priority: r.Priority,
	})
	unmet := -1
	if m.Flow != nil {
		unmet = e.beginFlow(r, m.Flow)
	}
	e.enqueue(r, max(e.now, r.NotBefore))
	if unmet >= 0 && r.Flow.OnUnmet != missions.UnmetRun {
		reason, source := r.Flow.unmetReason(unmet)
		e.cannotGoOn(r, reason, source, e.marks.Outbox)
	}
	if m.Flow != nil && m.Flow.CloseBatch {
		e.CloseBatch(&r.Flow.Batch)
	}
	return missions.CreateResult{Mission: e.output(r), Created: true, Replaced: replaced}
}

// outboxFull reports whether so many events wait that no missions are created.
func (e *Engine) outboxFull() bool { return e.marks.Waiting() >= e.cfg.OutboxLimit }

// NeedCreate adds what creating a mission needs.
func (e *Engine) NeedCreate(n *Need, m *missions.Mission) {
	e.NeedMissions(n, m.ID)
	f := m.Flow
	if f == nil {
		return
	}
	e.needConditions(n, f.After)
	if f.ParentID != "" {
		e.needRecord(n, f.ParentID)
		e.needDocs(n, docCount+f.ParentID)
	}
	if f.Batch != "" {
		e.needDocs(n, docBatch+f.Batch)
	}
	e.needLanes(n, m.Type, f.Key, f.Limits, f.Requires, &f.Preference)
	if f.Unique != nil {
		e.needUnique(n, f.Unique.Key)
	}
}

// checkFlow returns why a mission cannot be created.
func (e *Engine) checkFlow(m *missions.Mission) error {
	if id := m.ParentID; id != "" {
		if err := e.checkSource("parent_id", id); err != nil {
			return err
		}
		if p := e.records.get(id); p.Status.Terminal() {
			return missions.Conflict("the parent %q is %s", id, p.Status)
		}
	}
	if m.Batch != "" {
		if b := e.batch(m.Batch); b != nil && !b.open {
			return missions.Conflict("batch %q is closed", m.Batch)
		}
	}
	if k := kindOf(m.Type, m.Flow); k != nil {
		if err := e.checkLane(k); err != nil {
			return err
		}
		if err := e.checkQuota(k, m.Key); err != nil {
			return err
		}
	}
	return e.checkConditions("", m.Batch, m.After)
}

// beginFlow has a new mission wait for its conditions, and enters it where it belongs. It returns
// the place of a condition that can no longer be met, or -1.
func (e *Engine) beginFlow(r *Record, given *missions.Flow) (unmet int) {
	if r.Flow.Batch != "" {
		e.makeBatch(r.Flow.Batch)
		e.countInBatch(r.Flow.Batch, "", missions.Pending)
	}
	e.enterParent(r)
	e.laneMoved(r, "", missions.Pending)
	after, behind := given.After, ""
	if given.Unique != nil {
		if behind = e.takeKey(r); behind != "" {
			after = append(slices.Clone(after), missions.Condition{Mission: behind, When: missions.WhenEnded})
		}
	}
	if len(after) == 0 {
		return -1
	}
	unmet = e.wait(r, after, given.AfterTimeoutSeconds, false)
	if unmet >= 0 && behind != "" && r.Flow.OnUnmet == missions.UnmetRun {
		e.waitBehind(r)
		return -1
	}
	return unmet
}

// enterParent enters a mission into the set of its parent, which cancels it when it ends itself.
func (e *Engine) enterParent(r *Record) {
	f := r.Flow
	if f.ParentID == "" || f.Detached {
		return
	}
	f.ChildAt = e.marks.Outbox // the position of the event before
	e.enter(f.ParentID, registered(f.ChildAt, child, r.ID))
}

// newRecord takes what the creator sets, and nothing else of m.
func (e *Engine) newRecord(m *missions.Mission) *Record {
	r := &Record{Seq: e.nextSeq(), Mission: missions.Mission{
		ID: m.ID, Name: m.Name, Description: m.Description, Type: m.Type, Data: m.Data, Priority: m.Priority,
		Status: missions.Pending, Tags: m.Tags, MaxAttempts: m.MaxAttempts,
		TimeoutSeconds: m.Timeout().Seconds(), StallSeconds: m.Stall().Seconds(),
		NotBefore: m.NotBefore, Deadline: m.Deadline, CorrelationID: m.CorrelationID, Traceparent: m.Traceparent,
	}}
	r.Mission, r.Flow = r.Copied(), newFlow(m) // the caller's slices stay the caller's
	r.CreatedAt, r.UpdatedAt = missions.Time(r.Seq), missions.Time(r.Seq)
	return r
}

// output returns a mission as callers see it: a copy that is their own.
func (e *Engine) output(r *Record) missions.Mission {
	m := r.Output()
	m.LeaseExpiresAt = 0
	if l := e.leases[r.Seq]; l != nil {
		m.LeaseExpiresAt = l.ExpiresAt
	}
	return m
}
