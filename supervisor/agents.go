package supervisor

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Register adds an agent to the registry, and returns how often it must send
// heartbeats.
func (s *Service) Register(ctx context.Context, agentID string, request api.RegisterRequest) (api.Registered, error) {
	agent, err := request.Agent(agentID)
	if err != nil {
		return api.Registered{}, err
	}
	if _, err := s.cfg.Store.Register(ctx, agent, s.cfg.Lease); err != nil {
		return api.Registered{}, err
	}
	s.outboxGrew()
	if s.sharing != nil {
		s.sharing.hasRegistered(agentID)
	}
	return api.Registered{HeartbeatSeconds: s.cfg.Heartbeat.Seconds(), LeaseSeconds: s.cfg.Lease.Seconds()}, nil
}

// Heartbeat renews the leases that an agent lists, and returns which of its missions
// the agent must stop.
func (s *Service) Heartbeat(ctx context.Context, agentID string, request api.HeartbeatRequest) (api.HeartbeatReply, error) {
	beat, err := request.Heartbeat(agentID)
	if err != nil {
		return api.HeartbeatReply{}, err
	}
	beat.Lease = s.cfg.Lease
	results, err := s.cfg.Store.Heartbeat(ctx, []missions.Heartbeat{beat})
	if err != nil {
		return api.HeartbeatReply{}, err
	}
	result := results[0]
	if result.Err != nil {
		return api.HeartbeatReply{}, result.Err
	}
	if beat.Draining {
		s.endClaims(agentID)
	}
	s.readyAll(result.GivenUp)
	s.readyAll(result.Ready)
	s.outboxGrew()
	reply := api.HeartbeatReply{Cancel: result.Cancel, Lost: result.Lost}
	for _, ref := range result.Signals {
		reply.Signals = append(reply.Signals, api.SignalRef(ref))
	}
	return reply, nil
}

// Claim assigns missions to an agent, and waits for some if there are none. Missions that no
// reply can carry fail.
func (s *Service) Claim(ctx context.Context, agentID string, request api.ClaimRequest) (api.Claimed, error) {
	claim, wait, err := request.Claim(agentID)
	if err != nil {
		return api.Claimed{}, err
	}
	claim.MaxBytes, claim.Lease, claim.Alive = s.room(), s.cfg.Lease, true
	claimed, err := s.claim(ctx, claim, wait)
	if err != nil {
		return api.Claimed{}, err
	}
	for i := range claimed {
		if claimed[i].Checkpoint == nil {
			claimed[i].Checkpoint = noCheckpoint
		}
		for _, limit := range []time.Duration{claimed[i].Timeout(), claimed[i].Stall()} {
			if limit > 0 {
				s.dueBy(time.Now().Add(limit))
			}
		}
	}
	s.outboxGrew()
	return api.Claimed{Missions: claimed}, nil
}

// noCheckpoint is what a claimed mission carries if its holders have kept none.
var noCheckpoint = json.RawMessage("null")

// claim waits for missions that a reply can carry.
func (s *Service) claim(ctx context.Context, claim missions.ClaimRequest, wait time.Duration) ([]missions.Mission, error) {
	until := time.Now().Add(wait)
	for {
		result, err := s.dispatch.Wait(ctx, claim, wait)
		if err != nil {
			return nil, err
		}
		carried, err := s.carry(ctx, claim.AgentID, result.Missions)
		if err != nil || len(carried) > 0 || len(result.Missions) == 0 {
			return carried, err
		}
		wait = max(0, time.Until(until))
	}
}

