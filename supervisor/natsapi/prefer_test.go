package natsapi_test

import (
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// A mission goes to the agent that it prefers, though others wait for longer, and to them as soon as that agent leaves.
func TestAMissionGoesToTheAgentThatItPrefers(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	ctx := t.Context()
	first, preferred := r.register("w1", "t"), r.register("w2", "t")
	var waiting sync.WaitGroup
	defer waiting.Wait()
	others := make(chan string, 1)
	waiting.Go(func() {
		m, _ := r.claimOne(first)
		others <- m.ID
	})
	prefers := missions.Preference{PreferAgent: "w2"}
	for _, id := range []string{"a", "b"} {
		m, _, err := r.client.Create(ctx, api.MissionSpec{ID: id, Name: "n", Type: "t", Preference: prefers})
		must(t, err)
		if m.PreferAgent != "w2" || m.PreferSeconds != missions.DefaultPreferSeconds || m.PreferUntil <= m.CreatedAt {
			t.Errorf("%s prefers %+v until %v", id, m.Preference, m.PreferUntil)
		}
	}
	m, lease := r.claimOne(preferred)
	if m.ID != "a" || m.PreferUntil != 0 {
		t.Errorf("claimed %s, withheld until %v", m.ID, m.PreferUntil)
	}
	must(t, preferred.Park(ctx, api.Release{LeaseRef: lease, Preference: missions.Preference{PreferAgent: "w2", PreferSeconds: 3600}}))
	if again, _ := r.claimOne(preferred); again.ID != "a" || again.PreferSeconds != 3600 || again.Turn != 2 {
		t.Errorf("claimed %s in turn %d, prefers %+v", again.ID, again.Turn, again.Preference)
	}
	select {
	case id := <-others:
		t.Errorf("another agent got %s", id)
	default:
	}
	must(t, preferred.Leave(ctx))
	if id := <-others; id != "a" {
		t.Errorf("when it has left, another agent got %s", id)
	}
	if next, _ := r.claimOne(first); next.ID != "b" {
		t.Errorf("and then %s", next.ID)
	}
}
