package leader_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// A mission that cannot be reached holds up neither others with its key nor other keys, and has its turn once it can be.
func TestTurnsOfMissionsThatCannotBeReached(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	backend := &parted{Memory: enginetest.NewMemory()}
	s, err := leader.Open(ctx, leader.Config{Engine: engine.Config{OutboxLimit: 1000, QueueWindow: 2, DocsBytes: 1, RecordsBytes: 1}, Backend: backend, Logger: quiet, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	_, err = s.Register(ctx, missions.Agent{ID: "a", Capacity: 9, Types: []string{"default"}}, time.Hour)
	must(t, err)
	for _, of := range []struct{ id, key string }{{"far-1", "far"}, {"far-2", "far"}, {"near-1", "far"}, {"far-3", "lost"}, {"near-2", "near"}} {
		m := mission(of.id)
		m.Flow = &missions.Flow{Key: of.key}
		created, err := s.Create(ctx, []missions.Mission{m})
		must(t, err)
		must(t, created[0].Err)
	}
	claims := func(most int, want ...string) {
		t.Helper()
		r, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: most, Lease: time.Hour}})
		must(t, err)
		must(t, r[0].Err)
		var got []string
		for _, m := range r[0].Missions {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("given %v, want %v", got, want)
		}
	}
	backend.change(true)
	claims(1, "near-1")
	claims(1, "near-2")
	claims(1)
	backend.change(false)
	claims(1, "far-3")
	claims(1, "far-1")
	claims(9, "far-2")
}

// Claims of one step may take what was loaded for others: nobody who waits is forgotten.
func TestClaimsOfOneStepAmongKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := leader.Open(ctx, leader.Config{Engine: engine.Config{OutboxLimit: 1 << 20, QueueWindow: 2, DocsBytes: 1, RecordsBytes: 1}, Backend: enginetest.NewMemory(), Logger: quiet, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	var requests []missions.ClaimRequest
	for i := range 20 {
		agent := fmt.Sprint("a", i)
		_, err = s.Register(ctx, missions.Agent{ID: agent, Capacity: 9, Types: []string{"default"}}, time.Hour)
		must(t, err)
		requests = append(requests, missions.ClaimRequest{AgentID: agent, Max: 5, Lease: time.Hour})
	}
	const all = 300
	for i := range all {
		m := mission(fmt.Sprintf("m%03d", i))
		m.Flow = &missions.Flow{Key: fmt.Sprint("key ", i*i%23)}
		created, err := s.Create(ctx, []missions.Mission{m})
		must(t, err)
		must(t, created[0].Err)
	}
	given := 0
	for range 10 {
		results, err := s.Claim(ctx, requests)
		must(t, err)
		for _, r := range results {
			must(t, r.Err)
			if given += len(r.Missions); len(r.Missions) == 0 && !r.More && given < all {
				t.Fatalf("an agent is given nothing after %d of %d missions, and is not told that there are more", given, all)
			}
		}
	}
	if given != all {
		t.Errorf("%d of %d missions were given", given, all)
	}
}
