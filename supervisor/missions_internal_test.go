package supervisor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/dispatch"
)

// panicking is a store with a fault.
type panicking struct{ missions.Store }

func (panicking) CreateAndClaim(context.Context, []missions.Mission, []missions.ClaimRequest) ([]missions.CreateResult, []missions.ClaimResult, error) {
	panic("a fault")
}

// A panic costs one request, and not the claims that it had reserved.
func TestClaimsReservedForAPanicAreReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := dispatch.New(func(_ context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
			return []missions.ClaimResult{{Types: batch[0].Types}}, nil // there is no mission
		}, 0)
		ctx, cancel := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		loops.Go(func() { d.Run(ctx) })
		got := 0
		loops.Go(func() {
			result, err := d.Wait(t.Context(), missions.ClaimRequest{AgentID: "a", Types: []string{"x"}, Max: 1}, time.Minute)
			if err != nil {
				t.Error(err)
			}
			got = len(result.Missions)
		})
		synctest.Wait()

		s := &Service{dispatch: d, cfg: Config{Store: panicking{}}}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the store did not panic")
				}
			}()
			_, _ = s.store(t.Context(), []missions.Mission{{Type: "x"}})
		}()
		claims := d.Reserve(map[string]int{"x": 1})
		if len(claims) != 1 {
			t.Fatalf("%d claims are parked, want 1", len(claims))
		}
		d.Release(claims, []missions.ClaimResult{{Missions: []missions.Mission{{Type: "x"}}}})
		cancel()
		loops.Wait()
		if got != 1 {
			t.Errorf("the claim got %d missions, want 1", got)
		}
	})
}