// Progress stores the progress of a mission, and emits mission.progressed unless the report
// says nothing of it. If the mission has exceeded its max_usage, the agent is told to stop.
func (s *Service) Progress(ctx context.Context, agentID string, request api.ProgressRequest) (api.Empty, error) {
	update, err := request.Update(agentID)
	if err != nil {
		return api.Empty{}, err
	}
	results, err := s.cfg.Store.Progress(ctx, []missions.ProgressUpdate{update})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return api.Empty{}, err
	}
	if results[0].Stopped {
		s.stop(agentID, update.MissionID)
		s.ended(update.MissionID)
		s.outboxGrew()
	}
	if update.Unchanged {
		return api.Empty{}, nil
	}
	now := time.Now()
	e := charter.New(charter.MissionProgressed{
		MissionID: update.MissionID, Percent: update.Percent, Message: update.Message, ProgressedAt: now,
	}, now)
	e.Meta.CorrelationID, e.Meta.Traceparent = results[0].CorrelationID, results[0].Traceparent
	s.cfg.Stream.Emit(e)
	return api.Empty{}, nil
}

// AppendLog appends an entry to a mission's log.
func (s *Service) AppendLog(ctx context.Context, agentID string, request api.LogAppendRequest) (api.Empty, error) {
	entry, err := request.Append(agentID)
	if err != nil {
		return api.Empty{}, err
	}
	errs, err := s.cfg.Store.AppendLog(ctx, []missions.LogAppend{entry})
	if err = firstError(errs, err); err != nil {
		return api.Empty{}, err
	}
	s.outboxGrew()
	return api.Empty{}, nil
}

func firstError(errs []error, err error) error {
	if err == nil && len(errs) > 0 {
		err = errs[0]
	}
	return err
}

// Complete completes missions.
func (s *Service) Complete(ctx context.Context, agentID string, request api.CompleteRequest) (api.FinishReply, error) {
	answer := s.CompleteEach(ctx, []Request[api.CompleteRequest]{{AgentID: agentID, Body: request}})[0]
	return answer.Reply, answer.Err
}

// CompleteEach answers several requests that arrived together in one step, as do FailEach and
// ReleaseEach. An error of the step is an error of each request.
func (s *Service) CompleteEach(ctx context.Context, requests []Request[api.CompleteRequest]) []Answer[api.FinishReply] {
	return finishTogether(ctx, s, requests, func(r *api.CompleteRequest) finishing[api.Completion] {
		return finishing[api.Completion]{&r.Completion, r.Results, r.Brief}
	}, func(agentID string, c *api.Completion) (missions.Finish, error) { return c.Finish(agentID) })
}

// Fail reports failed attempts.
func (s *Service) Fail(ctx context.Context, agentID string, request api.FailRequest) (api.FinishReply, error) {
	answer := s.FailEach(ctx, []Request[api.FailRequest]{{AgentID: agentID, Body: request}})[0]
	return answer.Reply, answer.Err
}

// FailEach is like CompleteEach.
func (s *Service) FailEach(ctx context.Context, requests []Request[api.FailRequest]) []Answer[api.FinishReply] {
	return finishTogether(ctx, s, requests, func(r *api.FailRequest) finishing[api.Failure] {
		return finishing[api.Failure]{&r.Failure, r.Results, r.Brief}
	}, func(agentID string, f *api.Failure) (missions.Finish, error) { return f.Finish(agentID) })
}

// Release returns missions to the queue without using up an attempt.
func (s *Service) Release(ctx context.Context, agentID string, request api.ReleaseRequest) (api.FinishReply, error) {
	answer := s.ReleaseEach(ctx, []Request[api.ReleaseRequest]{{AgentID: agentID, Body: request}})[0]
	return answer.Reply, answer.Err
}

// ReleaseEach is like CompleteEach.
func (s *Service) ReleaseEach(ctx context.Context, requests []Request[api.ReleaseRequest]) []Answer[api.FinishReply] {
	return finishTogether(ctx, s, requests, func(r *api.ReleaseRequest) finishing[api.Release] {
		return finishing[api.Release]{&r.Release, r.Results, r.Brief}
	}, func(agentID string, r *api.Release) (missions.Finish, error) { return r.Finish(agentID) })
}

// finishing is a request that ends one attempt, or those of a batch, each with its own
// outcome.
type finishing[T any] struct {
	single *T
	batch  []T
	brief  bool
}

