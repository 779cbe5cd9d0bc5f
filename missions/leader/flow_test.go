package leader_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// flowing is a store with helpers for tests of waits.
type flowing struct {
	*testing.T
	*leader.Store
	ahead atomic.Int64 // by which its clock is
}

func newFlowing(t *testing.T, backend engine.Backend) *flowing {
	t.Helper()
	f := &flowing{T: t}
	s, err := leader.Open(t.Context(), leader.Config{Engine: engine.Config{OutboxLimit: 1 << 40}, Backend: backend, Logger: quiet,
		Now: func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	f.Store = s
	_, err = s.Register(t.Context(), missions.Agent{ID: "a", Capacity: 9, Types: []string{"default"}}, 1000*time.Hour)
	must(t, err)
	return f
}

// add creates missions.
func (f *flowing) add(batch ...missions.Mission) {
	f.Helper()
	for i := range batch {
		batch[i].Normalize()
	}
	results, err := f.Create(f.Context(), batch)
	must(f.T, err)
	for _, r := range results {
		must(f.T, r.Err)
	}
}

// behind returns a mission that waits for the end of another.
func behind(id, source string) missions.Mission {
	m := mission(id)
	m.Flow = &missions.Flow{After: []missions.Condition{{Mission: source, When: missions.WhenEnded}}}
	return m
}

func (f *flowing) cancel(id string) {
	f.Helper()
	results, err := f.Cancel(f.Context(), []missions.CancelRequest{{ID: id}})
	must(f.T, err)
	must(f.T, results[0].Err)
}

func (f *flowing) retry(q missions.RetryRequest) error {
	f.Helper()
	results, err := f.Retry(f.Context(), []missions.RetryRequest{q})
	must(f.T, err)
	return results[0].Err
}

// due does what is due, some at a time, until there is no more. It returns how often that was.
func (f *flowing) due(limit int) (calls int) {
	f.Helper()
	for calls = 1; calls < 10_000; calls++ {
		result, err := f.Due(f.Context(), limit)
		must(f.T, err)
		if !result.More {
			return calls
		}
	}
	f.Fatal("there is always more that is due")
	return calls
}

// wantStatuses checks the statuses of missions, and whether those that are PENDING wait.
func (f *flowing) wantStatuses(want map[string]string) {
	f.Helper()
	for id, want := range want {
		m, err := f.Get(f.Context(), id)
		must(f.T, err)
		got := string(m.Status)
		if m.Flow != nil && m.WaitingFor != nil {
			got = "waits"
		}
		if got != want {
			f.Errorf("mission %s is %s, want %s", id, got, want)
		}
	}
}

// TestDueNow: as soon as somebody is to be told of an end, Due is called for.
func TestDueNow(t *testing.T) {
	t.Parallel()
	f := newFlowing(t, enginetest.NewMemory())
	f.add(mission("s"), behind("m", "s"))
	f.due(10)
	select {
	case <-f.DueNow():
	default:
	}
	f.cancel("s")
	select {
	case <-f.DueNow():
	default:
		t.Error("nobody calls for Due")
	}
	f.due(10)
	f.wantStatuses(map[string]string{"m": "PENDING"})
	select {
	case <-f.DueNow():
	default:
	}
	f.add(mission("other"))
	select {
	case <-f.DueNow():
		t.Error("Due is called for though nothing is due")
	default:
	}
}

// TestMostTurns: a mission that has had its turns cannot be parked, and ends some other way.
func TestMostTurns(t *testing.T) {
	t.Parallel()
	f := newFlowing(t, enginetest.NewMemory())
	m := mission("m")
	m.Flow = &missions.Flow{MaxUsage: missions.Usage{"usd": 1}, OnExceeded: missions.ExceededAsk}
	f.add(m)
	claim := func() missions.LeaseRef {
		r, err := f.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
		must(t, err)
		return missions.LeaseRef{MissionID: "m", Lease: r[0].Missions[0].Lease}
	}
	finish := func(of missions.Finish) error {
		of.AgentID, of.LeaseRef = "a", claim()
		r, err := f.Finish(t.Context(), []missions.Finish{of})
		must(t, err)
		return r[0].Err
	}
	for range missions.MaxTurns - 1 {
		must(t, finish(missions.Finish{Outcome: missions.OutcomeRelease}))
		events, err := f.Outboxes()[0].Pending(t.Context(), 0, 10) // what is kept takes time
		must(t, err)
		must(t, f.Outboxes()[0].Forget(t.Context(), events[len(events)-1].Seq))
	}
	parked := missions.Finish{Outcome: missions.OutcomeRelease, Park: &missions.Park{After: []missions.Condition{{Signal: "go"}}}}
	parked.AgentID, parked.LeaseRef = "a", claim()
	r, err := f.Finish(t.Context(), []missions.Finish{parked})
	must(t, err)
	if !isCode(r[0].Err, missions.CodeTooLarge) {
		t.Errorf("parking for another turn: %v", r[0].Err)
	}
	_, err = f.Progress(t.Context(), []missions.ProgressUpdate{{AgentID: "a", LeaseRef: parked.LeaseRef, Unchanged: true, Report: missions.Report{Usage: missions.Usage{"usd": 2}}}})
	must(t, err)
	f.wantStatuses(map[string]string{"m": "FAILED"}) // it cannot ask
}

func isCode(err error, code missions.Code) bool {
	var domain *missions.Error
	return errors.As(err, &domain) && domain.Code == code
}

// crowded is a backend that says of a mission how many wait for it.
type crowded struct {
	*enginetest.Memory
	n int64
}

func (b *crowded) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	docs, err := b.Memory.Docs(ctx, keys)
	if slices.Contains(keys, "n/s") {
		c := codec.Writer([]byte{1})
		codec.Number(c, &b.n)
		docs["n/s"] = c.Bytes()
	}
	return docs, err
}

// TestTooManyWaiters: a source has no more waiters and children than it may.
func TestTooManyWaiters(t *testing.T) {
	t.Parallel()
	backend := &crowded{Memory: enginetest.NewMemory(), n: missions.MaxWaiters - 1}
	f := newFlowing(t, backend)
	f.add(mission("s"))
	refused := func(m missions.Mission) {
		t.Helper()
		m.Normalize()
		results, err := f.Create(t.Context(), []missions.Mission{m})
		must(t, err)
		if !isCode(results[0].Err, missions.CodeOverloaded) {
			t.Errorf("one too many: %v", results[0].Err)
		}
	}
	f.add(behind("last", "s"))
	refused(behind("more", "s"))
	refused(func() missions.Mission { m := mission("child"); return m.ChildOf("s") }())
	f.cancel("last")
	f.add(behind("instead", "s"))
	refused(behind("more", "s"))
}

// TestWaitersThatCannotBeReached: those that can be reached are told at once, the others once they can be
// reached, each of the end that came while it waited.
func TestWaitersThatCannotBeReached(t *testing.T) {
	t.Parallel()
	backend := &parted{Memory: enginetest.NewMemory()}
	f := newFlowing(t, backend)
	f.add(mission("s"))
	want := map[string]string{}
	for i := range 30 { // most of those at the front are far
		id := fmt.Sprintf("far-%02d", i)
		if i%7 == 6 {
			id = fmt.Sprintf("near-%02d", i)
		}
		f.add(behind(id, "s"))
		want[id] = "PENDING"
	}
	for i := range 100 { // and more ends than one Due looks at
		f.add(mission(fmt.Sprintf("s%d", i)), behind(fmt.Sprintf("far-s%d", i), fmt.Sprintf("s%d", i)))
		want[fmt.Sprintf("far-s%d", i)] = "PENDING"
	}
	f.add(mission("last"), behind("near-last", "last"))
	want["near-last"] = "PENDING"
	backend.change(true)
	f.cancel("s")
	must(t, f.retry(missions.RetryRequest{ID: "s"}))
	f.add(behind("near-second", "s"))
	f.cancel("s")
	for i := range 100 {
		f.cancel(fmt.Sprintf("s%d", i))
	}
	f.cancel("last")
	near := func() {
		t.Helper()
		for id, status := range want {
			if far(id) {
				status = "waits"
			}
			f.wantStatusesNear(id, status)
		}
		f.wantStatuses(map[string]string{"near-second": "PENDING"})
	}
	f.due(3)
	near()
	result, err := f.Due(t.Context(), 3)
	must(t, err)
	if result.More || result.NextDue <= result.StoreNow {
		t.Errorf("those that cannot be reached are due at once: %+v", result)
	}
	f.ahead.Add(int64(2 * time.Second))
	f.due(3)
	near()
	backend.change(false)
	f.ahead.Add(int64(2 * time.Second))
	f.due(3)
	f.wantStatuses(want)
	result, err = f.Due(t.Context(), 3)
	must(t, err)
	if result.More {
		t.Error("more is due once all were told")
	}
}

// wantStatusesNear checks the status of a mission that may be where nobody can reach it: what was stored stands.
func (f *flowing) wantStatusesNear(id, want string) {
	f.Helper()
	if m, err := f.Get(f.Context(), id); err == nil {
		got := string(m.Status)
		if m.Flow != nil && m.WaitingFor != nil {
			got = "waits"
		}
		if got != want {
			f.Errorf("mission %s is %s, want %s", id, got, want)
		}
	}
}

// TestRetriesOfWhatCannotBeReached: a retry of a mission whose source cannot be reached is refused, and one with
// dependents brings each back once it and its sources can be reached.
func TestRetriesOfWhatCannotBeReached(t *testing.T) {
	t.Parallel()
	backend := &parted{Memory: enginetest.NewMemory()}
	f := newFlowing(t, backend)
	after := func(id string, sources ...string) missions.Mission {
		m := mission(id)
		m.Flow = &missions.Flow{}
		for _, s := range sources {
			m.After = append(m.After, missions.Condition{Mission: s})
		}
		return m
	}
	f.add(mission("s"), mission("far-s"))
	f.add(after("both", "s", "far-s"), after("near", "s"), after("far-m", "s"))
	backend.change(true)
	f.cancel("s") // far-m is not told
	f.due(10)
	f.wantStatuses(map[string]string{"both": "CANCELLED", "near": "CANCELLED"})
	if err := f.retry(missions.RetryRequest{ID: "both"}); !isCode(err, missions.CodeUnavailable) {
		t.Errorf("a retry whose source cannot be reached: %v", err)
	}
	f.wantStatuses(map[string]string{"both": "CANCELLED"})
	must(t, f.retry(missions.RetryRequest{ID: "s", Dependents: true}))
	f.due(10)
	f.wantStatuses(map[string]string{"s": "PENDING", "both": "CANCELLED"})
	backend.change(false)
	f.ahead.Add(int64(2 * time.Second))
	f.due(10)
	f.ahead.Add(int64(2 * time.Second))
	f.due(10)
	f.wantStatuses(map[string]string{"both": "waits", "near": "waits", "far-m": "waits"})
}

// TestStepsOfTheClockAndWaits: a step of the clock neither ends a wait nor prolongs it.
func TestStepsOfTheClockAndWaits(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
			var passed, stepped atomic.Int64
			store, err := leader.Open(t.Context(), leader.Config{
				Engine: engine.Config{OutboxLimit: 1000}, Backend: enginetest.NewMemory(), Logger: quiet,
				Now:    func() time.Time { return began.Add(time.Duration(passed.Load() + stepped.Load())) },
				Steady: func() time.Duration { return time.Duration(passed.Load()) },
			})
			must(t, err)
			t.Cleanup(func() { must(t, store.Close()) })
			m := mission("m")
			m.Flow = &missions.Flow{After: []missions.Condition{{Signal: "go"}}, AfterTimeoutSeconds: 10}
			m.Normalize()
			_, err = store.Create(t.Context(), []missions.Mission{m})
			must(t, err)
			stepped.Store(int64(by))
			for _, after := range []struct {
				passes time.Duration
				want   missions.Status
			}{{0, missions.Pending}, {9 * time.Second, missions.Pending}, {2 * time.Second, missions.Cancelled}} {
				passed.Add(int64(after.passes))
				_, err := store.Due(t.Context(), 10)
				must(t, err)
				got, err := store.Get(t.Context(), "m")
				must(t, err)
				if got.Status != after.want {
					t.Errorf("%s later it is %s, want %s", after.passes, got.Status, after.want)
				}
			}
		})
	}
}

