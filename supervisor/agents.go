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
	s.outboxGrew()
	return api.HeartbeatReply{Cancel: result.Cancel, Lost: result.Lost}, nil
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
		for _, limit := range []time.Duration{claimed[i].Timeout(), claimed[i].Stall()} {
			if limit > 0 {
				s.dueBy(time.Now().Add(limit))
			}
		}
	}
	s.outboxGrew()
	return api.Claimed{Missions: claimed}, nil
}

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

// Progress stores the progress of a mission, and emits mission.progressed.
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
	return finishEach(ctx, s, request.Completion, request.Results, request.Brief, func(c *api.Completion) (missions.Finish, error) {
		result, err := c.Compact()
		return finish(agentID, missions.OutcomeComplete, c.LeaseRef, result), err
	})
}

// Fail reports failed attempts.
func (s *Service) Fail(ctx context.Context, agentID string, request api.FailRequest) (api.FinishReply, error) {
	return finishEach(ctx, s, request.Failure, request.Results, request.Brief, func(f *api.Failure) (missions.Finish, error) {
		end := finish(agentID, missions.OutcomeFail, f.LeaseRef, nil)
		end.Error, end.Retryable = f.Error, f.Retryable == nil || *f.Retryable
		return end, f.Validate()
	})
}

// Release returns missions to the queue without using up an attempt.
func (s *Service) Release(ctx context.Context, agentID string, request api.ReleaseRequest) (api.FinishReply, error) {
	return finishEach(ctx, s, request.LeaseRef, request.Results, request.Brief, func(l *api.LeaseRef) (missions.Finish, error) {
		_, err := l.Ref()
		return finish(agentID, missions.OutcomeRelease, *l, nil), err
	})
}

func finish(agentID string, outcome missions.Outcome, lease api.LeaseRef, result json.RawMessage) missions.Finish {
	return missions.Finish{AgentID: agentID, Outcome: outcome, Result: result,
		LeaseRef: missions.LeaseRef{MissionID: lease.MissionID, Lease: lease.Lease}}
}

// finishEach ends one attempt, or a batch of attempts, each with its own outcome.
func finishEach[T any](ctx context.Context, s *Service, single T, batch []T, brief bool,
	parse func(*T) (missions.Finish, error)) (api.FinishReply, error) {
	if batch == nil {
		results, err := finishBatch(ctx, s, []T{single}, parse)
		if err != nil {
			return api.FinishReply{}, err
		}
		if results[0].Error != nil {
			return api.FinishReply{}, results[0].Error
		}
		return api.FinishReply{Finished: &results[0], Brief: brief}, nil
	}
	switch {
	case len(batch) == 0:
		return api.FinishReply{}, missions.Invalid("results", "is empty")
	case len(batch) > missions.MaxBatch:
		return api.FinishReply{}, missions.TooLarge("results", "has more than %d entries", missions.MaxBatch)
	case !reflect.ValueOf(single).IsZero():
		return api.FinishReply{}, missions.Invalid("results", "cannot be combined with the fields of a single mission")
	}
	results, err := finishBatch(ctx, s, batch, parse)
	return api.FinishReply{Results: results, Brief: brief}, err
}

func finishBatch[T any](ctx context.Context, s *Service, items []T, parse func(*T) (missions.Finish, error)) ([]api.Finished, error) {
	results := make([]api.Finished, len(items))
	batch := make([]missions.Finish, 0, len(items))
	positions := make([]int, 0, len(items))
	for i := range items {
		end, err := parse(&items[i])
		if err != nil {
			results[i].Error = s.wire(err)
			continue
		}
		batch, positions = append(batch, end), append(positions, i)
	}
	if len(batch) == 0 {
		return results, nil
	}
	stored, err := s.cfg.Store.Finish(ctx, batch)
	if err != nil {
		return nil, err
	}
	for i := range stored {
		if stored[i].Err != nil {
			results[positions[i]].Error = s.wire(stored[i].Err)
			continue
		}
		results[positions[i]].Mission = &stored[i].Mission
		s.finished(&stored[i].Mission)
	}
	s.outboxGrew()
	return results, nil
}

// finished notifies waiting requests that a mission has ended or can be claimed again.
func (s *Service) finished(m *missions.Mission) {
	switch {
	case m.Status.Terminal():
		s.ended(m.ID)
	case m.NextAttemptAt != 0:
		s.dueBy(m.NextAttemptAt.Time())
	default:
		s.ready(m.Type, 1)
		if m.Deadline != 0 {
			s.dueBy(m.Deadline.Time())
		}
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
	s.outboxGrew()
	return api.Empty{}, nil
}
