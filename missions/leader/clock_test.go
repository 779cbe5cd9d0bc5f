package leader_test

import (
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// TestAStepOfTheClockChangesNoDuration: an hour forward ends no lease, an hour back prolongs
// no back-off.
func TestAStepOfTheClockChangesNoDuration(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
			var passed, stepped atomic.Int64
			store, err := leader.Open(t.Context(), leader.Config{
				Engine:  engine.Config{OutboxLimit: 1000, Retry: missions.RetryPolicy{Base: 2 * time.Second, Max: 2 * time.Second}},
				Backend: enginetest.NewMemory(), Logger: quiet,
				Now:    func() time.Time { return began.Add(time.Duration(passed.Load() + stepped.Load())) },
				Steady: func() time.Duration { return time.Duration(passed.Load()) },
			})
			must(t, err)
			t.Cleanup(func() { must(t, store.Close()) })
			due := func() missions.DueResult {
				t.Helper()
				result, err := store.Due(t.Context(), 100)
				must(t, err)
				return result
			}
			_, err = store.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"default"}, Capacity: 2}, 10*time.Second)
			must(t, err)
			_, err = store.Create(t.Context(), []missions.Mission{mission("held"), mission("failed")})
			must(t, err)
			claims, err := store.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 2, Lease: 10 * time.Second}})
			must(t, err)
			_, err = store.Finish(t.Context(), []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeFail, Retryable: true,
				LeaseRef: missions.LeaseRef{MissionID: "failed", Lease: claims[0].Missions[1].Lease}}})
			must(t, err)

			stepped.Store(int64(by))
			if result := due(); len(result.Stop)+len(result.Offline)+len(result.Ready) > 0 {
				t.Errorf("the step alone ends %+v", result)
			}
			passed.Add(int64(3 * time.Second)) // longer than the back-off
			if result := due(); len(result.Ready) != 1 || len(result.Stop)+len(result.Offline) > 0 {
				t.Errorf("3 s later %+v is due, want the mission that failed", result)
			}
			passed.Add(int64(8 * time.Second)) // longer than the lease
			if result := due(); len(result.Stop) != 1 || len(result.Offline) != 1 {
				t.Errorf("11 s later %+v is due, want the lease and the agent", result)
			}
		})
	}
}
