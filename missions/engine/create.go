package engine

import "missioncontrol/missions"

// Create creates a mission. See [missions.Missions]. It needs the mission's record.
func (e *Engine) Create(m *missions.Mission) missions.CreateResult {
	if old := e.records.get(m.ID); old != nil {
		if !old.SameContent(m) {
			return missions.CreateResult{Mission: e.output(old), Err: missions.Conflict("mission %q exists with different content", m.ID)}
		}
		return missions.CreateResult{Mission: e.output(old)}
	}
	if err := e.records.unreachable[m.ID]; err != nil {
		return missions.CreateResult{Err: err}
	}
	if e.marks.Waiting() >= e.cfg.OutboxLimit {
		return missions.CreateResult{Err: &missions.Error{Code: missions.CodeOverloaded,
			Message: "too many events are waiting for the event stream; try again when it has caught up"}}
	}
	r := e.newRecord(m)
	e.records.add(r)
	e.batchBytes += r.SizeEstimate()
	e.totals(r.Type)
	e.queue(r.Type) // while it is known that a type without missions has an empty queue
	e.moveCount(r.Type, "", missions.Pending)
	e.happened(r.Type, missions.HappenedCreated)
	e.enqueue(r, max(e.now, r.NotBefore))
	e.log(r, missions.CreatedEntry(r.CreatedAt))
	e.emit(missions.Event{
		Kind: missions.EventCreated, At: r.CreatedAt, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		Name: r.Name, Description: r.Description, Type: r.Type, Priority: r.Priority,
	})
	return missions.CreateResult{Mission: e.output(r), Created: true}
}

// newRecord takes what the creator sets, and nothing else of m.
func (e *Engine) newRecord(m *missions.Mission) *Record {
	r := &Record{Seq: e.nextSeq(), Mission: missions.Mission{
		ID: m.ID, Name: m.Name, Description: m.Description, Type: m.Type, Data: m.Data, Priority: m.Priority,
		Status: missions.Pending, Tags: m.Tags, MaxAttempts: m.MaxAttempts,
		TimeoutSeconds: m.Timeout().Seconds(), StallSeconds: m.Stall().Seconds(),
		NotBefore: m.NotBefore, Deadline: m.Deadline, CorrelationID: m.CorrelationID, Traceparent: m.Traceparent,
	}}
	r.Mission = r.Output() // the caller's slices stay the caller's
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
