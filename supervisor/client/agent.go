package client

import (
	"context"
	"fmt"
	"time"

	"missioncontrol/supervisor/api"
)

// Agent sends the requests of one agent. Package agent builds a complete agent on top
// of it. Its methods may be called concurrently.
type Agent struct {
	client *Client
	id     string
}

// Agent returns the requests of the agent with this id.
func (c *Client) Agent(id string) *Agent { return &Agent{client: c, id: id} }

func (a *Agent) do(ctx context.Context, verb string, request, reply any) error {
	return a.client.Do(ctx, api.AgentSubject(a.id, verb), request, reply)
}

// sendAs sends the request of an agent's operation and returns its reply.
func sendAs[Q, R any](ctx context.Context, a *Agent, op api.AgentOp[Q, R], request Q) (reply R, err error) {
	return reply, a.do(ctx, op.Verb, request, &reply)
}

// Register registers the agent.
func (a *Agent) Register(ctx context.Context, request api.RegisterRequest) (api.Registered, error) {
	return sendAs(ctx, a, api.OpRegister, request)
}

// Heartbeat reports that the agent is alive and what it is working on.
func (a *Agent) Heartbeat(ctx context.Context, request api.HeartbeatRequest) (api.HeartbeatReply, error) {
	return sendAs(ctx, a, api.OpHeartbeat, request)
}

// Claim claims missions, and waits for some as long as the request says. Only the deadline
// of ctx, if it has one, bounds how long the reply may take, which can be large.
func (a *Agent) Claim(ctx context.Context, request api.ClaimRequest) (reply api.Claimed, err error) {
	timeout := time.Duration(request.WaitSeconds*float64(time.Second)) + a.client.timeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	return reply, a.client.do(ctx, timeout, api.AgentSubject(a.id, api.OpClaim.Verb), request, &reply)
}

// Progress reports the progress of a mission.
func (a *Agent) Progress(ctx context.Context, request api.ProgressRequest) error {
	return a.do(ctx, api.OpProgress.Verb, request, nil)
}

// Log appends to a mission's log.
func (a *Agent) Log(ctx context.Context, request api.LogAppendRequest) error {
	return a.do(ctx, api.OpAppendLog.Verb, request, nil)
}

// finish sends a brief request that ends attempts.
func (a *Agent) finish(ctx context.Context, verb string, reply any, request func(brief bool) any) error {
	return a.client.brief(ctx, api.AgentSubject(a.id, verb), reply, request)
}

// Complete completes one mission.
func (a *Agent) Complete(ctx context.Context, done api.Completion) error {
	return a.finish(ctx, api.OpComplete.Verb, nil, func(brief bool) any {
		return api.CompleteRequest{Completion: done, Brief: brief}
	})
}

// CompleteAll completes up to 1000 missions in one request. It returns one error per
// mission, nil if the report was accepted, or an error of the whole request.
func (a *Agent) CompleteAll(ctx context.Context, done []api.Completion) ([]error, error) {
	var reply struct { // missions are not read
		Results []struct {
			Error *api.Error `json:"error"`
		} `json:"results"`
	}
	err := a.finish(ctx, api.OpComplete.Verb, &reply, func(brief bool) any {
		return completions{done, brief}
	})
	if err != nil {
		return nil, err
	}
	if len(reply.Results) != len(done) {
		return nil, fmt.Errorf("%d results were reported and %d answered", len(done), len(reply.Results))
	}
	errs := make([]error, len(done))
	for i := range reply.Results {
		if refusal := reply.Results[i].Error; refusal != nil {
			errs[i] = refusal
		}
	}
	return errs, nil
}

// completions is an [api.CompleteRequest] of a batch.
type completions struct {
	Results []api.Completion `json:"results"`
	Brief   bool             `json:"brief,omitzero"`
}

// Fail reports one failed attempt.
func (a *Agent) Fail(ctx context.Context, failure api.Failure) error {
	return a.finish(ctx, api.OpFail.Verb, nil, func(brief bool) any {
		return api.FailRequest{Failure: failure, Brief: brief}
	})
}

// Release returns one mission to the queue without using up an attempt.
func (a *Agent) Release(ctx context.Context, lease api.LeaseRef) error {
	return a.Park(ctx, api.Release{LeaseRef: lease})
}

// Park returns one mission to the queue without using up an attempt, until what the release
// says has happened.
func (a *Agent) Park(ctx context.Context, release api.Release) error {
	return a.finish(ctx, api.OpRelease.Verb, nil, func(brief bool) any {
		return api.ReleaseRequest{Release: release, Brief: brief}
	})
}

// CreateChildren creates up to a thousand missions whose parent is the one of the lease,
// each with its own outcome.
func (a *Agent) CreateChildren(ctx context.Context, request api.ChildrenRequest) ([]api.Created, error) {
	reply, err := sendAs(ctx, a, api.OpCreateChildren, request)
	return reply.Results, err
}

// Signals returns signals of a mission, with their data.
func (a *Agent) Signals(ctx context.Context, request api.SignalsRequest) (api.Signals, error) {
	return sendAs(ctx, a, api.OpSignals, request)
}

// Input returns the outcome of a mission or a batch that a mission has waited for.
func (a *Agent) Input(ctx context.Context, request api.InputRequest) (api.InputReply, error) {
	return sendAs(ctx, a, api.OpInput, request)
}

// Leave takes the agent offline. The missions that it still holds return to the queue
// at once.
func (a *Agent) Leave(ctx context.Context) error {
	return a.do(ctx, api.OpLeave.Verb, api.Empty{}, nil)
}
