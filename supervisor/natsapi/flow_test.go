package natsapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// claimOne claims the next mission, and waits for it.
func (r *rig) claimOne(agent *client.Agent) (missions.Mission, api.LeaseRef) {
	r.t.Helper()
	claimed, err := agent.Claim(r.t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 15})
	must(r.t, err)
	if len(claimed.Missions) != 1 {
		r.t.Fatalf("claimed %d missions", len(claimed.Missions))
	}
	m := claimed.Missions[0]
	return m, api.LeaseRef{MissionID: m.ID, Lease: m.Lease}
}

func (r *rig) get(id string) missions.Mission {
	r.t.Helper()
	m, err := r.client.Get(r.t.Context(), id)
	must(r.t, err)
	return m
}

// A mission waits for another one and for a person, and carries what it waited for. What
// happens is told in events.
func TestADeploymentWaitsForABuildAndAnApproval(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	waiting, ready, signalled := r.events("mission.waiting"), r.events("mission.ready"), r.events("mission.signalled")
	agent := r.register("w1", "default")
	results, err := r.client.CreateAll(t.Context(), api.CreateRequest{Missions: []api.MissionSpec{
		{ID: "deploy", Name: "deploy", After: []missions.Condition{{Mission: "build"}, {Signal: "approved", Prompt: "Deploy?", Choices: []string{"yes", "no"}}}},
		{ID: "build", Name: "build"},
	}})
	must(t, err)
	if deploy := results[0].Mission; deploy == nil || deploy.ID != "deploy" || len(deploy.WaitingFor) != 2 || deploy.WaitingFor[0].Met {
		t.Fatalf("created %+v", results[0])
	}
	payload := waiting()["payload"].(map[string]any)
	if conditions := fmt.Sprint(payload["conditions"]); conditions != "[map[mission:build] map[signal:approved]]" || payload["until"] != nil {
		t.Errorf("waits: %v", payload)
	}

	m, lease := r.claimOne(agent)
	if m.ID != "build" || m.Turn != 1 || string(m.Checkpoint) != "null" {
		t.Fatalf("claimed %+v", m)
	}
	list, err := r.client.List(t.Context(), api.ListRequest{Waiting: missions.WaitSignal})
	must(t, err)
	if len(list.Missions) != 1 || list.Missions[0].ID != "deploy" {
		t.Errorf("%d missions wait for a signal", len(list.Missions))
	}
	must(t, agent.Complete(t.Context(), api.Completion{LeaseRef: lease, Result: json.RawMessage(`{"image":"v7"}`)}))
	named := client.New(r.nc, client.Name("inbox"))
	reply, err := named.Signal(t.Context(), api.SignalRequest{ID: "deploy", Name: "approved", Data: json.RawMessage(`"yes"`), SignalID: "once"})
	must(t, err)
	if reply != (api.Signalled{Seq: 1, Delivered: missions.DeliveredWaiting}) {
		t.Errorf("signalled: %+v", reply)
	}
	if payload := signalled()["payload"].(map[string]any); payload["by"] != "inbox" || payload["name"] != "approved" || payload["seq"] != 1.0 {
		t.Errorf("signalled: %v", payload)
	}
	if payload := ready()["payload"].(map[string]any); payload["mission_id"] != "deploy" {
		t.Errorf("ready: %v", payload)
	}
	m, lease = r.claimOne(agent)
	if m.ID != "deploy" || string(m.Inputs["build"].Result) != `{"image":"v7"}` || len(m.WaitedFor) != 2 || len(m.Signals) != 1 || string(m.Signals[0].Data) != `"yes"` {
		t.Fatalf("claimed %+v", m.Flow)
	}
	input, err := agent.Input(t.Context(), api.InputRequest{LeaseRef: lease, Source: "build"})
	must(t, err)
	if input.Source != "build" || input.Status != missions.Completed || string(input.Result) != `{"image":"v7"}` {
		t.Errorf("input: %+v", input)
	}
	if again, err := named.Signal(t.Context(), api.SignalRequest{ID: "deploy", Name: "approved", Data: json.RawMessage(`"yes"`), SignalID: "once"}); err != nil || again != reply {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// An agent hands a mission back until a person answers; a person steers it while it runs.
func TestAMissionIsParkedAndSteered(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	seen, pushed := r.events("mission.signal_seen"), r.commands("w1")
	agent := r.register("w1", "default")
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m"})
	must(t, err)
	_, lease := r.claimOne(agent)
	must(t, agent.Park(t.Context(), api.Release{LeaseRef: lease, After: []missions.Condition{{Signal: "answer"}},
		Report: api.Report{Checkpoint: json.RawMessage(`{"step":4}`), Usage: missions.Usage{"usd": 0.5}}}))
	if m := r.get("m"); m.Status != missions.Pending || m.Attempt != 0 || len(m.WaitingFor) != 1 {
		t.Fatalf("parked: %+v", m)
	}
	_, err = r.client.Signal(t.Context(), api.SignalRequest{ID: "m", Name: "answer", Data: json.RawMessage(`42`)})
	must(t, err)
	m, lease := r.claimOne(agent)
	if m.Turn != 2 || m.Attempt != 1 || string(m.Checkpoint) != `{"step":4}` || m.Usage["usd"] != 0.5 {
		t.Fatalf("claimed %+v", m)
	}

	reply, err := r.client.Signal(t.Context(), api.SignalRequest{ID: "m", Name: "steer"})
	must(t, err)
	if reply != (api.Signalled{Seq: 2, Delivered: missions.DeliveredRunning}) {
		t.Errorf("signalled: %+v", reply)
	}
	if got, want := pushed(), `{"command":"signal","mission_id":"m","seq":2}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	beat := func(seen int) []api.SignalRef {
		reply, err := agent.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease, Seen: seen}}})
		must(t, err)
		return reply.Signals
	}
	if got := beat(0); !slices.Equal(got, []api.SignalRef{{MissionID: "m", Seq: 2}}) {
		t.Errorf("the heartbeat tells of %v", got)
	}
	page, err := agent.Signals(t.Context(), api.SignalsRequest{LeaseRef: lease, After: 1})
	must(t, err)
	if len(page.Signals) != 1 || page.Signals[0].Name != "steer" || page.More {
		t.Errorf("signals: %+v", page)
	}
	if got := beat(2); len(got) != 0 {
		t.Errorf("the heartbeat still tells of %v", got)
	}
	for _, seq := range []float64{1, 2} {
		if payload := seen()["payload"].(map[string]any); payload["seq"] != seq || payload["agent_id"] != "w1" {
			t.Errorf("seen: %v", payload)
		}
	}
	if _, err := agent.Signals(t.Context(), api.SignalsRequest{LeaseRef: api.LeaseRef{MissionID: "m", Lease: lease.Lease + 1}}); !errors.Is(err, api.ErrLeaseLost) {
		t.Errorf("with another lease: %v", err)
	}
}

// A mission that has used too much asks a person, and goes on with a larger budget.
func TestABudgetAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	pushed, agent := r.commands("w1"), r.register("w1", "default")
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m", MaxUsage: missions.Usage{"usd": 1}, OnExceeded: missions.ExceededAsk})
	must(t, err)
	_, lease := r.claimOne(agent)
	must(t, agent.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Report: api.Report{Usage: missions.Usage{"usd": 1.5}}}))
	if got, want := pushed(), `{"command":"cancel","mission_id":"m"}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	if m := r.get("m"); m.Status != missions.Pending || len(m.WaitingFor) != 1 || m.WaitingFor[0].Signal != missions.BudgetSignal {
		t.Fatalf("exceeded: %+v", m)
	}
	for data, code := range map[string]int{`"more"`: 400, `{"usd":-1}`: 400} {
		_, err := r.client.Signal(t.Context(), api.SignalRequest{ID: "m", Name: missions.BudgetSignal, Data: json.RawMessage(data)})
		if api.FromError(err).Status() != code {
			t.Errorf("%s: %v", data, err)
		}
	}
	_, err = r.client.Signal(t.Context(), api.SignalRequest{ID: "m", Name: missions.BudgetSignal, Data: json.RawMessage(`{"usd":9}`)})
	must(t, err)
	if m, _ := r.claimOne(agent); m.MaxUsage["usd"] != 9 || m.Turn != 2 {
		t.Errorf("claimed %+v", m)
	}
}

// A parent creates children in a batch, parks until all have ended, and reads how. They are
// its graph.
func TestAParentFansOutAndIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	agent := r.register("w1", "default")
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "parent", Name: "parent"})
	must(t, err)
	_, lease := r.claimOne(agent)
	children := make([]api.MissionSpec, 5)
	for i := range children {
		children[i] = api.MissionSpec{ID: fmt.Sprintf("child-%d", i), Name: "child", Batch: "children"}
	}
	for range 2 { // repeated
		results, err := agent.CreateChildren(t.Context(), api.ChildrenRequest{LeaseRef: lease, Missions: children})
		must(t, err)
		if len(results) != 5 || results[4].Error != nil || results[4].Mission.ParentID != "parent" {
			t.Fatalf("created %+v", results)
		}
	}
	_, err = r.client.CloseBatch(t.Context(), "children")
	must(t, err)
	must(t, agent.Park(t.Context(), api.Release{LeaseRef: lease, After: []missions.Condition{{Batch: "children", When: missions.WhenEnded}}}))
	for range children {
		m, lease := r.claimOne(agent)
		if !strings.HasPrefix(m.ID, "child-") {
			t.Fatalf("claimed %s", m.ID)
		}
		must(t, agent.Complete(t.Context(), api.Completion{LeaseRef: lease}))
	}
	m, _ := r.claimOne(agent)
	if m.ID != "parent" || m.Turn != 2 || m.Inputs["children"].Status != missions.Completed {
		t.Fatalf("claimed %+v", m.Flow)
	}
	batch, err := r.client.Batch(t.Context(), "children")
	must(t, err)
	if batch.Open || batch.Total != 5 || batch.ByStatus[missions.Completed] != 5 || batch.EndedAt == 0 {
		t.Errorf("batch: %+v", batch)
	}
	batches, err := r.client.Batches(t.Context(), api.BatchesRequest{})
	must(t, err)
	if len(batches.Batches) != 1 || batches.Batches[0].ID != "children" {
		t.Errorf("batches: %+v", batches)
	}
	graph, err := r.client.Graph(t.Context(), "parent")
	must(t, err)
	if len(graph.Missions) != 6 || graph.Missions[0].ID != "parent" || len(graph.Edges) != 10 || graph.Truncated {
		t.Errorf("graph: %+v", graph)
	}
}

// Whoever waits for what cannot happen any more is cancelled, and comes back with a retry.
func TestDependentsAreCancelledAndRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	_, err := r.client.CreateAll(t.Context(), api.CreateRequest{Missions: []api.MissionSpec{
		{ID: "first", Name: "first"}, {ID: "second", Name: "second", After: []missions.Condition{{Mission: "first"}}},
		{ID: "third", Name: "third", After: []missions.Condition{{Mission: "second"}}},
	}})
	must(t, err)
	_, err = r.client.Cancel(t.Context(), "first", "")
	must(t, err)
	if m, err := r.client.Wait(t.Context(), "third"); err != nil || m.Status != missions.Cancelled {
		t.Fatalf("%s, %v", m.Status, err)
	}
	_, err = r.client.RetryAs(t.Context(), api.RetryRequest{ID: "first", Dependents: true})
	must(t, err)
	agent := r.register("w1", "default")
	for _, want := range []string{"first", "second", "third"} {
		m, lease := r.claimOne(agent)
		if m.ID != want {
			t.Fatalf("claimed %s, want %s", m.ID, want)
		}
		must(t, agent.Complete(t.Context(), api.Completion{LeaseRef: lease}))
	}
}
