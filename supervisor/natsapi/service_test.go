package natsapi_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

func TestOneMissionFromCreationToCompletion(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	ctx := t.Context()
	changes := r.events("mission.status_changed")
	agent := r.register("worker-1", "resize")

	created, isNew, err := r.client.Create(ctx, api.MissionSpec{
		Name: "resize cat.png", Type: "resize", Data: json.RawMessage(`{ "width": 80 }`), Tags: []string{"img"},
	})
	must(t, err)
	if !isNew || created.Status != missions.Pending || string(created.Data) != `{"width":80}` {
		t.Fatalf("created: %+v", created)
	}
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 5})
	must(t, err)
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != created.ID || claimed.Missions[0].Lease == 0 {
		t.Fatalf("claimed: %+v", claimed)
	}
	lease := api.LeaseRef{MissionID: created.ID, Lease: claimed.Missions[0].Lease}
	half := 50.0
	must(t, agent.Progress(ctx, api.ProgressRequest{LeaseRef: lease, Percent: &half, Message: "halfway"}))
	must(t, agent.Log(ctx, api.LogAppendRequest{LeaseRef: lease, Message: "working"}))
	must(t, agent.Complete(ctx, api.Completion{LeaseRef: lease, Result: json.RawMessage(`[1, 2]`)}))

	done, err := r.client.Wait(ctx, created.ID)
	must(t, err)
	if done.Status != missions.Completed || string(done.Result) != "[1,2]" || done.Progress.Percent != 50 || done.AgentID != "worker-1" {
		t.Fatalf("done: %+v", done)
	}
	for _, want := range [][2]string{{"PENDING", "RUNNING"}, {"RUNNING", "COMPLETED"}} {
		payload := changes()["payload"].(map[string]any)
		if payload["old_status"] != want[0] || payload["new_status"] != want[1] || payload["mission_id"] != created.ID {
			t.Fatalf("want %v, got %v", want, payload)
		}
	}
	status, err := r.client.Status(ctx)
	must(t, err)
	if status.TotalMissions != 1 || status.CompletedMissions != 1 || status.AgentCount != 1 || *status.SuccessRate != 1 || *status.Utilization != 0 {
		t.Fatalf("status: %+v", status)
	}
	log, err := r.client.Log(ctx, api.LogRequest{ID: created.ID})
	must(t, err)
	if len(log.Log) != 4 || log.Log[2].Message != "working" {
		t.Fatalf("log: %+v", log.Log)
	}
}

func TestParkedClaimWakesWhenAMissionArrives(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("worker-1", "a", "b")
	got := make(chan api.Claimed, 1)
	go func() {
		claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 20})
		if err == nil {
			got <- claimed
		}
	}()
	created, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "x", Type: "b"})
	must(t, err)
	if claimed := <-got; len(claimed.Missions) != 1 || claimed.Missions[0].ID != created.ID {
		t.Fatalf("claimed: %+v", claimed)
	}
}

// A dead agent's claim is still parked when its lease ends. It must not get the mission
// that was just taken from that agent.
func TestWhatIsTakenFromASilentAgentIsNotReturnedToIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: 800 * time.Millisecond, heartbeat: 100 * time.Millisecond})
	created, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "x", Type: "a"})
	must(t, err)
	agent := r.register("silent", "a")
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	if len(claimed.Missions) != 1 {
		t.Fatalf("claimed: %+v", claimed)
	}
	// The agent is last heard from when half of its lease has passed.
	half := claimed.Missions[0].LeaseExpiresAt.Add(-400 * time.Millisecond)
	eventually.Holds(t, func() bool { return missions.At(time.Now()) >= half }, func() string { return "half of the lease does not pass" })
	again, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 20})
	must(t, err)
	if len(again.Missions) != 0 {
		t.Errorf("the silent agent is given %+v", again.Missions)
	}
	m, err := r.client.Get(t.Context(), created.ID)
	must(t, err)
	if m.Status != missions.Pending {
		t.Errorf("the mission is %s", m.Status)
	}
}

func TestErrorsCarryCodeHeaderAndBody(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	msg := r.request("supervisor.missions.get", []byte(`{"id":"nowhere"}`))
	if msg.Header.Get("Nats-Service-Error-Code") != "404" || msg.Header.Get("Nats-Service-Error") == "" {
		t.Fatalf("headers: %v", msg.Header)
	}
	if want := `{"error":{"code":"not_found","message":"there is no mission \"nowhere\""}}`; string(msg.Data) != want {
		t.Fatalf("got  %s\nwant %s", msg.Data, want)
	}
	_, err := r.client.Get(t.Context(), "nowhere")
	if !errors.Is(err, api.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}
