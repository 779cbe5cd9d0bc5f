package engine

import "missioncontrol/missions"

// Cancel cancels a mission. See [missions.Missions]. It needs the mission's record, as do
// Retry and Delete.
func (e *Engine) Cancel(c *missions.CancelRequest) missions.Result {
	return e.change(c.ID, func(r *Record) error { return e.end(r, missions.Cancel, c.Why()) })
}

// NeedRetry adds what a retry needs.
func (e *Engine) NeedRetry(n *Need, q *missions.RetryRequest) {
	e.NeedMissions(n, q.ID)
	r := e.needRecord(n, q.ID)
	if r == nil || r.Flow == nil {
		return
	}
	e.needConditions(n, r.Flow.Conditions)
	if u := r.Flow.Unique; u != nil {
		if k, _ := e.docs.byKey[docUnique+u.Key].(*uniqueKey); k != nil {
			e.needRecord(n, k.holder)
		}
	}
	if r.Flow.ParentID != "" {
		e.needRecord(n, r.Flow.ParentID)
		e.needDocs(n, docCount+r.Flow.ParentID)
	}
}

// Retry returns a mission to its queue. See [missions.Missions].
func (e *Engine) Retry(q *missions.RetryRequest) missions.Result {
	return e.retry(q, "retried by an operator", true)
}

// retry returns a mission to its queue. With override, conditions that can no longer be met do not
// hold it up.
func (e *Engine) retry(q *missions.RetryRequest, reason string, override bool) missions.Result {
	return e.change(q.ID, func(r *Record) error {
		if _, err := r.Status.Next(missions.Retry); err != nil {
			return err
		}
		if r.Deadline != 0 && r.Deadline <= e.now {
			return missions.Conflict("the deadline of mission %q has passed", q.ID)
		}
		if err := e.retryUnreachable(q.ID); err != nil {
			return err
		}
		if err := e.checkRetryKey(r); err != nil {
			return err
		}
		if r.Attempt > 0 {
			flowOf(r).ExtraTurns += r.Attempt
		}
		r.Attempt, r.AgentID, r.StartedAt, r.FinishedAt = 0, "", 0, 0
		r.Progress, r.Result, r.Error, r.Report = nil, nil, "", Report{}
		e.mustMove(r, missions.Retry, reason)
		unmet := -1
		if r.Flow != nil || q.Dependents { // those that it had cancelled may have come after its end
			flowOf(r)
			unmet = e.retryFlow(r, q, override)
		}
		e.enqueue(r, max(e.now, r.NotBefore))
		if unmet >= 0 && !r.Flow.Parked && r.Flow.OnUnmet != missions.UnmetRun {
			why, source := r.Flow.unmetReason(unmet)
			e.cannotGoOn(r, why, source, e.marks.Outbox)
		}
		return nil
	})
}

// retryUnreachable returns why a mission cannot be retried at present: something that it waits for, or its parent,
// cannot be reached.
func (e *Engine) retryUnreachable(id string) error {
	r := e.records.get(id)
	if r == nil || r.Flow == nil {
		return nil
	}
	for i := range r.Flow.Conditions {
		if err := e.records.unreachable[r.Flow.Conditions[i].Mission]; err != nil {
			return err
		}
	}
	return e.records.unreachable[r.Flow.ParentID]
}

// isGone reports whether the mission or batch of a condition does not exist any more.
func (e *Engine) isGone(c *missions.Condition) bool {
	switch c.Kind() {
	case missions.WaitMission:
		return e.records.get(c.Mission) == nil
	case missions.WaitBatch:
		return e.batch(c.Batch) == nil
	case missions.WaitSignal, missions.WaitTime:
	}
	return false
}

// retryFlow has a mission wait again for what has not been met. It returns the place of a condition
// that can no longer be met, or -1.
func (e *Engine) retryFlow(r *Record, q *missions.RetryRequest, override bool) (unmet int) {
	f := r.Flow
	if f.Unique != nil {
		e.takeKeyAgain(r)
	}
	e.forgiven(r)
	e.forgetSignals(r)
	f.Stopped, f.TimedOut = 0, false
	if q.Fresh {
		f.Checkpoint = nil
	}
	if q.Dependents {
		e.wake(&wake{source: missionSource(r.ID), upTo: e.marks.Outbox, again: true})
	}
	if p := e.records.get(f.ParentID); p != nil && !p.Status.Terminal() {
		e.enterParent(r)
	}
	unmet = -1
	for i := range f.Conditions {
		c := &f.Conditions[i]
		switch gone := e.isGone(c); {
		case f.Outcomes[i] != open && f.Outcomes[i].meets(c):
			continue
		case !gone:
			f.setOutcome(i, open)
			continue
		case f.Outcomes[i] == open: // it has ended since, somehow
			e.setOutcome(r, i, outcomeOf(missions.Cancelled), nil)
		}
		if !override && unmet < 0 && !f.Outcomes[i].meets(c) {
			unmet = i
		}
	}
	if unmet >= 0 || f.unmet() == 0 {
		return unmet
	}
	return e.resolve(r, override)
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
	if r.Flow != nil {
		r = e.records.edit(id)
		e.forgiven(r)
		if r.Flow.Batch != "" {
			e.countInBatch(r.Flow.Batch, r.Status, "")
		}
	}
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
