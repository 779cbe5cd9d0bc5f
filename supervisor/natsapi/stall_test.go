package natsapi_test

import (
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// An agent that sends heartbeats, but shows no progress of a mission for stall_seconds,
// loses the mission. A push and its next heartbeat notify it, and the event says why.
func TestAStalledMissionIsTakenFromALivingAgent(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	agent := r.register("a1", "default")
	commands, err := r.nc.SubscribeSync(api.CommandsSubject("a1"))
	must(t, err)
	changes := r.events("mission.status_changed")
	m, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "hangs", StallSeconds: 0.1})
	must(t, err)
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	lease := api.LeaseRef{MissionID: m.ID, Lease: claimed.Missions[0].Lease}
	_, err = agent.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease}}})
	must(t, err)

	push, err := commands.NextMsg(testTimeout)
	must(t, err)
	if want := `{"command":"cancel","mission_id":"` + m.ID + `"}`; string(push.Data) != want {
		t.Errorf("pushed %s, want %s", push.Data, want)
	}
	reply, err := agent.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease}}})
	must(t, err)
	if len(reply.Lost) != 1 || reply.Lost[0] != m.ID || len(reply.Cancel) != 0 {
		t.Errorf("the heartbeat is answered %+v", reply)
	}
	const why = "stalled on agent a1: no progress for 0.1s"
	if m, err = r.client.Get(t.Context(), m.ID); err != nil || m.Status != missions.Pending || m.Attempt != 1 || string(m.Error) != why {
		t.Errorf("the mission is %+v (%v)", m, err)
	}
	changes() // PENDING to RUNNING
	payload, _ := changes()["payload"].(map[string]any)
	if reason, _ := payload["reason"].(string); !strings.HasPrefix(reason, why) || payload["new_status"] != "PENDING" {
		t.Errorf("the event says %v", payload)
	}
}
