package browser

import (
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The page of a mission that could start says what keeps it from that.
func TestWhyAMissionDoesNotStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	one := int64(1)
	_, err := s.client().SetLimit(t.Context(), missions.LimitSpec{Name: "anthropic", PerKey: &one, Keys: map[string]missions.KeyLimit{"tenant-9": {Paused: true}}})
	must(t, err)
	_, err = s.client().SetLimit(t.Context(), missions.LimitSpec{Name: "stop", Type: "u", Paused: true})
	must(t, err)
	s.create(
		api.MissionSpec{ID: "runs", Name: "first", Type: "t", Key: "tenant-7", Limits: []string{"anthropic"}},
		api.MissionSpec{ID: "second", Name: "second", Type: "t", Key: "tenant-7", Limits: []string{"anthropic"}},
		api.MissionSpec{ID: "other", Name: "other", Type: "t", Key: "tenant-9", Limits: []string{"anthropic"}},
		api.MissionSpec{ID: "stopped", Name: "stopped", Type: "u"},
		api.MissionSpec{ID: "gpu", Name: "gpu", Type: "t", Requires: map[string]string{"gpu": "h100"}},
		api.MissionSpec{ID: "warm", Name: "warm", Type: "t", Preference: missions.Preference{PreferAgent: "w", PreferSeconds: 3600}})
	agent := s.client().Agent("w")
	_, err = agent.Register(t.Context(), api.RegisterRequest{Name: "w", Types: []string{"t"}, Capacity: 1})
	must(t, err)
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != "runs" {
		t.Fatalf("claimed %+v", claimed)
	}
	b := openTab(t, s.HTTP, wide)
	for id, why := range map[string]string{
		"second":  "As many run of its key “tenant-7” as may.",
		"other":   "Its key “tenant-9” is paused.",
		"stopped": "Held by limit “stop”",
		"gpu":     "No agent has the labels that it requires",
		"warm":    "Waits for agent w",
	} {
		b.open("mission/"+id, id)
		b.awaitText(why)
	}
}
