package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"missioncontrol/missions"
)

// Keys measures a claim of one mission, and its completion, in two stores in which as many missions wait: in one of them
// they all have the same key; in the other one keys have one each, but for the first, which has all the others. The two take
// turns, so that what else the machine does makes no difference to the ratio of their medians.
func Keys(b *testing.B, one, many missions.Store, keys, waiting int) {
	waitWithKeys(b, one, 1, waiting)
	waitWithKeys(b, many, keys, waiting)
	var took [2][]time.Duration
	for b.Loop() {
		for i, s := range []missions.Store{one, many} {
			begun := time.Now()
			claimAndComplete(b, s)
			took[i] = append(took[i], time.Since(begun))
		}
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2].Nanoseconds())
	}
	b.ReportMetric(median(took[0]), "ns/one-key")
	b.ReportMetric(median(took[1]), "ns/many-keys")
	b.ReportMetric(median(took[1])/median(took[0]), "ratio")
}

// waitWithKeys has missions wait: keys have one each, but for the first.
func waitWithKeys(b *testing.B, s missions.Store, keys, waiting int) {
	b.Helper()
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
}

func claimAndComplete(b *testing.B, s missions.Store) {
	b.Helper()
	ctx := b.Context()
	claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
	benchMust(b, err)
	if len(claimed[0].Missions) != 1 {
		b.Fatalf("claimed %d missions: %v", len(claimed[0].Missions), claimed[0].Err)
	}
	m := claimed[0].Missions[0]
	_, err = s.Finish(ctx, []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeComplete, LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}}})
	benchMust(b, err)
}
