package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// queue is a minimal store for claims: missions by type, assigned in order.
type queue struct {
	mu      sync.Mutex
	waiting []missions.Mission
	refuse  map[string]error // by agent
	atMost  int              // missions for one claim, as if the reply were small; 0: no bound
	calls   int
}

func (q *queue) claim(_ context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls++
	results := make([]missions.ClaimResult, len(batch))
	for i, request := range batch {
		if err := q.refuse[request.AgentID]; err != nil {
			results[i].Err = err
			continue
		}
		results[i].Types = request.Types
		q.waiting = slices.DeleteFunc(q.waiting, func(m missions.Mission) bool {
			if !slices.Contains(request.Types, m.Type) || len(results[i].Missions) == request.Max {
				return false
			}
			if m.AgentID != "" && string(m.AgentID) != request.AgentID {
				results[i].Others = true
				return false
			}
			if q.atMost > 0 && len(results[i].Missions) == q.atMost {
				results[i].More = true
				return false
			}
			results[i].Missions = append(results[i].Missions, m)
			return true
		})
	}
	return results, nil
}

func (q *queue) add(d *Dispatcher, kinds ...string) {
	q.mu.Lock()
	for _, kind := range kinds {
		q.waiting = append(q.waiting, missions.Mission{Type: kind})
	}
	q.mu.Unlock()
	for _, kind := range kinds {
		d.Ready(kind, 1)
	}
}

// addFor adds a mission that only one agent may have.
func (q *queue) addFor(d *Dispatcher, agent, kind string) {
	q.mu.Lock()
	q.waiting = append(q.waiting, missions.Mission{Type: kind, AgentID: missions.Text(agent)})
	q.mu.Unlock()
	d.Ready(kind, 1)
}

// dispatching runs a dispatcher on a queue in a synctest bubble.
func dispatching(t *testing.T, q *queue, test func(t *testing.T, d *Dispatcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := New(q.claim, 0)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.Run(ctx) })
		test(t, d)
		cancel()
		loop.Wait()
	})
}

// park starts a claim that waits, and returns a channel with its outcome.
func park(d *Dispatcher, agent string, most int, kinds ...string) <-chan missions.ClaimResult {
	out := make(chan missions.ClaimResult, 1)
	go func() {
		result, err := d.Wait(context.Background(), missions.ClaimRequest{AgentID: agent, Types: kinds, Max: most}, time.Minute)
		result.Err = err
		out <- result
	}()
	synctest.Wait()
	return out
}

func TestTheLongestParkedClaimIsWokenFirstAndAlone(t *testing.T) {
	t.Parallel()
	q := &queue{}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		first, other, second := park(d, "a", 1, "x"), park(d, "b", 1, "y"), park(d, "c", 1, "x")
		q.add(d, "x")
		synctest.Wait()
		if r := <-first; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
		if len(other)+len(second) != 0 {
			t.Fatal("a claim was woken for nothing")
		}
		q.add(d, "x", "y")
		if r := <-second; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
		if r := <-other; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
	})
}

// A mission that only one agent may have reaches its claim, however many others wait for longer, and each of these is tried
// once. One that nobody may have wakes each claim once.
func TestAMissionForOneAgentFindsItsClaim(t *testing.T) {
	t.Parallel()
	q := &queue{}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		first, second := park(d, "first", 1, "x"), park(d, "second", 2, "x")
		third, other := park(d, "third", 1, "y", "x"), park(d, "other", 1, "y")
		calls := q.calls
		q.addFor(d, "nobody", "x") // tried by the first, by the second and the third, and by the other, whose type the third has, too
		synctest.Wait()
		if q.calls-calls != 3 || len(first)+len(second)+len(third)+len(other) != 0 {
			t.Fatalf("%d calls for a mission that nobody may have", q.calls-calls)
		}
		q.addFor(d, "third", "x")
		if r := <-third; len(r.Missions) != 1 || r.Missions[0].AgentID != "third" {
			t.Fatalf("%+v", r)
		}
		again := park(d, "third", 1, "x")
		reserved := d.Reserve(map[string]int{"x": 9})
		q.addFor(d, "third", "x") // while its claim is away
		synctest.Wait()
		d.Release(reserved, make([]missions.ClaimResult, len(reserved)))
		if r := <-again; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
		if len(first)+len(second)+len(other) != 0 {
			t.Error("others got something")
		}
	})
}

// More claims than a batch has, for a mission that nobody may have, are tried once, and the dispatcher comes to rest.
func TestAMissionForNobodyAmongManyClaims(t *testing.T) {
	t.Parallel()
	q := &queue{}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		const many = missions.MaxBatch + 200
		for i := range many {
			go func() {
				_, _ = d.Wait(context.Background(), missions.ClaimRequest{AgentID: fmt.Sprint("a", i), Types: []string{"x"}, Max: 1}, time.Minute)
			}()
		}
		synctest.Wait()
		q.addFor(d, "nobody", "x")
		synctest.Wait()
		calls := q.calls
		d.Ready("x", many) // while another is for nobody, too
		q.addFor(d, "nobody", "x")
		synctest.Wait()
		if n := q.calls - calls; n > 6 {
			t.Errorf("%d calls for %d claims", n, many)
		}
	})
}

func TestAClaimThatExpiresGetsNothing(t *testing.T) {
	t.Parallel()
	dispatching(t, &queue{}, func(t *testing.T, d *Dispatcher) {
		began := time.Now()
		r := <-park(d, "a", 1, "x")
		if r.Err != nil || len(r.Missions) != 0 || time.Since(began) != time.Minute {
			t.Fatalf("%+v after %s", r, time.Since(began))
		}
	})
}

func TestWhatAWokenClaimCannotTakeIsPassedOn(t *testing.T) {
	t.Parallel()
	q := &queue{refuse: map[string]error{}}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		drained, next := park(d, "drained", 1, "x"), park(d, "next", 1, "x")
		q.mu.Lock()
		q.refuse["drained"] = errors.New("draining")
		q.mu.Unlock()
		q.add(d, "x")
		if r := <-drained; r.Err == nil {
			t.Fatalf("%+v", r)
		}
		if r := <-next; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestWhatDoesNotFitIntoOneReplyIsPassedOn(t *testing.T) {
	t.Parallel()
	q := &queue{atMost: 1}
	dispatching(t, q, func(t *testing.T, d *Dispatcher) {
		one, two := park(d, "a", 10, "x"), park(d, "b", 10, "x")
		q.add(d, "x", "x")
		if r := <-one; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
		if r := <-two; len(r.Missions) != 1 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestDismissalAndStopEndParkedClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New((&queue{}).claim, 0)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.Run(ctx) })
		gone, stays := park(d, "gone", 1, "x"), park(d, "stays", 1, "x")
		d.EndClaims("gone")
		if r := <-gone; r.Err != nil || len(r.Missions) != 0 {
			t.Fatalf("%+v", r)
		}
		cancel()
		loop.Wait()
		if r := <-stays; len(r.Missions) != 0 {
			t.Fatalf("%+v", r)
		}
		if _, err := d.Wait(t.Context(), missions.ClaimRequest{}, time.Minute); !errors.Is(err, missions.ErrUnavailable) {
			t.Fatalf("a stopped dispatcher answered %v", err)
		}
	})
}
