package sqlitestore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Finish implements [missions.Leases].
func (s *Store) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	return eachItem(ctx, s, laneFinish, batch, func(t *tx, f *missions.Finish) (missions.Result, error) {
		r, changed, err := t.finish(f)
		return missions.Result{Mission: r.Mission, Err: err, Changed: changed}, err
	})
}

func (t *tx) finish(f *missions.Finish) (row, bool, error) {
	r, err := t.holder(f.AgentID, f.LeaseRef)
	if errors.Is(err, missions.ErrLeaseLost) {
		repeated, fault := t.repeated(&r, f)
		if repeated {
			err = nil
		}
		return r, false, cmp.Or(fault, err)
	}
	if err != nil {
		return r, false, err
	}
	switch f.Outcome {
	case missions.OutcomeComplete:
		err = t.complete(&r, f)
	case missions.OutcomeFail:
		err = t.fail(&r, f)
	case missions.OutcomeRelease:
		r.Attempt--
		err = t.giveBack(&r, fmt.Sprintf("released by agent %s", f.AgentID), t.now)
	default:
		err = missions.Invalid("outcome", "is none of complete, fail, release")
	}
	return r, true, err
}

// repeated reports whether f says again what the mission's latest outcome says,
// on behalf of the holder that it was accepted from.
func (t *tx) repeated(r *row, f *missions.Finish) (same bool, err error) {
	err = t.query("SELECT result, error FROM outcomes WHERE seq = ? AND lease = ? AND agent_id = ?",
		func(s *sqlite3.Stmt) (bool, error) {
			switch f.Outcome {
			case missions.OutcomeComplete:
				same = r.Status == missions.Completed && bytes.Equal(s.ColumnRawBlob(0), f.Result)
			case missions.OutcomeFail:
				same = r.Status != missions.Completed && s.ColumnText(1) == f.Why()
			}
			return false, nil
		}, r.seq, f.Lease, f.AgentID)
	return same, err
}

func (t *tx) complete(r *row, f *missions.Finish) error {
	t.duration(r.Type, histogramRun, int64(t.now-r.StartedAt))
	if r.Result, r.Error = nil, ""; len(f.Result) > 0 {
		r.Result = f.Result
	}
	if err := t.saveOutcome(r, f.AgentID); err != nil {
		return err
	}
	return t.end(r, missions.Complete, fmt.Sprintf("completed by agent %s", f.AgentID))
}

func (t *tx) fail(r *row, f *missions.Finish) error {
	r.Error = missions.Text(f.Why())
	if err := t.saveOutcome(r, f.AgentID); err != nil {
		return err
	}
	reason := fmt.Sprintf("failed on agent %s: %s", f.AgentID, missions.FirstLine(f.Why()))
	if !f.Retryable {
		return t.end(r, missions.GiveUp, reason+" (not retryable)")
	}
	return t.attemptFailed(r, reason, t.backOff(r))
}

// attemptLost takes a RUNNING mission back from an agent that is gone, silent or
// no longer knows of it. The attempt counts: nobody knows how far it came.
func (t *tx) attemptLost(r *row, reason string) error {
	r.Error = missions.Text(reason)
	if err := t.saveOutcome(r, ""); err != nil {
		return err
	}
	return t.attemptFailed(r, reason, 0)
}

// attemptTimedOut ends an attempt that ran, or stood still, for too long. Like a
// failure it backs off.
func (t *tx) attemptTimedOut(r *row, reason string) error {
	r.Error = missions.Text(reason)
	if err := t.saveOutcome(r, ""); err != nil {
		return err
	}
	return t.attemptFailed(r, reason, t.backOff(r))
}

// attemptFailed puts a RUNNING mission back into the queue after a wait, or fails
// it when the attempt was its last.
func (t *tx) attemptFailed(r *row, reason string, wait time.Duration) error {
	if r.Attempt >= r.MaxAttempts {
		return t.end(r, missions.GiveUp, fmt.Sprintf("%s; attempt %d of %d was the last", reason, r.Attempt, r.MaxAttempts))
	}
	return t.giveBack(r, reason, t.now.Add(wait))
}

func (t *tx) backOff(r *row) time.Duration { return t.cfg.Retry.Delay(r.Attempt, t.cfg.Chance()) }

// giveBack puts a RUNNING mission back into the queue, claimable from a time on.
func (t *tx) giveBack(r *row, reason string, from missions.Time) error {
	if err := t.move(r, missions.GiveBack, reason); err != nil {
		return err
	}
	if err := t.dropLease(r); err != nil {
		return err
	}
	r.AgentID, r.StartedAt, r.Progress = "", 0, nil
	r.queue(t.now, from)
	if !r.ready {
		r.NextAttemptAt = r.readyAt
	}
	return t.save(r)
}
