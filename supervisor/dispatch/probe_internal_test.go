package dispatch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// probing runs a dispatcher that probes every second, in a synctest bubble.
func probing(t *testing.T, q *queue, test func(t *testing.T, d *Dispatcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := New(q.claim, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.Run(ctx) })
		test(t, d)
		cancel()
		loop.Wait()
	})
}

// put adds missions without a notification.
func (q *queue) put(kinds ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		q.waiting = append(q.waiting, missions.Mission{Type: kind})
	}
}

func (q *queue) asked() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls
}

func TestWhatNobodyToldOfIsFoundWithinASecond(t *testing.T) {
	t.Parallel()
	q := &queue{}
	probing(t, q, func(t *testing.T, d *Dispatcher) {
		claims := []<-chan missions.ClaimResult{
			park(d, "a", 1, "x"), park(d, "b", 1, "x"), park(d, "c", 2, "y", "x"), park(d, "d", 1, "z"),
		}
		began := time.Now()
		q.put("x", "x", "y", "x")
		for i, claim := range claims[:3] {
			if r := <-claim; len(r.Missions) == 0 {
				t.Errorf("claim %d got nothing", i)
			}
		}
		if late := time.Since(began); late > time.Second {
			t.Errorf("found after %s", late)
		}
		synctest.Wait()
		if len(claims[3]) != 0 {
			t.Error("a claim ended without a mission")
		}
	})
}

// A probe is one call to the store with one claim for each type, and keeps the order of
// the waiting claims.
func TestAProbeIsCheapAndFair(t *testing.T) {
	t.Parallel()
	q := &queue{}
	probing(t, q, func(t *testing.T, d *Dispatcher) {
		first, second := park(d, "first", 1, "x"), park(d, "second", 1, "x")
		before := q.asked()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		if calls := q.asked() - before; calls != 10 {
			t.Errorf("%d calls in ten seconds", calls)
		}
		q.add(d, "x")
		if r := <-first; len(r.Missions) != 1 {
			t.Errorf("the longest parked got %+v", r)
		}
		if len(second) != 0 {
			t.Error("the other one ended too")
		}
	})
}

func TestAProbeOfAStoreThatIsAwayEndsNoClaim(t *testing.T) {
	t.Parallel()
	q := &queue{}
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		d := New(func(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
			if away.Load() {
				return nil, errors.New("away")
			}
			return q.claim(ctx, batch)
		}, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.Run(ctx) })
		claim := park(d, "a", 1, "x")
		away.Store(true)
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if len(claim) != 0 {
			t.Errorf("the claim ended with %+v", <-claim)
		}
		away.Store(false)
		q.put("x")
		if r := <-claim; len(r.Missions) != 1 {
			t.Errorf("%+v", r)
		}
		cancel()
		loop.Wait()
	})
}

// More types than one batch holds are probed in turn.
func TestEveryTypeHasItsTurn(t *testing.T) {
	t.Parallel()
	d := New(nil, 0)
	for i := range missions.MaxBatch + 5 {
		d.parked = append(d.parked, &ParkedClaim{types: []string{string(rune('一' + i))}})
	}
	if n := len(d.onePerType()); n != missions.MaxBatch {
		t.Errorf("%d in the first batch", n)
	}
	if n := len(d.onePerType()); n != 5 {
		t.Errorf("%d in the second batch", n)
	}
	if n := len(d.onePerType()); n != missions.MaxBatch {
		t.Errorf("%d in the third batch", n)
	}
}
