package engine

import (
	"bytes"
	"fmt"
	"time"

	"missioncontrol/missions"
)

// Finish ends an attempt. See [missions.Leases]. It needs the mission's record.
func (e *Engine) Finish(f *missions.Finish) missions.Result {
	r, err := e.holder(f.AgentID, f.LeaseRef)
	switch {
	case r == nil:
		return missions.Result{Err: err}
	case err != nil && repeated(r, f):
		return missions.Result{Mission: e.output(r)}
	case err != nil:
		return missions.Result{Mission: e.output(r), Err: err}
	}
	if err := e.checkFinish(r, f); err != nil {
		return missions.Result{Mission: e.output(r), Err: err}
	}
	exceeded := e.report(r, &f.Report)
	e.block(f.Limit, f.RetryAfter)
	if f.Park != nil && f.Park.PreferAgent != "" {
		flowOf(r).Preference = f.Park.Preference
	}
	switch {
	case f.Outcome == missions.OutcomeComplete: // what was used is used, and the result is there
		e.completed(r, f)
	case exceeded != "" && (f.Outcome == missions.OutcomeRelease || f.Retryable): // another failure is final anyway
		e.exceeded(r, exceeded, f.Park)
		if f.Outcome == missions.OutcomeFail {
			if r.Report = (Report{f.AgentID, f.Lease}); r.Status == missions.Pending {
				r.Error = missions.Text(f.Why())
			}
		}
	case f.Outcome == missions.OutcomeFail:
		e.fail(r, f)
	case f.Park != nil && (len(f.Park.After) > 0 || f.Park.TimeoutSeconds > 0):
		uncount(r)
		e.park(r, fmt.Sprintf("parked by agent %s", f.AgentID), f.Park.After, f.Park.TimeoutSeconds)
	default:
		uncount(r)
		e.giveBack(r, fmt.Sprintf("released by agent %s", f.AgentID), e.now)
	}
	return missions.Result{Mission: e.output(r), Changed: true}
}

// NeedFinish adds what the end of an attempt needs.
func (e *Engine) NeedFinish(n *Need, f *missions.Finish) {
	e.NeedMissions(n, f.MissionID)
	if f.Park != nil {
		if r := e.needRecord(n, f.MissionID); r != nil {
			e.needLanes(n, r.Type, r.key(), r.limits(), r.requires(), &f.Park.Preference)
		}
		e.needConditions(n, f.Park.After)
		for i := range f.Park.After {
			if source := f.Park.After[i].Mission; source != "" {
				e.needAhead(n, source, map[string]bool{})
			}
		}
	}
}

// Holds returns an error unless an agent holds a lease. It needs the mission's record.
func (e *Engine) Holds(agentID string, ref missions.LeaseRef) error {
	_, err := e.holder(agentID, ref)
	return err
}

// checkFinish returns why the end of an attempt is refused.
func (e *Engine) checkFinish(r *Record, f *missions.Finish) error {
	switch f.Outcome {
	case missions.OutcomeComplete, missions.OutcomeFail, missions.OutcomeRelease:
	default:
		return missions.Invalid("outcome", "is none of complete, fail, release")
	}
	if err := e.checkBlock(r, f.Limit); err != nil {
		return err
	}
	if err := r.checkReport(&f.Report); err != nil || f.Park == nil {
		return err
	}
	if r.turn() >= missions.MaxTurns {
		return missions.TooLarge("after", "cannot be waited for: the mission has had %d turns", missions.MaxTurns)
	}
	batch := ""
	if r.Flow != nil {
		batch = r.Flow.Batch
	}
	return e.checkConditions(r.ID, batch, f.Park.After)
}

// repeated reports whether f is the report again that ended the mission's latest attempt.
func repeated(r *Record, f *missions.Finish) bool {
	if r.Report != (Report{AgentID: f.AgentID, Token: f.Lease}) {
		return false
	}
	switch f.Outcome {
	case missions.OutcomeComplete:
		return r.Status == missions.Completed && bytes.Equal(r.Result, f.Result)
	case missions.OutcomeFail:
		stopped := r.Status == missions.Failed && r.Flow != nil && r.Flow.Stopped == f.Lease // and says so in place of why
		return r.Status != missions.Completed && (stopped || string(r.Error) == f.Why())
	}
	return false
}

func (e *Engine) completed(r *Record, f *missions.Finish) {
	e.tookRun(r.Type, e.now.Sub(r.StartedAt))
	if r.Result, r.Error = nil, ""; len(f.Result) > 0 {
		r.Result = f.Result
	}
	r.Report = Report{f.AgentID, f.Lease}
	e.endHeld(r, missions.Complete, fmt.Sprintf("completed by agent %s", f.AgentID))
}

func (e *Engine) fail(r *Record, f *missions.Finish) {
	r.Error, r.Report = missions.Text(f.Why()), Report{f.AgentID, f.Lease}
	reason := fmt.Sprintf("failed on agent %s: %s", f.AgentID, missions.FirstLine(f.Why()))
	if !f.Retryable {
		e.endHeld(r, missions.GiveUp, reason+" (not retryable)")
		return
	}
	wait := e.backOff(r)
	if f.RetryAfter != nil {
		wait = missions.Seconds(*f.RetryAfter)
	}
	e.attemptFailed(r, reason, wait)
}

// attemptLost takes a RUNNING mission back from an agent that is gone, silent or no longer
// reports it. The attempt counts: nobody knows how far it got.
func (e *Engine) attemptLost(r *Record, reason string) {
	r.Error, r.Report = missions.Text(reason), Report{}
	e.attemptFailed(r, reason, 0)
}

// attemptTimedOut ends an attempt that ran, or made no progress, for too long. It backs off
// like a failure.
func (e *Engine) attemptTimedOut(r *Record, reason string) {
	r.Error, r.Report = missions.Text(reason), Report{}
	e.attemptFailed(r, reason, e.backOff(r))
}

// attemptFailed returns a RUNNING mission to its queue after a wait, or fails it if the
// attempt was its last.
func (e *Engine) attemptFailed(r *Record, reason string, wait time.Duration) {
	if r.Attempt >= r.MaxAttempts {
		e.endHeld(r, missions.GiveUp, fmt.Sprintf("%s; attempt %d of %d was the last", reason, r.Attempt, r.MaxAttempts))
		return
	}
	e.giveBack(r, reason, e.now.Add(wait))
}

func (e *Engine) backOff(r *Record) time.Duration {
	policy := e.cfg.Retry
	if r.Flow != nil {
		policy = policy.With(r.Flow.Retry)
	}
	return policy.Delay(r.Attempt, e.chance.Float64())
}

// giveBack returns a RUNNING mission to its queue, claimable from a time on.
func (e *Engine) giveBack(r *Record, reason string, from missions.Time) {
	e.mustMove(r, missions.GiveBack, reason)
	e.release(r.Seq)
	r.AgentID, r.StartedAt, r.Progress = "", 0, nil
	e.enqueue(r, from)
}

// endHeld brings a RUNNING mission to a terminal status.
func (e *Engine) endHeld(r *Record, trigger missions.Trigger, reason string) {
	e.mustMove(r, trigger, reason)
	e.release(r.Seq)
	r.FinishedAt, r.NextAttemptAt = e.now, 0
}

// mustMove moves a mission whose status allows it.
func (e *Engine) mustMove(r *Record, trigger missions.Trigger, reason string) {
	if err := e.move(r, trigger, reason); err != nil {
		panic(err)
	}
}
