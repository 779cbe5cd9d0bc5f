package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// healthTimeout is how long a health request waits for the store to answer.
const healthTimeout = time.Second

// Health returns the health of the supervisor. It always answers, even if the store is
// down or cannot be written, and emits supervisor.health_checked.
func (s *Service) Health(ctx context.Context, _ api.Empty) (api.Health, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	now := time.Now()
	health := api.Health{
		Status: api.HealthOK, Timestamp: missions.At(now), Version: s.cfg.Version,
		UptimeSeconds: now.Sub(s.started).Seconds(),
		Checks:        api.Checks{Store: api.Check{Status: api.HealthOK}, EventStream: s.checkStream(), AgentDeaths: s.checkLiveness(), Clock: s.clock.check()},
		Features:      api.Features(),
	}
	if health.Checks.EventStream.Status != api.HealthOK {
		health.Status = api.HealthDegraded
	}
	if _, err := s.ping.Get(ctx); err != nil {
		s.log.Warn("the store did not answer a health check", "error", err)
		health.Status = api.HealthError
		health.Checks.Store = api.Check{Status: api.HealthError, Message: api.FromError(err).Message}
		if ctx.Err() != nil {
			health.Checks.Store.Message = "the store does not answer"
		}
	} else if health.Checks.EventStream.Waiting, err = s.waiting.Get(ctx); err != nil {
		s.log.Warn("cannot count the outbox", "error", err)
	}
	if problem := s.writes.problem(); problem != "" && health.Checks.Store.Status == api.HealthOK {
		health.Status = api.HealthError
		health.Checks.Store = api.Check{Status: api.HealthError, Message: ErrUnwritable.Error() + ": " + problem}
	}
	s.emit(ctx, charter.HealthChecked{Status: health.Status, CheckedAt: now}, now)
	return health, nil
}

// emit sends a telemetry event about a request.
func (s *Service) emit(ctx context.Context, p charter.Payload, now time.Time) {
	e := charter.New(p, now)
	setOrigin(&e, api.TraceOf(ctx), api.CallerOf(ctx))
	s.cfg.Stream.Emit(e)
}

// metaAskedBy is the key in the meta of telemetry that names the program that sent the
// request, if the program has given its name.
const metaAskedBy = "asked_by"

// setOrigin sets the request that a telemetry event is about.
func setOrigin(e *charter.Event, trace, caller string) {
	var o origin
	o.set(e, trace, caller)
}

// origin sets the requests that events are about. It keeps what it has encoded, since
// several requests in a row often come from one caller.
type origin struct {
	caller  string
	written []byte // for the meta of its events
}

func (o *origin) set(e *charter.Event, trace, caller string) {
	e.Meta.Traceparent = trace
	if caller == "" {
		return
	}
	if caller != o.caller {
		quoted, err := json.Marshal(caller)
		if err != nil {
			return // a string can always be written
		}
		o.caller, o.written = caller, append([]byte(`"`+metaAskedBy+`":`), quoted...)
	}
	e.Meta.SetWritten(o.written)
}

func (s *Service) checkStream() api.StreamCheck {
	status := s.cfg.Stream.Status()
	check := api.StreamCheck{
		Check:     api.Check{Status: api.HealthOK},
		Published: status.Published, Dropped: status.Dropped, Duplicates: status.Duplicates,
	}
	switch {
	case status.State != eventstream.Connected:
		check.Check = api.Check{Status: api.HealthDegraded, Message: status.Reason}
	case status.Refused != "":
		check.Check = api.Check{Status: api.HealthDegraded, Message: status.Refused}
	}
	return check
}

// streamState returns whether the event stream takes events, as a health status.
func (s *Service) streamState() string {
	if s.cfg.Stream.Status().State != eventstream.Connected {
		return api.HealthDegraded
	}
	return api.HealthOK
}

// checkDeaths reports whether the end of an agent's connection is noticed at once. It
// is noticed eventually in any case, so the supervisor is no less healthy without this.
func (s *Service) checkLiveness() api.Check {
	const late = "dead agents are detected only when their leases expire: "
	if s.cfg.Connections == nil {
		return api.Check{Status: api.HealthOK, Message: late + "the supervisor has no credentials for the system account of the broker"}
	}
	if err := s.cfg.Connections.Watching(); errors.Is(err, ErrStarting) {
		return api.Check{Status: api.HealthOK, Message: late + err.Error()}
	} else if err != nil {
		return api.Check{Status: api.HealthDegraded, Message: late + err.Error()}
	}
	return api.Check{Status: api.HealthOK}
}

// Status returns the mission statistics as of the request's arrival or later, and emits
// supervisor.status_queried.
func (s *Service) Status(ctx context.Context, _ api.Empty) (api.Status, error) {
	counts, err := s.counts.Get(ctx)
	if err != nil {
		return api.Status{}, err
	}
	status := s.status(counts)
	s.emit(ctx, statusQueried(&status), status.Timestamp.Time())
	return status, nil
}

