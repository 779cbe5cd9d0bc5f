package supervisor

import (
	"context"
	"errors"
	"net/http"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// measuredStore measures a store's steps, and traces those of traced requests. It
// leaves out what is answered from memory and what the supervisor itself requests all
// the time.
type measuredStore struct {
	missions.Store
	metrics *Metrics
	tracer  *tracing.Tracer
	writes  *storeWrites
}

// step records a step that began at a time.
func (s measuredStore) step(ctx context.Context, name string, begun time.Time, err error) {
	s.metrics.stepSeconds.WithLabelValues(name).Observe(time.Since(begun).Seconds())
	if err != nil && !errors.Is(err, context.Canceled) && api.FromError(err).Status() >= http.StatusInternalServerError {
		s.metrics.stepErrors.WithLabelValues(name).Inc()
	}
	if s.tracer != nil {
		s.tracer.Record(api.TraceOf(ctx), "store "+name, tracing.Client, begun, err)
	}
}

// change records a step that writes.
func (s measuredStore) change(ctx context.Context, name string, begun time.Time, err error) {
	s.step(ctx, name, begun, err)
	s.writes.wrote(err)
}

func (s measuredStore) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	begun := time.Now()
	result, err := s.Store.Create(ctx, batch)
	s.change(ctx, "create", begun, err)
	for i := range result {
		s.writes.wrote(result[i].Err) // of a part of the store
	}
	return result, err
}

func (s measuredStore) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	[]missions.CreateResult, []missions.ClaimResult, error) {
	begun := time.Now()
	created, claimed, err := s.Store.CreateAndClaim(ctx, batch, claims)
	s.change(ctx, "create_and_claim", begun, err)
	return created, claimed, err
}

func (s measuredStore) Get(ctx context.Context, id string) (missions.Mission, error) {
	begun := time.Now()
	result, err := s.Store.Get(ctx, id)
	s.step(ctx, "get", begun, err)
	return result, err
}

func (s measuredStore) List(ctx context.Context, filter missions.Filter) (missions.Page, error) {
	begun := time.Now()
	result, err := s.Store.List(ctx, filter)
	s.step(ctx, "list", begun, err)
	return result, err
}

func (s measuredStore) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	begun := time.Now()
	result, err := s.Store.Log(ctx, id, after, limit)
	s.step(ctx, "log", begun, err)
	return result, err
}

func (s measuredStore) Cancel(ctx context.Context, batch []missions.CancelRequest) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Cancel(ctx, batch)
	s.change(ctx, "cancel", begun, err)
	return result, err
}

func (s measuredStore) Retry(ctx context.Context, batch []missions.RetryRequest) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Retry(ctx, batch)
	s.change(ctx, "retry", begun, err)
	return result, err
}

func (s measuredStore) Signal(ctx context.Context, batch []missions.SignalRequest) ([]missions.SignalResult, error) {
	begun := time.Now()
	result, err := s.Store.Signal(ctx, batch)
	s.change(ctx, "signal", begun, err)
	return result, err
}

func (s measuredStore) CloseBatches(ctx context.Context, ids []string) ([]missions.BatchResult, error) {
	begun := time.Now()
	result, err := s.Store.CloseBatches(ctx, ids)
	s.change(ctx, "close_batches", begun, err)
	return result, err
}

func (s measuredStore) Batch(ctx context.Context, id string) (missions.Batch, error) {
	begun := time.Now()
	result, err := s.Store.Batch(ctx, id)
	s.step(ctx, "batch", begun, err)
	return result, err
}

func (s measuredStore) Batches(ctx context.Context, cursor string, limit int) (missions.BatchPage, error) {
	begun := time.Now()
	result, err := s.Store.Batches(ctx, cursor, limit)
	s.step(ctx, "batches", begun, err)
	return result, err
}

func (s measuredStore) SetLimit(ctx context.Context, request missions.LimitRequest) (missions.LimitResult, error) {
	begun := time.Now()
	result, err := s.Store.SetLimit(ctx, request)
	s.change(ctx, "set_limit", begun, err)
	return result, err
}

