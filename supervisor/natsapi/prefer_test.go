package natsapi_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

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

// Agents that a mission prefers, or that have the labels that it requires, get it at once, though claims of others are
// parked before their own.
func TestAParkedClaimThatMayHaveTheMissionGetsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	ctx := t.Context()
	claims := map[string]*nats.Subscription{}
	for _, id := range []string{"a", "b", "w"} {
		labels := map[string]string{}
		if id == "w" {
			labels["gpu"] = "h100"
		}
		_, err := r.client.Agent(id).Register(ctx, api.RegisterRequest{Name: id, Types: []string{"t"}, Capacity: 4, Labels: labels})
		must(t, err)
	}
	for _, spec := range []api.MissionSpec{
		{ID: "required", Name: "n", Type: "t", Requires: map[string]string{"gpu": "h100"}},
		{ID: "preferred", Name: "n", Type: "t", Preference: missions.Preference{PreferAgent: "w", PreferSeconds: 3600}},
	} {
		for _, id := range []string{"a", "b", "w"} { // in this order, since they are on one connection
			inbox := r.nc.NewInbox()
			sub, err := r.nc.SubscribeSync(inbox)
			must(t, err)
			must(t, r.nc.PublishRequest("supervisor.agent."+id+".claim", inbox, []byte(`{"max":1,"wait_seconds":60}`)))
			claims[id] = sub
		}
		_, err := r.client.Agent("w").Claim(ctx, api.ClaimRequest{Max: 1, Types: []string{"other"}}) // those before it are parked, or about to be
		must(t, err)
		_, _, err = r.client.Create(ctx, spec)
		must(t, err)
		msg, err := claims["w"].NextMsg(testTimeout)
		must(t, err)
		var claimed api.Claimed
		must(t, json.Unmarshal(msg.Data, &claimed))
		if len(claimed.Missions) != 1 || claimed.Missions[0].ID != spec.ID {
			t.Errorf("claimed %s", msg.Data)
		}
	}
}
