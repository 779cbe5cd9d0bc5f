package engine

import "missioncontrol/missions"

// Cancel cancels a mission. See [missions.Missions]. It needs the mission's record, as do
// Retry and Delete.
func (e *Engine) Cancel(c *missions.CancelRequest) missions.Result {
	return e.change(c.ID, func(r *Record) error { return e.end(r, missions.Cancel, c.Why()) })
}

// Retry returns a mission to its queue. See [missions.Missions].
func (e *Engine) Retry(q *missions.RetryRequest) missions.Result {
	id := q.ID
	return e.change(id, func(r *Record) error {
		if _, err := r.Status.Next(missions.Retry); err != nil {
			return err
		}
		if r.Deadline != 0 && r.Deadline <= e.now {
			return missions.Conflict("the deadline of mission %q has passed", id)
		}
		r.Attempt, r.AgentID, r.StartedAt, r.FinishedAt = 0, "", 0, 0
		r.Progress, r.Result, r.Error, r.Report = nil, nil, "", Report{}
		e.enqueue(r, max(e.now, r.NotBefore))
		return e.move(r, missions.Retry, "retried by an operator")
	})
}

// Delete deletes a mission. See [missions.Missions].
func (e *Engine) Delete(id string) missions.Result {
	result := e.change(id, func(r *Record) error {
		switch r.Status {
		case missions.Running:
			return missions.Conflict("mission %q is RUNNING; cancel it first", id)
		case missions.Pending:
			return e.end(r, missions.Cancel, "deleted")
		}
		return nil
	})
	if result.Err == nil {
		e.remove(id)
	}
	return result
}

func (e *Engine) remove(id string) {
	r := e.records.get(id)
	e.moveCount(r.Type, r.Status, "")
	e.records.remove(id)
}

// change applies a change to a mission. The change does nothing if it returns an error.
func (e *Engine) change(id string, change func(*Record) error) missions.Result {
	if _, err := e.record(id); err != nil {
		return missions.Result{Err: err}
	}
	r := e.records.edit(id)
	err := change(r)
	return missions.Result{Mission: e.output(r), Err: err, Changed: err == nil}
}

// end brings a mission to a terminal status, whether it is held or not.
func (e *Engine) end(r *Record, trigger missions.Trigger, reason string) error {
	if _, err := r.Status.Next(trigger); err != nil {
		return err
	}
	if r.Status == missions.Running {
		e.endHeld(r, trigger, reason)
		return nil
	}
	e.unqueue(r)
	e.mustMove(r, trigger, reason)
	r.FinishedAt, r.NextAttemptAt = e.now, 0
	return nil
}
