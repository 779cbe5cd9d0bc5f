package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// quietAgent is a well-behaved agent during the flood: it holds one mission, and
// sends heartbeats.
type quietAgent struct {
	client *client.Client
	agent  *client.Agent
	lease  api.LeaseRef
}

func newQuietAgent(ctx context.Context, url string) (*quietAgent, error) {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	q := &quietAgent{client: client.New(nc)}
	q.agent = q.client.Agent("quiet")
	if _, err := q.agent.Register(ctx, api.RegisterRequest{Name: "quiet", Types: []string{"quiet"}, Capacity: 1}); err != nil {
		return nil, err
	}
	if _, _, err := q.client.Create(ctx, api.MissionSpec{Name: "quiet", Type: "quiet"}); err != nil {
		return nil, err
	}
	claimed, err := q.agent.Claim(ctx, api.ClaimRequest{Max: 1, WaitSeconds: 10})
	if err != nil || len(claimed.Missions) != 1 {
		return nil, fmt.Errorf("the quiet agent got %d missions: %w", len(claimed.Missions), err)
	}
	m := &claimed.Missions[0]
	q.lease = api.LeaseRef{MissionID: m.ID, Lease: m.Lease}
	return q, nil
}

// look requests health, sends a heartbeat, and returns how long each took.
func (q *quietAgent) look(ctx context.Context) (health, beat time.Duration, err error) {
	begun := time.Now()
	h, err := q.client.Health(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("health: %w", err)
	}
	if h.Checks.Store.Status != api.HealthOK {
		return 0, 0, fmt.Errorf("health says of the store: %s", h.Checks.Store.Message)
	}
	health, begun = time.Since(begun), time.Now()
	reply, err := q.agent.Heartbeat(ctx, api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: q.lease}}})
	if err != nil {
		return 0, 0, fmt.Errorf("heartbeat: %w", err)
	}
	if len(reply.Lost) > 0 {
		return 0, 0, errors.New("the quiet agent has lost its mission")
	}
	return health, time.Since(begun), nil
}