// count returns how many attempts the request ends, or why it is refused.
func (f finishing[T]) count() (int, error) {
	switch {
	case f.batch == nil:
		return 1, nil
	case len(f.batch) == 0:
		return 0, missions.Invalid("results", "is empty")
	case len(f.batch) > missions.MaxBatch:
		return 0, missions.TooLarge("results", "has more than %d entries", missions.MaxBatch)
	case !reflect.ValueOf(*f.single).IsZero():
		return 0, missions.Invalid("results", "cannot be combined with the fields of a single mission")
	}
	return len(f.batch), nil
}

func (f finishing[T]) item(i int) *T {
	if f.batch == nil {
		return f.single
	}
	return &f.batch[i]
}

func (f finishing[T]) reply(results []api.Finished) (api.FinishReply, error) {
	if f.batch != nil {
		return api.FinishReply{Results: results, Brief: f.brief}, nil
	}
	if results[0].Error != nil {
		return api.FinishReply{}, results[0].Error
	}
	return api.FinishReply{Finished: &results[0], Brief: f.brief}, nil
}

// finishTogether ends the attempts of several requests in one step.
func finishTogether[Q, T any](ctx context.Context, s *Service, requests []Request[Q], of func(*Q) finishing[T],
	parse func(agentID string, item *T) (missions.Finish, error)) []Answer[api.FinishReply] {
	count := func(q *Q) (int, error) { return of(q).count() }
	reply := func(q *Q, results []api.Finished) (api.FinishReply, error) { return of(q).reply(results) }
	return together(requests, count, func(group []Request[Q]) ([][]api.Finished, error) {
		results := make([][]api.Finished, len(group))
		batch := make([]missions.Finish, 0, len(group))
		outcomes := make([]*api.Finished, 0, len(group)) // of the batch
		for i := range group {
			ends := of(&group[i].Body)
			n, _ := ends.count() // the request has passed this check
			results[i] = make([]api.Finished, n)
			for j := range n {
				end, err := guarded(func() (missions.Finish, error) { return parse(group[i].AgentID, ends.item(j)) })
				if err != nil {
					results[i][j].Error = s.wire(err)
					continue
				}
				batch, outcomes = append(batch, end), append(outcomes, &results[i][j])
			}
		}
		return results, s.finish(ctx, batch, outcomes)
	}, reply)
}

// finish ends attempts, and records their outcomes.
func (s *Service) finish(ctx context.Context, batch []missions.Finish, outcomes []*api.Finished) error {
	if len(batch) == 0 {
		return nil
	}
	stored, err := s.cfg.Store.Finish(ctx, batch)
	if err != nil {
		return err
	}
	for i := range stored {
		if stored[i].Err != nil {
			outcomes[i].Error = s.wire(stored[i].Err)
			continue
		}
		outcomes[i].Mission = &stored[i].Mission
		s.finished(&stored[i].Mission)
	}
	s.outboxGrew()
	return nil
}

// finished notifies waiting requests that a mission has ended or can be claimed again.
func (s *Service) finished(m *missions.Mission) {
	if m.Status.Terminal() {
		s.ended(m.ID)
		return
	}
	if m.NextAttemptAt == 0 && !waits(m) {
		s.ready(m.Type, 1)
	}
	if at := earliest(m.NextAttemptAt, m.Deadline, waitingUntil(m)); at != 0 {
		s.dueBy(at.Time())
	}
}

// Leave takes an agent offline and requeues its running missions at once.
func (s *Service) Leave(ctx context.Context, agentID string, _ api.Empty) (api.Empty, error) {
	s.endClaims(agentID)
	result, err := s.cfg.Store.Leave(ctx, agentID, "left")
	if err != nil {
		return api.Empty{}, err
	}
	s.endClaims(agentID) // a claim may have arrived between the two
	s.readyAll(result.GivenBack)
	s.readyAll(result.Ready)
	s.outboxGrew()
	return api.Empty{}, nil
}