// TestLargeOutcomes: a step copies a bounded number of bytes to those that wait, whether they wait already or are
// created after the end; the others follow.
func TestLargeOutcomes(t *testing.T) {
	t.Parallel()
	f := newFlowing(t, enginetest.NewMemory())
	f.add(mission("s"))
	claims, err := f.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
	must(t, err)
	var batch []missions.Mission
	want := map[string]string{}
	for i := range 80 {
		batch = append(batch, behind(fmt.Sprintf("early-%02d", i), "s"))
		want[batch[i].ID] = "PENDING"
	}
	f.add(batch...)
	_, err = f.Finish(t.Context(), []missions.Finish{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "s", Lease: claims[0].Missions[0].Lease},
		Outcome: missions.OutcomeComplete, Result: []byte(`"` + strings.Repeat("r", 500<<10) + `"`)}})
	must(t, err)
	if calls := f.due(1000); calls < 3 {
		t.Errorf("80 of them were told in %d calls", calls)
	}
	f.wantStatuses(want)
	for i := range batch {
		batch[i].ID = fmt.Sprintf("late-%02d", i)
		batch[i].Normalize()
	}
	created := 0
	for round := 0; created < len(batch); round++ {
		results, err := f.Create(t.Context(), batch)
		must(t, err)
		for _, r := range results {
			if r.Created {
				created++
			} else if r.Err != nil && !isCode(r.Err, missions.CodeOverloaded) {
				t.Fatal(r.Err)
			}
		}
		if round == 0 && created == len(batch) || round > 10 {
			t.Fatalf("after %d requests %d are created", round+1, created)
		}
	}
}
