package browser

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// hands is an agent that does what the test says, step by step.
type hands struct {
	t     *testing.T
	agent *client.Agent

	mu   sync.Mutex
	held map[string]api.Held // by mission
}

// hands registers an agent for types and keeps its leases until the test ends.
func (s *supervisor) hands(id string, types ...string) *hands {
	s.t.Helper()
	h := &hands{t: s.t, agent: client.New(s.connect(api.ConnectionName(id))).Agent(id), held: map[string]api.Held{}}
	_, err := h.agent.Register(s.t.Context(), api.RegisterRequest{Name: id, Role: "worker", Types: types, Capacity: 100})
	must(s.t, err)
	var beats sync.WaitGroup
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(beats.Wait)
	s.t.Cleanup(cancel)
	beats.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				h.beat(ctx)
			}
		}
	})
	return h
}

func (h *hands) beat(ctx context.Context) {
	running := []api.Held{}
	h.mu.Lock()
	for _, each := range h.held {
		running = append(running, each)
	}
	h.mu.Unlock()
	_, _ = h.agent.Heartbeat(ctx, api.HeartbeatRequest{Running: &running}) // it ends with the test
}

// take claims the next mission of a type and returns its lease.
func (h *hands) take(kind string) api.LeaseRef {
	h.t.Helper()
	claimed, err := h.agent.Claim(h.t.Context(), api.ClaimRequest{Types: []string{kind}, Max: 1, WaitSeconds: 20})
	must(h.t, err)
	if len(claimed.Missions) != 1 {
		h.t.Fatalf("there is no mission of the type %s", kind)
	}
	m := claimed.Missions[0]
	lease := api.LeaseRef{MissionID: m.ID, Lease: m.Lease}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[m.ID] = api.Held{LeaseRef: lease}
	return lease
}

func (h *hands) drop(lease api.LeaseRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, lease.MissionID)
}

// spends reports what a turn has used so far.
func (h *hands) spends(lease api.LeaseRef, percent float64, message string, report api.Report) {
	h.t.Helper()
	must(h.t, h.agent.Progress(h.t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &percent, Message: message, Report: report}))
}

// parks hands a mission back until something happens.
func (h *hands) parks(lease api.LeaseRef, report api.Report, after ...missions.Condition) {
	h.t.Helper()
	h.drop(lease)
	must(h.t, h.agent.Park(h.t.Context(), api.Release{LeaseRef: lease, After: after, Report: report}))
}

func (h *hands) completes(lease api.LeaseRef, result string) {
	h.t.Helper()
	h.drop(lease)
	must(h.t, h.agent.Complete(h.t.Context(), api.Completion{LeaseRef: lease, Result: json.RawMessage(result)}))
}

func (h *hands) fails(lease api.LeaseRef, why string) {
	h.t.Helper()
	h.drop(lease)
	final := false
	must(h.t, h.agent.Fail(h.t.Context(), api.Failure{LeaseRef: lease, Error: why, Retryable: &final}))
}

// sees acknowledges the signals of a mission up to a number.
func (h *hands) sees(lease api.LeaseRef, seq int) {
	h.t.Helper()
	h.mu.Lock()
	h.held[lease.MissionID] = api.Held{LeaseRef: lease, Seen: seq}
	h.mu.Unlock()
	h.beat(h.t.Context())
}

// create creates missions in one request.
func (s *supervisor) create(specs ...api.MissionSpec) {
	s.t.Helper()
	results, err := s.client().CreateAll(s.t.Context(), api.CreateRequest{Missions: specs})
	must(s.t, err)
	for _, each := range results {
		if each.Error != nil {
			s.t.Fatal(each.Error)
		}
	}
}

// tell sends a signal to a mission.
func (s *supervisor) tell(id, name, data string) api.Signalled {
	s.t.Helper()
	signalled, err := s.client().Signal(s.t.Context(), api.SignalRequest{ID: id, Name: name, Data: json.RawMessage(data)})
	must(s.t, err)
	return signalled
}

func asks(signal, prompt string, choices ...string) missions.Condition {
	return missions.Condition{Signal: signal, Prompt: prompt, Choices: choices}
}
