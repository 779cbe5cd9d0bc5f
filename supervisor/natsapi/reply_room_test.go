package natsapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// filled returns data of about n bytes.
func filled(n int) json.RawMessage { return json.RawMessage(`{"x":"` + strings.Repeat("x", n) + `"}`) }

// A mission that the broker could not carry to an agent is refused when it is created over
// HTTP, which has no such limit, alone and in a batch.
func TestAMissionThatNoReplyCanCarryIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{maxPayload: 32 << 10})
	small, large := api.MissionSpec{Name: "small", Data: filled(30 << 10)}, api.MissionSpec{Name: "large", Data: filled(32 << 10)}
	_, err := r.service.Create(t.Context(), api.CreateRequest{MissionSpec: large})
	var refusal *api.Error
	if !errors.As(err, &refusal) || refusal.Status() != 413 || !strings.Contains(refusal.Message, "max_payload is 32768") {
		t.Errorf("created: %v", err)
	}
	reply, err := r.service.Create(t.Context(), api.CreateRequest{Missions: []api.MissionSpec{small, large}})
	must(t, err)
	if reply.Results[0].Error != nil || reply.Results[1].Error == nil || reply.Results[1].Error.Status() != 413 {
		t.Errorf("created: %+v, %+v", reply.Results[0].Error, reply.Results[1].Error)
	}
	agent := r.register("a", "default")
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	if len(claimed.Missions) != 1 || len(claimed.Missions[0].Data) < 30<<10 {
		t.Errorf("claimed %d missions", len(claimed.Missions))
	}
}

// A mission that was stored while the broker carried more fails once, with the reason, and
// the agent gets what is behind it. Missions that do not fit beside each other come one
// after the other and use no attempt.
func TestAMissionThatNoReplyCanCarryFailsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{maxPayload: 48 << 10})
	control := strings.Repeat("\x01", 5<<10) // six times as long in JSON, which the store does not foresee
	_, err := r.store.Create(t.Context(), []missions.Mission{
		{ID: "large", Name: "large", Type: "default", Priority: missions.Critical, MaxAttempts: 3, Data: filled(100 << 10)},
		{ID: "one", Name: "one", Type: "default", Priority: missions.High, MaxAttempts: 3, Description: control},
		{ID: "two", Name: "two", Type: "default", Priority: missions.Normal, MaxAttempts: 3, Description: control},
	})
	must(t, err)
	agent := r.register("a", "default")
	for _, want := range []string{"one", "two"} {
		claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 10, WaitSeconds: 5})
		must(t, err)
		got := claimed.Missions
		if len(got) != 1 || got[0].ID != want || got[0].Attempt != 1 {
			t.Fatalf("claimed %+v, want %s", got, want)
		}
	}
	large, err := r.store.Get(t.Context(), "large")
	must(t, err)
	if large.Status != missions.Failed || large.Attempt != 1 || !strings.Contains(string(large.Error), "max_payload is 49152") {
		t.Errorf("%s after %d attempts: %s", large.Status, large.Attempt, large.Error)
	}
}
