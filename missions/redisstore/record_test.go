package redisstore_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// TestNothingIsLeftOfAMission deletes one that had keys of every kind.
func TestNothingIsLeftOfAMission(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	store := mustOpen(t, redisstore.Config{URL: server.URL()})
	large := json.RawMessage(`"` + strings.Repeat("x", 10_000) + `"`)
	m := missions.Mission{ID: "m", Name: "m", Type: "t", MaxAttempts: 3, Priority: missions.Normal, Data: large, Tags: []string{"red"}, Deadline: missions.At(time.Now().Add(time.Hour))}
	_, err := store.Create(t.Context(), []missions.Mission{m})
	must(t, err)
	_, err = store.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, time.Minute)
	must(t, err)
	claims, err := store.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Minute}})
	must(t, err)
	ref := missions.LeaseRef{MissionID: "m", Lease: claims[0].Missions[0].Lease}
	_, err = store.AppendLog(t.Context(), []missions.LogAppend{{AgentID: "a", LeaseRef: ref, Level: "info", Message: "x"}})
	must(t, err)
	_, err = store.Finish(t.Context(), []missions.Finish{{AgentID: "a", LeaseRef: ref, Outcome: missions.OutcomeComplete, Result: large}})
	must(t, err)
	kinds := []string{"m:*", "d:*", "r:*", "g:*", "i:*", "f", "ia:*", "ig:*"}
	keys := func() (found []string) {
		for _, kind := range kinds {
			some, err := server.Client().Keys(t.Context(), "{mc:0}:"+kind).Result()
			must(t, err)
			found = append(found, some...)
		}
		return found
	}
	if had := keys(); len(had) != len(kinds) {
		t.Fatalf("a mission has the keys %v, want one of each of %v", had, kinds)
	}
	_, err = store.Delete(t.Context(), []string{"m"})
	must(t, err)
	if left := keys(); len(left) > 0 {
		t.Errorf("a deleted mission has left %v behind", left)
	}
}
