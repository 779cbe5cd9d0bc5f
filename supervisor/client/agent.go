package client

import (
	"context"
	"fmt"
	"time"

	"missioncontrol/supervisor/api"
)

// Agent sends the requests of one agent. Package agent builds a whole agent on
// it. Its methods may be called concurrently.
type Agent struct {
	client *Client
	id     string
}

// Agent returns the requests of the agent with this id.
func (c *Client) Agent(id string) *Agent { return &Agent{client: c, id: id} }

func (a *Agent) do(ctx context.Context, verb string, request, reply any) error {
	return a.client.Do(ctx, api.AgentSubject(a.id, verb), request, reply)
}

// Register makes the agent known.
func (a *Agent) Register(ctx context.Context, request api.RegisterRequest) (reply api.Registered, err error) {
	return reply, a.do(ctx, api.AgentRegister, request, &reply)
}

// Heartbeat says that the agent lives and what it is working on.
func (a *Agent) Heartbeat(ctx context.Context, request api.HeartbeatRequest) (reply api.HeartbeatReply, err error) {
	return reply, a.do(ctx, api.AgentHeartbeat, request, &reply)
}

// Claim asks for missions and waits for some for as long as the request says.
func (a *Agent) Claim(ctx context.Context, request api.ClaimRequest) (reply api.Claimed, err error) {
	timeout := time.Duration(request.WaitSeconds*float64(time.Second)) + a.client.timeout
	return reply, a.client.do(ctx, timeout, api.AgentSubject(a.id, api.AgentClaim), request, &reply)
}

// Progress says how far a mission has come.
func (a *Agent) Progress(ctx context.Context, request api.ProgressRequest) error {
	return a.do(ctx, api.AgentProgress, request, nil)
}

// Log adds to a mission's log.
func (a *Agent) Log(ctx context.Context, request api.LogAppendRequest) error {
	return a.do(ctx, api.AgentLog, request, nil)
}

// Complete reports one mission done.
func (a *Agent) Complete(ctx context.Context, done api.Completion) error {
	return a.do(ctx, api.AgentComplete, done, nil)
}

// CompleteAll reports up to 1000 missions done, in one request. It returns an error for
// each, nil where the report was taken, or an error of the whole.
func (a *Agent) CompleteAll(ctx context.Context, done []api.Completion) ([]error, error) {
	var reply api.FinishReply
	if err := a.do(ctx, api.AgentComplete, api.CompleteRequest{Results: done}, &reply); err != nil {
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

// Fail reports one attempt failed.
func (a *Agent) Fail(ctx context.Context, failure api.Failure) error {
	return a.do(ctx, api.AgentFail, failure, nil)
}

// Release hands one mission back at no cost of an attempt.
func (a *Agent) Release(ctx context.Context, lease api.LeaseRef) error {
	return a.do(ctx, api.AgentRelease, lease, nil)
}

// Leave takes the agent offline; what it still holds goes back at once.
func (a *Agent) Leave(ctx context.Context) error { return a.do(ctx, api.AgentLeave, api.Empty{}, nil) }
