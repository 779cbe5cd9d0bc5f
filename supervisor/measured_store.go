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

func (s measuredStore) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	begun := time.Now()
	result, err := s.Store.Create(ctx, batch)
	s.step(ctx, "create", begun, err)
	return result, err
}

func (s measuredStore) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	[]missions.CreateResult, []missions.ClaimResult, error) {
	begun := time.Now()
	created, claimed, err := s.Store.CreateAndClaim(ctx, batch, claims)
	s.step(ctx, "create_and_claim", begun, err)
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
	s.step(ctx, "cancel", begun, err)
	return result, err
}

func (s measuredStore) Retry(ctx context.Context, ids []string) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Retry(ctx, ids)
	s.step(ctx, "retry", begun, err)
	return result, err
}

func (s measuredStore) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Delete(ctx, ids)
	s.step(ctx, "delete", begun, err)
	return result, err
}

func (s measuredStore) Stats(ctx context.Context, missionType string) (missions.Stats, error) {
	begun := time.Now()
	result, err := s.Store.Stats(ctx, missionType)
	s.step(ctx, "stats", begun, err)
	return result, err
}

func (s measuredStore) History(ctx context.Context, missionType string, minutes int) ([]missions.Minute, error) {
	begun := time.Now()
	result, err := s.Store.History(ctx, missionType, minutes)
	s.step(ctx, "history", begun, err)
	return result, err
}

func (s measuredStore) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	begun := time.Now()
	result, err := s.Store.Claim(ctx, batch)
	s.step(ctx, "claim", begun, err)
	s.metrics.claimed(result)
	return result, err
}

func (s measuredStore) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	begun := time.Now()
	result, err := s.Store.Heartbeat(ctx, batch)
	s.step(ctx, "heartbeat", begun, err)
	return result, err
}

func (s measuredStore) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	begun := time.Now()
	result, err := s.Store.Progress(ctx, batch)
	s.step(ctx, "progress", begun, err)
	return result, err
}

func (s measuredStore) AppendLog(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	begun := time.Now()
	result, err := s.Store.AppendLog(ctx, batch)
	s.step(ctx, "append_log", begun, err)
	return result, err
}

func (s measuredStore) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	begun := time.Now()
	result, err := s.Store.Finish(ctx, batch)
	s.step(ctx, "finish", begun, err)
	s.metrics.ended(result)
	return result, err
}

func (s measuredStore) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (missions.Agent, error) {
	begun := time.Now()
	result, err := s.Store.Register(ctx, agent, silence)
	s.step(ctx, "register", begun, err)
	return result, err
}

func (s measuredStore) Leave(ctx context.Context, id, reason string) (missions.LeaveResult, error) {
	begun := time.Now()
	result, err := s.Store.Leave(ctx, id, reason)
	s.step(ctx, "leave", begun, err)
	return result, err
}

func (s measuredStore) Lost(ctx context.Context, id, reason string, since missions.Time) (missions.LostResult, error) {
	begun := time.Now()
	result, err := s.Store.Lost(ctx, id, reason, since)
	s.step(ctx, "lost", begun, err)
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
	s.step(ctx, "due", begun, err)
	return result, err
}

func (s measuredStore) Retain(ctx context.Context, retention time.Duration, limit int) (int, error) {
	begun := time.Now()
	result, err := s.Store.Retain(ctx, retention, limit)
	s.step(ctx, "retain", begun, err)
	return result, err
}