// StatusForEach is [Service.Status] for several requests at once: one status, and one
// event for each request.
func (s *Service) StatusForEach(ctx context.Context, callers []api.Caller) (api.Status, error) {
	counts, err := s.cfg.Store.Counts(ctx)
	if err != nil {
		return api.Status{}, err
	}
	status := s.status(counts)
	event := charter.New(statusQueried(&status), status.Timestamp.Time())
	var origin origin
	for _, c := range callers {
		e := event.Again()
		origin.set(&e, api.Traceparent(c.Trace), api.CallerName(c.Name))
		s.cfg.Stream.Emit(e)
	}
	return status, nil
}

// status returns the statistics as a reply.
func (s *Service) status(counts missions.Counts) api.Status {
	return api.Status{
		Status:                 s.streamState(),
		Timestamp:              missions.At(time.Now()),
		TotalMissions:          counts.Total(),
		RunningMissions:        counts.ByStatus[missions.Running],
		PendingMissions:        counts.ByStatus[missions.Pending],
		CompletedMissions:      counts.ByStatus[missions.Completed],
		FailedMissions:         counts.ByStatus[missions.Failed],
		CancelledMissions:      counts.ByStatus[missions.Cancelled],
		AgentCount:             counts.Agents,
		SuccessRate:            counts.SuccessRate(),
		AverageDurationSeconds: counts.AverageDurationSeconds(),
		Utilization:            counts.Utilization(),
	}
}

// statusQueried returns what the event of a status request says.
func statusQueried(status *api.Status) charter.StatusQueried {
	return charter.StatusQueried{
		TotalMissions: status.TotalMissions, RunningMissions: status.RunningMissions,
		PendingMissions: status.PendingMissions, CompletedMissions: status.CompletedMissions,
		FailedMissions: status.FailedMissions, CancelledMissions: status.CancelledMissions,
		AgentCount: status.AgentCount, QueriedAt: status.Timestamp.Time(),
	}
}

// Agents lists the registry and emits supervisor.agents_listed.
func (s *Service) Agents(ctx context.Context, request api.AgentsRequest) (api.Agents, error) {
	filter, err := request.Filter()
	if err != nil {
		return api.Agents{}, err
	}
	page, err := s.cfg.Store.ListAgents(ctx, filter)
	if err != nil {
		return api.Agents{}, err
	}
	now := time.Now()
	s.emit(ctx, charter.AgentsListed{AgentCount: page.Count, QueriedAt: now}, now)
	return api.Agents{Agents: page.Agents, AgentCount: page.Count, NextCursor: page.Next}, nil
}

// Stats returns the statistics of all missions or of one type.
func (s *Service) Stats(ctx context.Context, request api.StatsRequest) (api.StatsReply, error) {
	if err := request.Validate(); err != nil {
		return api.StatsReply{}, err
	}
	stats, err := s.cfg.Store.Stats(ctx, request.Type)
	return api.StatsReply{Stats: stats}, err
}

// History returns what happened in the latest minutes, for all missions or for one
// type.
func (s *Service) History(ctx context.Context, request api.HistoryRequest) (api.History, error) {
	minutes, err := request.Span()
	if err != nil {
		return api.History{}, err
	}
	var reply api.History
	if reply.Minutes, err = s.cfg.Store.History(ctx, request.Type, minutes); err == nil && request.RunTimes {
		reply.RunTimes, err = s.cfg.Store.RunTimes(ctx, request.Type, minutes)
	}
	return reply, err
}

// Queues returns what is pending. Those who ask meanwhile get the same answer.
func (s *Service) Queues(ctx context.Context, _ api.Empty) (missions.Queues, error) {
	return s.queues.Get(ctx)
}

// ErrUnwritable is the error of [Service.Ready] while the store can be read but not
// written.
var ErrUnwritable = errors.New("nothing can be stored")

// Ready returns nil while requests can be served, and otherwise an error that says why
// not.
func (s *Service) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if _, err := s.ping.Get(ctx); err != nil {
		return err
	}
	if problem := s.writes.problem(); problem != "" {
		return fmt.Errorf("%w: %s", ErrUnwritable, problem)
	}
	return nil
}

// Writable reports whether the store could be written last. It does no I/O.
func (s *Service) Writable() bool { return s.writes.problem() == "" }

// Counts returns the counters as of the call or later. Unlike Status it emits no event.
// It is for metrics.
func (s *Service) Counts(ctx context.Context) (missions.Counts, error) { return s.counts.Get(ctx) }

// Waiting returns how many durable events the event stream has not acknowledged yet.
func (s *Service) Waiting(ctx context.Context) (int64, error) { return s.waiting.Get(ctx) }

// StreamStatus returns the state of the event stream. It does no I/O.
func (s *Service) StreamStatus() eventstream.Status { return s.cfg.Stream.Status() }
