package dispatch

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// claimedOne is the result of a claim that gets one mission of a type.
func claimedOne(kind string) missions.ClaimResult {
	return missions.ClaimResult{Types: []string{kind}, Missions: []missions.Mission{{Type: kind}}}
}

// claimedNone is the result of a claim that comes too late.
var claimedNone = missions.ClaimResult{Missions: []missions.Mission{}}

func wantAgents(t *testing.T, claims []*ParkedClaim, agents ...string) {
	t.Helper()
	var got []string
	for _, c := range claims {
		got = append(got, c.request.AgentID)
	}
	if !slices.Equal(got, agents) {
		t.Fatalf("reserved the claims of %v, want %v", got, agents)
	}
}

func TestMissionsReserveAsManyClaimsAsTheyNeed(t *testing.T) {
	t.Parallel()
	dispatching(t, &queue{}, func(t *testing.T, d *Dispatcher) {
		first, second := park(d, "first", 2, "x"), park(d, "second", 1, "y", "x")
		park(d, "third", 1, "x")
		wantAgents(t, d.Reserve(map[string]int{"z": 1}))
		claims := d.Reserve(map[string]int{"x": 3})
		wantAgents(t, claims, "first", "second")
		d.Release(claims, []missions.ClaimResult{claimedOne("x"), claimedOne("x")})
		for _, claim := range []<-chan missions.ClaimResult{first, second} {
			if r := <-claim; len(r.Missions) != 1 {
				t.Errorf("a reserved claim got %+v", r)
			}
		}
		claims = d.Reserve(map[string]int{"x": 3})
		wantAgents(t, claims, "third")
		d.Release(claims, []missions.ClaimResult{claimedNone})
	})
}

// A claim that gets claimedNone, because the store failed or another claim was faster,
// keeps waiting in its place.
func TestAReservedClaimThatGetsNothingKeepsItsPlace(t *testing.T) {
	t.Parallel()
	q := &queue{}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		first := park(d, "first", 1, "x")
		park(d, "second", 1, "x")
		park(d, "third", 1, "x")
		for _, results := range [][]missions.ClaimResult{{claimedNone, claimedNone}, nil} {
			claims := d.Reserve(map[string]int{"x": 2})
			wantAgents(t, claims, "first", "second")
			d.Release(claims, results)
		}
		q.add(d, "x")
		if r := <-first; len(r.Missions) != 1 {
			t.Errorf("the first claim got %+v", r)
		}
	})
}

// A mission that becomes claimable while no claim is parked, because the claims are
// reserved, is claimed when they are released.
func TestNothingIsMissedByAReservedClaim(t *testing.T) {
	t.Parallel()
	q := &queue{}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		claim := park(d, "a", 1, "x")
		claims := d.Reserve(map[string]int{"x": 1})
		q.add(d, "x")
		synctest.Wait()
		d.Release(claims, []missions.ClaimResult{claimedNone})
		if r := <-claim; len(r.Missions) != 1 {
			t.Errorf("the claim got %+v", r)
		}
	})
}

// A claim that ends while it is reserved is answered on release, with what it got.
func TestAReservedClaimThatEndsIsAnswered(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]missions.ClaimResult{"a mission": claimedOne("x"), "nothing": claimedNone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dispatching(t, &queue{}, func(t *testing.T, d *Dispatcher) {
				expired, agentsGone := park(d, "expired", 1, "x"), park(d, "dismissed", 1, "x")
				claims := d.Reserve(map[string]int{"x": 2})
				wantAgents(t, claims, "expired", "dismissed")
				d.EndClaims("dismissed")
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				d.Release(claims, []missions.ClaimResult{result, result})
				for _, claim := range []<-chan missions.ClaimResult{expired, agentsGone} {
					if r := <-claim; len(r.Missions) != len(result.Missions) || r.Err != nil {
						t.Errorf("a claim got %+v", r)
					}
				}
			})
		})
	}
}

// A stopping dispatcher waits for reserved claims, so that no mission is assigned to a
// claim that was told to ask again.
func TestAStopWaitsForReservedClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New((&queue{}).claim, 0)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.Run(ctx) })
		claim := park(d, "a", 1, "x")
		claims := d.Reserve(map[string]int{"x": 1})
		cancel()
		synctest.Wait()
		if len(claim) != 0 {
			t.Fatalf("the claim got %+v before it was back", <-claim)
		}
		d.Release(claims, []missions.ClaimResult{claimedOne("x")})
		loop.Wait()
		if r := <-claim; len(r.Missions) != 1 || r.Err != nil {
			t.Errorf("the claim got %+v", r)
		}
		wantAgents(t, d.Reserve(map[string]int{"x": 1}))
	})
}
