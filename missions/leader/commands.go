package leader

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// commands are the methods of [missions.Store] that change something.
type commands struct {
	by    performer
	reads reads // completes claimed missions
}

// Create implements [missions.Missions].
func (c commands) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	return perform(ctx, c.by, opCreate, batch)
}

// CreateAndClaim implements [missions.Missions].
func (c commands) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	[]missions.CreateResult, []missions.ClaimResult, error) {
	r, err := perform(ctx, c.by, opCreateAndClaim, createAndClaim{batch, claims})
	c.reads.complete(ctx, claims, r.claimed)
	return r.created, r.claimed, err
}

// Cancel implements [missions.Missions].
func (c commands) Cancel(ctx context.Context, batch []missions.CancelRequest) ([]missions.Result, error) {
	return perform(ctx, c.by, opCancel, batch)
}

// Retry implements [missions.Missions].
func (c commands) Retry(ctx context.Context, batch []missions.RetryRequest) ([]missions.Result, error) {
	return perform(ctx, c.by, opRetry, batch)
}

// Signal implements [missions.Missions].
func (c commands) Signal(ctx context.Context, batch []missions.SignalRequest) ([]missions.SignalResult, error) {
	return perform(ctx, c.by, opSignal, batch)
}

// CloseBatches implements [missions.Missions].
func (c commands) CloseBatches(ctx context.Context, ids []string) ([]missions.BatchResult, error) {
	return perform(ctx, c.by, opCloseBatches, ids)
}

// SetSchedule implements [missions.Schedules].
func (c commands) SetSchedule(ctx context.Context, request missions.ScheduleRequest) (missions.ScheduleResult, error) {
	r, err := perform(ctx, c.by, opSetSchedule, request)
	return r, firstOf(err, r.Err)
}

// DeleteSchedule implements [missions.Schedules].
func (c commands) DeleteSchedule(ctx context.Context, request missions.DeleteScheduleRequest) (missions.ScheduleResult, error) {
	r, err := perform(ctx, c.by, opDeleteSchedule, request)
	return r, firstOf(err, r.Err)
}

// TriggerSchedule implements [missions.Schedules].
func (c commands) TriggerSchedule(ctx context.Context, id string) (missions.CreateResult, error) {
	r, err := perform(ctx, c.by, opTrigger, id)
	return r, firstOf(err, r.Err)
}

// Backfill implements [missions.Schedules].
func (c commands) Backfill(ctx context.Context, request missions.BackfillRequest) (missions.Backfilled, error) {
	r, err := perform(ctx, c.by, opBackfill, request)
	return r, firstOf(err, r.Err)
}

// SetLimit implements [missions.Limits].
func (c commands) SetLimit(ctx context.Context, request missions.LimitRequest) (missions.LimitResult, error) {
	r, err := perform(ctx, c.by, opSetLimit, request)
	return r, firstOf(err, r.Err)
}

// DeleteLimit implements [missions.Limits].
func (c commands) DeleteLimit(ctx context.Context, request missions.DeleteLimitRequest) (missions.LimitResult, error) {
	r, err := perform(ctx, c.by, opDeleteLimit, request)
	return r, firstOf(err, r.Err)
}

// Limit implements [missions.Limits].
func (c commands) Limit(ctx context.Context, name string) (missions.LimitStatus, error) {
	r, err := perform(ctx, c.by, opLimit, name)
	return r.Limit, firstOf(err, r.Err)
}

// Limits implements [missions.Limits].
func (c commands) Limits(ctx context.Context, request missions.LimitsRequest) (missions.LimitPage, error) {
	return perform(ctx, c.by, opLimits, request)
}

// Held implements [missions.Limits].
func (c commands) Held(ctx context.Context) ([]missions.Hold, error) {
	return perform(ctx, c.by, opHeld, nothing{})
}

// CreateChildren implements [missions.Leases].
func (c commands) CreateChildren(ctx context.Context, agentID string, parent missions.LeaseRef, batch []missions.Mission) ([]missions.CreateResult, error) {
	of := make([]missions.Mission, len(batch))
	for i := range batch {
		of[i] = batch[i].ChildOf(parent.MissionID)
	}
	r, err := perform(ctx, c.by, opCreateChildren, children{agentID, parent, of})
	return r.value, firstOf(err, r.err)
}

// Delete implements [missions.Missions].
func (c commands) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	return perform(ctx, c.by, opDelete, ids)
}

// Bulk implements [missions.Missions].
func (c commands) Bulk(ctx context.Context, request missions.BulkRequest) ([]missions.BulkResult, error) {
	return perform(ctx, c.by, opBulk, request)
}

// Claim implements [missions.Leases].
func (c commands) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	results, err := perform(ctx, c.by, opClaim, batch)
	c.reads.complete(ctx, batch, results)
	return results, err
}

// Heartbeat implements [missions.Leases].
func (c commands) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	return perform(ctx, c.by, opHeartbeat, batch)
}

// Progress implements [missions.Leases].
func (c commands) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	return perform(ctx, c.by, opProgress, batch)
}

// AppendLog implements [missions.Leases].
func (c commands) AppendLog(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	return perform(ctx, c.by, opAppend, batch)
}

// Finish implements [missions.Leases].
func (c commands) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	return perform(ctx, c.by, opFinish, batch)
}

// Register implements [missions.Agents].
func (c commands) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (missions.Agent, error) {
	return perform(ctx, c.by, opRegister, registration{agent, silence})
}

// Leave implements [missions.Agents].
func (c commands) Leave(ctx context.Context, id, reason string) (missions.LeaveResult, error) {
	r, err := perform(ctx, c.by, opLeave, departure{id: id, reason: reason})
	return r.value, firstOf(err, r.err)
}

// Lost implements [missions.Agents].
func (c commands) Lost(ctx context.Context, id, reason string, since missions.Time) (missions.LostResult, error) {
	r, err := perform(ctx, c.by, opLost, departure{id, reason, since})
	return r.value, firstOf(err, r.err)
}

// ChangeAlerts implements [missions.Alerts].
func (c commands) ChangeAlerts(ctx context.Context, batch []missions.AlertChange) ([]error, error) {
	return perform(ctx, c.by, opChangeAlerts, batch)
}

// Noticed implements [missions.Alerts].
func (c commands) Noticed(ctx context.Context, position int64) error {
	_, err := perform(ctx, c.by, opNoticed, position)
	return err
}

// Due implements [missions.Store].
func (c commands) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	return perform(ctx, c.by, opDue, limit)
}

// Sample implements [missions.Statistics].
func (c commands) Sample(ctx context.Context) (missions.Time, error) {
	return perform(ctx, c.by, opSample, nothing{})
}

// CheckWrite implements [missions.Store].
func (c commands) CheckWrite(ctx context.Context) error {
	_, err := perform(ctx, c.by, opCheck, nothing{})
	return err
}

func (c commands) acknowledge(ctx context.Context, upTo int64, mark string) error {
	refused, err := perform(ctx, c.by, opAcknowledge, position{upTo, mark})
	return firstOf(err, refused)
}

func (c commands) forget(ctx context.Context, upTo int64) error {
	refused, err := perform(ctx, c.by, opForget, position{upTo: upTo})
	return firstOf(err, refused)
}

func (c commands) retain(ctx context.Context, ids []string, retention time.Duration) (int, error) {
	return perform(ctx, c.by, opRetain, expired{ids, retention})
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
