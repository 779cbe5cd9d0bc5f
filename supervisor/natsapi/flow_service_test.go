package natsapi_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// scripted is a store that answers some requests as a test says, and records them.
type scripted struct {
	missions.Store
	claim    func(missions.ClaimRequest) []missions.Mission // nil: the store's
	progress missions.ProgressResult
	signal   missions.SignalResult
	beat     []missions.SignalRef
	due      chan struct{}

	mu      sync.Mutex
	created []missions.Mission
	updates []missions.ProgressUpdate
	signals []missions.SignalRequest
	beats   []missions.Heartbeat
	dues    int
}

func (s *scripted) Create(_ context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = append(s.created, batch...)
	results := make([]missions.CreateResult, len(batch))
	for i, m := range batch {
		if m.Flow != nil && len(m.After) > 0 {
			m.WaitingFor = []missions.Wait{{Condition: m.After[0]}}
		}
		results[i] = missions.CreateResult{Mission: m, Created: true}
	}
	return results, nil
}

func (s *scripted) CreateChildren(ctx context.Context, _ string, _ missions.LeaseRef, batch []missions.Mission) ([]missions.CreateResult, error) {
	return s.Create(ctx, batch)
}

func (s *scripted) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	if s.claim == nil {
		return s.Store.Claim(ctx, batch)
	}
	results := make([]missions.ClaimResult, len(batch))
	for i := range batch {
		results[i] = missions.ClaimResult{Types: []string{"default"}, Missions: s.claim(batch[i])}
	}
	return results, nil
}

func (s *scripted) Progress(_ context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updates = append(s.updates, batch...)
	return []missions.ProgressResult{s.progress}, nil
}

func (s *scripted) Signal(_ context.Context, batch []missions.SignalRequest) ([]missions.SignalResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals = append(s.signals, batch...)
	return []missions.SignalResult{s.signal}, nil
}

func (s *scripted) Heartbeat(_ context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats = append(s.beats, batch...)
	return []missions.HeartbeatResult{{Cancel: []string{}, Lost: []string{}, Signals: s.beat}}, nil
}

func (s *scripted) DueNow() <-chan struct{} { return s.due }

func (s *scripted) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	result, err := s.Store.Due(ctx, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dues++
	return result, err
}

func newScripted(t *testing.T, s *scripted) *rig {
	s.due = make(chan struct{}, 1)
	return newRig(t, rigOptions{lease: time.Hour, wrap: func(store missions.Store) missions.Store { s.Store = store; return s }})
}

// commands returns the commands that an agent gets.
func (r *rig) commands(agentID string) func() string {
	r.t.Helper()
	sub, err := r.nc.SubscribeSync(api.CommandsSubject(agentID))
	must(r.t, err)
	must(r.t, r.nc.Flush())
	return func() string {
		r.t.Helper()
		msg, err := sub.NextMsg(testTimeout)
		must(r.t, err)
		return string(msg.Data)
	}
}