func (s measuredStore) DeleteLimit(ctx context.Context, request missions.DeleteLimitRequest) (missions.LimitResult, error) {
	begun := time.Now()
	result, err := s.Store.DeleteLimit(ctx, request)
	s.change(ctx, "delete_limit", begun, err)
	return result, err
}

func (s measuredStore) Limit(ctx context.Context, name string) (missions.LimitStatus, error) {
	begun := time.Now()
	result, err := s.Store.Limit(ctx, name)
	s.step(ctx, "limit", begun, err)
	return result, err
}

func (s measuredStore) Limits(ctx context.Context, request missions.LimitsRequest) (missions.LimitPage, error) {
	begun := time.Now()
	result, err := s.Store.Limits(ctx, request)
	s.step(ctx, "limits", begun, err)
	return result, err
}

func (s measuredStore) Held(ctx context.Context) ([]missions.Hold, error) {
	begun := time.Now()
	result, err := s.Store.Held(ctx)
	s.step(ctx, "held", begun, err)
	return result, err
}

func (s measuredStore) SetSchedule(ctx context.Context, request missions.ScheduleRequest) (missions.ScheduleResult, error) {
	begun := time.Now()
	result, err := s.Store.SetSchedule(ctx, request)
	s.change(ctx, "set_schedule", begun, err)
	return result, err
}

func (s measuredStore) DeleteSchedule(ctx context.Context, request missions.DeleteScheduleRequest) (missions.ScheduleResult, error) {
	begun := time.Now()
	result, err := s.Store.DeleteSchedule(ctx, request)
	s.change(ctx, "delete_schedule", begun, err)
	return result, err
}

func (s measuredStore) TriggerSchedule(ctx context.Context, id string) (missions.CreateResult, error) {
	begun := time.Now()
	result, err := s.Store.TriggerSchedule(ctx, id)
	s.change(ctx, "trigger_schedule", begun, err)
	return result, err
}

func (s measuredStore) Backfill(ctx context.Context, request missions.BackfillRequest) (missions.Backfilled, error) {
	begun := time.Now()
	result, err := s.Store.Backfill(ctx, request)
	s.change(ctx, "backfill", begun, err)
	return result, err
}

func (s measuredStore) Schedule(ctx context.Context, id string) (missions.Schedule, error) {
	begun := time.Now()
	result, err := s.Store.Schedule(ctx, id)
	s.step(ctx, "schedule", begun, err)
	return result, err
}

func (s measuredStore) Schedules(ctx context.Context, cursor string, limit, maxBytes int) (missions.SchedulePage, error) {
	begun := time.Now()
	result, err := s.Store.Schedules(ctx, cursor, limit, maxBytes)
	s.step(ctx, "schedules", begun, err)
	return result, err
}

func (s measuredStore) CreateChildren(ctx context.Context, agentID string, parent missions.LeaseRef, batch []missions.Mission) ([]missions.CreateResult, error) {
	begun := time.Now()
	result, err := s.Store.CreateChildren(ctx, agentID, parent, batch)
	s.change(ctx, "create_children", begun, err)
	return result, err
}

func (s measuredStore) Signals(ctx context.Context, agentID string, ref missions.LeaseRef, after, maxBytes int) (missions.SignalPage, error) {
	begun := time.Now()
	result, err := s.Store.Signals(ctx, agentID, ref, after, maxBytes)
	s.step(ctx, "signals", begun, err)
	return result, err
}

func (s measuredStore) Input(ctx context.Context, agentID string, ref missions.LeaseRef, source string) (missions.Input, error) {
	begun := time.Now()
	result, err := s.Store.Input(ctx, agentID, ref, source)
	s.step(ctx, "input", begun, err)
	return result, err
}

func (s measuredStore) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Delete(ctx, ids)
	s.change(ctx, "delete", begun, err)
	return result, err
}

func (s measuredStore) Bulk(ctx context.Context, request missions.BulkRequest) ([]missions.BulkResult, error) {
	begun := time.Now()
	result, err := s.Store.Bulk(ctx, request)
	s.change(ctx, "bulk", begun, err)
	for i := range result {
		s.writes.wrote(result[i].Err)
	}
	return result, err
}

