package natsapi_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// stuck is a store with some methods that do not return until they are released.
type stuck struct {
	missions.Store
	method string
	gate   chan struct{}
}

func (s *stuck) pass(method string) {
	if s.method == method {
		<-s.gate
	}
}

func (s *stuck) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	s.pass("create")
	return s.Store.Create(ctx, batch)
}

func (s *stuck) Get(ctx context.Context, id string) (missions.Mission, error) {
	s.pass("get")
	return s.Store.Get(ctx, id)
}

func (s *stuck) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	s.pass("list")
	return s.Store.List(ctx, f)
}

func (s *stuck) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	s.pass("heartbeat")
	return s.Store.Heartbeat(ctx, batch)
}

// While one endpoint is saturated, all other requests are answered, and requests for
// which that endpoint has no room are refused at once. The requests it admitted are
// answered in the end.
func TestASaturatedEndpointHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	floods := map[string]struct{ subject, body string }{
		"create":    {api.SubjectMissionsCreate, `{"name":"flood","type":"flood"}`},
		"get":       {api.SubjectMissionsGet, `{"id":"m"}`},
		"list":      {api.SubjectMissionsList, `{}`},
		"heartbeat": {api.AgentSubject("a", api.AgentHeartbeat), `{"running":[]}`},
	}
	for method, flood := range floods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			store := &stuck{method: method, gate: make(chan struct{})}
			r := newRig(t, rigOptions{lease: time.Hour, wrap: func(s missions.Store) missions.Store { store.Store = s; return store }})
			r.register("a", "t")
			_, err := r.store.Create(t.Context(), []missions.Mission{normalized("m")})
			must(t, err)
			const sent, room = 1100, 1024
			answers := make(chan *nats.Msg, sent)
			flooder := r.connect()
			inbox, err := flooder.ChanSubscribe(flooder.NewInbox(), answers)
			must(t, err)
			for range sent {
				must(t, flooder.PublishRequest(flood.subject, inbox.Subject, []byte(flood.body)))
			}
			for range sent - room {
				if msg := receive(t, answers); msg.Header.Get(api.HeaderErrorCode) != "429" {
					t.Fatalf("what there is no room for is answered %v %s", msg.Header, msg.Data)
				}
			}
			for other, ask := range floods {
				if msg := r.request(ask.subject, []byte(ask.body)); (msg.Header.Get(api.HeaderErrorCode) == "429") != (other == method) {
					t.Errorf("%s is answered %v %.200s", other, msg.Header, msg.Data)
				}
			}
			health, err := r.client.Health(t.Context())
			if err != nil || health.Status != api.HealthOK {
				t.Errorf("health: %+v, %v", health, err)
			}
			for _, subject := range []string{api.SubjectStatus, api.SubjectAgents, api.SubjectMissionsStats} {
				if msg := r.request(subject, nil); msg.Header.Get(api.HeaderErrorCode) != "" {
					t.Errorf("%s is answered %v", subject, msg.Header)
				}
			}
			claimed, err := r.client.Agent("a").Claim(t.Context(), api.ClaimRequest{Types: []string{"default"}, Max: 1})
			if err != nil || len(claimed.Missions) != 1 {
				t.Errorf("claim: %+v, %v", claimed, err)
			}
			close(store.gate)
			for range room {
				// If this takes long, the reply says that it took too long.
				if code := receive(t, answers).Header.Get(api.HeaderErrorCode); code != "" && code != "408" {
					t.Fatalf("what was admitted is answered %s", code)
				}
			}
		})
	}
}

func normalized(id string) missions.Mission {
	m := missions.Mission{ID: id, Name: id}
	m.Normalize()
	return m
}

func receive(t testing.TB, answers <-chan *nats.Msg) *nats.Msg {
	t.Helper()
	select {
	case msg := <-answers:
		return msg
	case <-time.After(testTimeout):
		t.Fatal("there is no answer")
		return nil
	}
}

// An agent that parks claim after claim is refused the 65th, and takes nothing from
// other agents.
func TestClaimsParkedPerAgentAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	r.register("greedy", "t")
	modest := r.register("modest", "t")
	answers := make(chan *nats.Msg, 100)
	inbox, err := r.nc.ChanSubscribe(r.nc.NewInbox(), answers)
	must(t, err)
	for range 65 {
		must(t, r.nc.PublishRequest(api.AgentSubject("greedy", api.AgentClaim), inbox.Subject, []byte(`{"max":1,"wait_seconds":60}`)))
	}
	if msg := receive(t, answers); msg.Header.Get(api.HeaderErrorCode) != "429" {
		t.Fatalf("the claim that is too many is answered %v %s", msg.Header, msg.Data)
	}
	got := make(chan error, 1)
	go func() {
		claimed, err := modest.Claim(t.Context(), api.ClaimRequest{Types: []string{"mine"}, Max: 1, WaitSeconds: 60})
		if err == nil && len(claimed.Missions) != 1 {
			err = fmt.Errorf("it got %d missions", len(claimed.Missions))
		}
		got <- err
	}()
	_, _, err = r.client.Create(t.Context(), api.MissionSpec{Name: "n", Type: "mine"})
	must(t, err)
	if err := <-got; err != nil {
		t.Errorf("another agent's claim: %v", err)
	}
	// Each parked claim gets a mission, and its place is free again.
	for range 64 {
		_, _, err = r.client.Create(t.Context(), api.MissionSpec{Name: "n", Type: "t"})
		must(t, err)
		if msg := receive(t, answers); msg.Header.Get(api.HeaderErrorCode) != "" {
			t.Fatalf("a parked claim is answered %v %s", msg.Header, msg.Data)
		}
	}
	must(t, r.nc.PublishRequest(api.AgentSubject("greedy", api.AgentClaim), inbox.Subject, []byte(`{"max":1,"wait_seconds":60}`)))
	must(t, r.client.Agent("greedy").Leave(t.Context()))
	if msg := receive(t, answers); msg.Header.Get(api.HeaderErrorCode) == "429" {
		t.Error("the places of claims that were answered are not free again")
	}
}