// The holder of a running mission is told of a signal. Whoever sent it is not proven.
func TestASignalToARunningMissionIsPushed(t *testing.T) {
	t.Parallel()
	s := &scripted{signal: missions.SignalResult{Seq: 3, Delivered: missions.DeliveredRunning, AgentID: "a1"}}
	r := newScripted(t, s)
	pushed := r.commands("a1")
	named := client.New(r.nc, client.Name("steering"))
	reply, err := named.Signal(t.Context(), api.SignalRequest{ID: "m", Name: "steer", Data: json.RawMessage(` {"more" : 1} `), SignalID: "s1"})
	must(t, err)
	if reply != (api.Signalled{Seq: 3, Delivered: missions.DeliveredRunning}) {
		t.Errorf("%+v", reply)
	}
	if got, want := pushed(), `{"command":"signal","mission_id":"m","seq":3}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	if got := s.signals[0]; got.By != "steering" || got.ByProven || string(got.Data) != `{"more":1}` || got.SignalID != "s1" || got.MissionID != "m" {
		t.Errorf("stored %+v", got)
	}
}

// A signal that makes a mission claimable wakes a claim.
func TestASignalWakesAClaim(t *testing.T) {
	t.Parallel()
	var ready, looked = make(chan struct{}), make(chan struct{}, 10)
	s := &scripted{signal: missions.SignalResult{Seq: 1, Delivered: missions.DeliveredWaiting, Ready: "default"}}
	s.claim = func(missions.ClaimRequest) []missions.Mission {
		looked <- struct{}{}
		select {
		case <-ready:
			return []missions.Mission{{ID: "m", Lease: 1}}
		default:
			return nil
		}
	}
	r := newScripted(t, s)
	got := make(chan error, 1)
	go func() {
		claimed, err := r.client.Agent("a1").Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 20})
		if err == nil && len(claimed.Missions) != 1 {
			err = context.DeadlineExceeded
		}
		got <- err
	}()
	<-looked
	close(ready)
	_, err := r.client.Signal(t.Context(), api.SignalRequest{ID: "m", Name: "go"})
	must(t, err)
	must(t, <-got)
}

// A mission that waits wakes no claim.
func TestAMissionThatWaitsWakesNoClaim(t *testing.T) {
	t.Parallel()
	looked := make(chan struct{}, 10)
	s := &scripted{claim: func(missions.ClaimRequest) []missions.Mission { looked <- struct{}{}; return nil }}
	r := newScripted(t, s)
	done := make(chan error, 1)
	go func() {
		_, err := r.client.Agent("a1").Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 1})
		done <- err
	}()
	<-looked
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "x", After: []missions.Condition{{Signal: "go"}}})
	must(t, err)
	must(t, <-done)
	if len(looked) > 0 {
		t.Error("the claim was tried again")
	}
}

// The store's word that something is due wakes the reaper, which would sleep for long.
func TestTheReaperLooksWhenTheStoreSaysSo(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r := newScripted(t, s)
	count := func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.dues }
	for !r.service.Leads() || count() == 0 {
		must(t, t.Context().Err())
		time.Sleep(time.Millisecond)
	}
	for range 20 { // faster than it looks by itself, once a second
		before, begun := count(), time.Now()
		s.due <- struct{}{}
		for count() == before {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Fatalf("it looked after %v", took)
		}
	}
}

// A report that exceeds the maximum stops the agent. One without progress is no event.
func TestAReportThatExceedsTheMaximumStopsTheAgent(t *testing.T) {
	t.Parallel()
	s := &scripted{progress: missions.ProgressResult{Stopped: true}}
	r := newScripted(t, s)
	pushed, progressed := r.commands("a1"), r.events("mission.progressed")
	lease, half := api.LeaseRef{MissionID: "m", Lease: 1}, 50.0
	agent := r.client.Agent("a1")
	must(t, agent.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Report: api.Report{Usage: missions.Usage{"usd": 9}}}))
	if got, want := pushed(), `{"command":"cancel","mission_id":"m"}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	must(t, agent.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &half, Message: "second"}))
	if payload := progressed()["payload"].(map[string]any); payload["message"] != "second" {
		t.Errorf("the first event is %v", payload)
	}
	if !s.updates[0].Unchanged || s.updates[0].Usage["usd"] != 9 || s.updates[1].Unchanged {
		t.Errorf("stored %+v", s.updates)
	}
}

func TestAHeartbeatTellsOfSignalsAndWhatWasSeen(t *testing.T) {
	t.Parallel()
	s := &scripted{beat: []missions.SignalRef{{MissionID: "m", Seq: 4}}}
	r := newScripted(t, s)
	reply := r.request("supervisor.agent.a1.heartbeat", []byte(`{"running":[{"mission_id":"m","lease":1,"seen":3},{"mission_id":"n","lease":2}]}`))
	if want := `{"cancel":[],"lost":[],"signals":[{"mission_id":"m","seq":4}]}`; string(reply.Data) != want {
		t.Errorf("got %s, want %s", reply.Data, want)
	}
	if beat := s.beats[0]; len(beat.Running) != 2 || !slices.Equal(beat.Seen, []missions.SignalRef{{MissionID: "m", Seq: 3}}) {
		t.Errorf("stored %+v", beat)
	}
}

// ids returns the ids of missions, with ! behind those that close their batch.
func ids(batch []missions.Mission) string {
	var out []string
	for _, m := range batch {
		if m.Flow != nil && m.CloseBatch {
			m.ID += "!"
		}
		out = append(out, m.ID)
	}
	return strings.Join(out, " ")
}