func (s measuredStore) Stats(ctx context.Context, missionType string) (missions.Stats, error) {
	begun := time.Now()
	result, err := s.Store.Stats(ctx, missionType)
	s.step(ctx, "stats", begun, err)
	return result, err
}

func (s measuredStore) Queues(ctx context.Context) (missions.Queues, error) {
	begun := time.Now()
	result, err := s.Store.Queues(ctx)
	s.step(ctx, "queues", begun, err)
	return result, err
}

func (s measuredStore) History(ctx context.Context, missionType string, minutes int) ([]missions.Minute, error) {
	begun := time.Now()
	result, err := s.Store.History(ctx, missionType, minutes)
	s.step(ctx, "history", begun, err)
	return result, err
}

func (s measuredStore) RunTimes(ctx context.Context, missionType string, minutes int) ([]missions.RunTimes, error) {
	begun := time.Now()
	result, err := s.Store.RunTimes(ctx, missionType, minutes)
	s.step(ctx, "run_times", begun, err)
	return result, err
}

func (s measuredStore) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	begun := time.Now()
	result, err := s.Store.Claim(ctx, batch)
	s.change(ctx, "claim", begun, err)
	s.metrics.claimed(result)
	return result, err
}

func (s measuredStore) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	begun := time.Now()
	result, err := s.Store.Heartbeat(ctx, batch)
	s.change(ctx, "heartbeat", begun, err)
	return result, err
}

func (s measuredStore) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	begun := time.Now()
	result, err := s.Store.Progress(ctx, batch)
	s.change(ctx, "progress", begun, err)
	return result, err
}

func (s measuredStore) AppendLog(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	begun := time.Now()
	result, err := s.Store.AppendLog(ctx, batch)
	s.change(ctx, "append_log", begun, err)
	return result, err
}

func (s measuredStore) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Finish(ctx, batch)
	s.change(ctx, "finish", begun, err)
	s.metrics.ended(result)
	for i := range result {
		s.writes.wrote(result[i].Err)
	}
	return result, err
}

func (s measuredStore) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (missions.Agent, error) {
	begun := time.Now()
	result, err := s.Store.Register(ctx, agent, silence)
	s.change(ctx, "register", begun, err)
	return result, err
}

func (s measuredStore) Leave(ctx context.Context, id, reason string) (missions.LeaveResult, error) {
	begun := time.Now()
	result, err := s.Store.Leave(ctx, id, reason)
	s.change(ctx, "leave", begun, err)
	return result, err
}

func (s measuredStore) Lost(ctx context.Context, id, reason string, since missions.Time) (missions.LostResult, error) {
	begun := time.Now()
	result, err := s.Store.Lost(ctx, id, reason, since)
	s.change(ctx, "lost", begun, err)
	return result, err
}

func (s measuredStore) ListAgents(ctx context.Context, filter missions.AgentFilter) (missions.AgentPage, error) {
	begun := time.Now()
	result, err := s.Store.ListAgents(ctx, filter)
	s.step(ctx, "list_agents", begun, err)
	return result, err
}

func (s measuredStore) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	begun := time.Now()
	result, err := s.Store.Due(ctx, limit)
	s.change(ctx, "due", begun, err)
	return result, err
}

func (s measuredStore) Retain(ctx context.Context, retention time.Duration, limit int) (int, error) {
	begun := time.Now()
	result, err := s.Store.Retain(ctx, retention, limit)
	s.change(ctx, "retain", begun, err)
	return result, err
}

// The steps below are not measured: the supervisor requests them all the time. They show
// whether the store can be written while nobody else asks for anything.

func (s measuredStore) Lead(ctx context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	result, err := s.Store.Lead(ctx, candidate, ttl)
	s.writes.wrote(err)
	return result, err
}

func (s measuredStore) Sample(ctx context.Context) (missions.Time, error) {
	result, err := s.Store.Sample(ctx)
	s.writes.wrote(err)
	return result, err
}

func (s measuredStore) ChangeAlerts(ctx context.Context, batch []missions.AlertChange) ([]error, error) {
	result, err := s.Store.ChangeAlerts(ctx, batch)
	s.writes.wrote(err)
	return result, err
}
