package storetest

import (
	"fmt"
	"testing"
	"time"

	"missioncontrol/missions"
)

// Keys measures a claim of one mission, and its completion, while many wait: keys have one each, but for the first, which has
// all the others. With one key, it is what the others are compared with.
func Keys(b *testing.B, s missions.Store, keys, waiting int) {
	ctx := b.Context()
	_, err := s.Register(ctx, missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, time.Hour)
	benchMust(b, err)
	for n := 0; n < waiting; n += missions.MaxBatch {
		batch := make([]missions.Mission, min(missions.MaxBatch, waiting-n))
		for i := range batch {
			key := 0
			if left := waiting - n - i; left < keys {
				key = left
			}
			batch[i] = waitingMission(fmt.Sprintf("m-%07d", n+i), &missions.Flow{Key: fmt.Sprintf("key-%05d", key)})
		}
		created, err := s.Create(ctx, batch)
		benchMust(b, err)
		for i := range created {
			benchMust(b, created[i].Err)
		}
		forgetAll(b, s)
	}
	b.ResetTimer()
	for b.Loop() {
		claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
		benchMust(b, err)
		if len(claimed[0].Missions) != 1 {
			b.Fatalf("claimed %d missions: %v", len(claimed[0].Missions), claimed[0].Err)
		}
		m := claimed[0].Missions[0]
		_, err = s.Finish(ctx, []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeComplete, LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}}})
		benchMust(b, err)
	}
}