// Missions of one request reach the store in an order in which they can be created, and
// their outcomes are in the order of the request. The last mission of a batch closes it.
func TestMissionsOfARequestAreSorted(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r := newScripted(t, s)
	after := func(ids ...string) (conditions []missions.Condition) {
		for _, id := range ids {
			conditions = append(conditions, missions.Condition{Mission: id})
		}
		return conditions
	}
	specs := []api.MissionSpec{
		{ID: "deploy", Name: "deploy", Batch: "b", After: after("build", "test")},
		{ID: "broken", Name: ""},
		{ID: "test", Name: "test", Batch: "b", After: after("build")},
		{ID: "build", Name: "build", Batch: "c"},
		{ID: "alone", Name: "alone"},
	}
	valid := append(specs[:1:1], specs[2:]...)
	for _, c := range []struct {
		want    string
		request api.CreateRequest
	}{
		{"build test deploy alone", api.CreateRequest{Missions: specs, CloseBatch: true}}, // nothing is closed: one is refused
		{"build! test deploy! alone", api.CreateRequest{Missions: valid, CloseBatch: true}},
		{"build! test deploy! alone", api.CreateRequest{Missions: valid, CloseBatch: true, Brief: true}},
		{"build test deploy alone", api.CreateRequest{Missions: valid}},
	} {
		s.created = nil
		results, err := r.client.CreateAll(t.Context(), c.request)
		must(t, err)
		if got := ids(s.created); got != c.want {
			t.Errorf("created %q, want %q", got, c.want)
		}
		for i, spec := range c.request.Missions {
			if refused := spec.Name == ""; refused != (results[i].Error != nil) || !refused && results[i].Mission.ID != spec.ID {
				t.Errorf("outcome %d of %s: %+v", i, spec.ID, results[i])
			}
		}
	}
}

// Children have the mission of the lease as their parent, whatever their creator says.
func TestChildrenHaveOneParent(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	r := newScripted(t, s)
	results, err := r.client.Agent("a1").CreateChildren(t.Context(), api.ChildrenRequest{
		LeaseRef: api.LeaseRef{MissionID: "m", Lease: 1},
		Missions: []api.MissionSpec{
			{ID: "second", Name: "x", After: []missions.Condition{{Mission: "first"}}}, {ID: "foreign", Name: "x", ParentID: "other"},
			{ID: "m", Name: "itself"}, {ID: "first", Name: "x", ParentID: "m"},
		},
	})
	must(t, err)
	if got := ids(s.created); got != "first second" || s.created[0].ParentID != "m" || s.created[1].ParentID != "m" {
		t.Errorf("created %s: %+v", got, s.created)
	}
	for i, field := range []string{"", "parent_id", "parent_id", ""} {
		if e := results[i].Error; (e == nil) != (field == "") || e != nil && e.Field != field {
			t.Errorf("outcome %d: %+v", i, e)
		}
	}
}

// What a claim's reply cannot carry is left out if the agent can ask for it.
func TestAClaimLeavesOutWhatCanBeAskedFor(t *testing.T) {
	t.Parallel()
	large := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n) + `"`) }
	var m missions.Mission
	s := &scripted{claim: func(missions.ClaimRequest) []missions.Mission { return []missions.Mission{m} }}
	s.due = make(chan struct{})
	r := newRig(t, rigOptions{maxPayload: 32 << 10, wrap: func(store missions.Store) missions.Store { s.Store = store; return s }})
	for _, c := range []struct {
		inputs  map[string]missions.Input
		signal  int
		trimmed string
	}{
		{map[string]missions.Input{"a": {Result: large(10)}, "b": {Result: large(9 << 10)}}, 10, ""},
		{map[string]missions.Input{"a": {Result: large(10)}, "b": {Result: large(40 << 10)}, "c": {Result: large(9 << 10)}}, 10, "inputs"},
		{map[string]missions.Input{"a": {Result: large(10)}, "b": {Result: large(9 << 10)}}, 40 << 10, "inputs signals"},
		{nil, 40 << 10, "signals"},
	} {
		m = missions.Mission{ID: "m", Name: "m", Type: "default", Lease: 7, Turn: 2, Checkpoint: json.RawMessage(`{"step":1}`), Flow: &missions.Flow{
			Inputs: c.inputs, Signals: missions.Signals{{Seq: 1, Name: "s", Data: large(c.signal)}}}}
		claimed, err := r.client.Agent("a1").Claim(t.Context(), api.ClaimRequest{Max: 1})
		must(t, err)
		got := claimed.Missions[0]
		if trimmed := strings.Join(got.Trimmed, " "); trimmed != c.trimmed || string(got.Checkpoint) != `{"step":1}` || len(got.Inputs) != len(c.inputs) {
			t.Errorf("trimmed %q, want %q; checkpoint %s, %d inputs", trimmed, c.trimmed, got.Checkpoint, len(got.Inputs))
		}
		if c.trimmed == "inputs" && (string(got.Inputs["b"].Result) != "null" || len(got.Inputs["c"].Result) < 9<<10) {
			t.Errorf("more than the largest input was left out")
		}
	}
}
