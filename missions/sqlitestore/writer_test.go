package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// leaseTime is longer than any test.
const leaseTime = time.Hour

// batchOf returns n missions whose ids no other batch has.
func batchOf(batch, n int) []missions.Mission {
	list := make([]missions.Mission, n)
	for i := range list {
		list[i] = mission(fmt.Sprintf("b%d-%d", batch, i), "t")
	}
	return list
}

// held keeps the writer inside a step until release is called, which waits for
// the step's commit. In a synctest bubble no time passes meanwhile, so that all
// the steps that wait by then fit into one group.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	gate, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.write(context.Background(), laneHouse, func(*tx) error {
			<-gate
			return nil
		})
	}()
	synctest.Wait()
	return func() {
		close(gate)
		if err := <-done; err != nil {
			t.Errorf("the step that held the writer: %v", err)
		}
	}
}

// commits counts the writer's commits from here on.
func commits(s *Store) *int {
	n := new(int)
	_ = s.write(context.Background(), laneHouse, func(t *tx) error {
		t.db.CommitHook(func() bool {
			*n++
			return true
		})
		return nil
	})
	*n = 0
	return n
}

func TestConcurrentCallersShareACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Config{})
		n := commits(s)
		release := held(t, s)
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				results, err := s.Create(t.Context(), batchOf(i, 1))
				if err != nil || !results[0].Created {
					t.Errorf("create: %v, %v", err, results)
				}
			})
		}
		synctest.Wait()
		release()
		wait.Wait()
		if *n != 1 {
			t.Errorf("100 callers took %d commits, want 1", *n)
		}
	})
}

func TestABadStepDoesNotFailItsNeighbours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Config{Logger: silent()})
		release := held(t, s)
		var wait sync.WaitGroup
		run := func(want *missions.Error, body func(*tx) error) {
			wait.Go(func() {
				err := s.write(context.Background(), laneHouse, body)
				if want == nil && err != nil || want != nil && !errors.Is(err, want) {
					t.Errorf("a step returned %v, want %v", err, want)
				}
			})
			synctest.Wait() // the steps queue in this order
		}
		create := func(id string) func(*tx) error {
			return func(x *tx) error {
				m := mission(id, "t")
				_, _, err := x.create(&m)
				return err
			}
		}
		run(nil, create("before"))
		run(missions.ErrUnavailable, func(x *tx) error {
			return errors.Join(create("half")(x), errors.New("a fault"))
		})
		run(missions.ErrUnavailable, func(x *tx) error {
			return x.query("SELECT 1", func(row *sqlite3.Stmt) (bool, error) { panic("in the middle of a statement") })
		})
		run(missions.ErrConflict, func(*tx) error { return missions.Conflict("no") })
		run(nil, create("after"))
		release()
		wait.Wait()
		for id, want := range map[string]bool{"before": true, "half": false, "after": true} {
			if _, err := s.Get(t.Context(), id); (err == nil) != want {
				t.Errorf("mission %q: %v, want it stored: %v", id, err, want)
			}
		}
		wantConsistent(t, s, 2)
	})
}

func TestACallerThatGivesUpInTimeHasDoneNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Config{})
		release := held(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := s.Create(ctx, batchOf(0, 1))
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v, want context.Canceled", err)
		}
		release()
		if _, err := s.Get(t.Context(), "b0-0"); !errors.Is(err, missions.ErrNotFound) {
			t.Errorf("get: %v, want ErrNotFound", err)
		}
	})
}

func TestACommitThatFailsIsToldToEachCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Config{Logger: silent()})
		broken := true
		alterHook := func(x *tx) error {
			x.db.CommitHook(func() bool { return !broken })
			return nil
		}
		if err := s.write(t.Context(), laneHouse, alterHook); !errors.Is(err, missions.ErrUnavailable) {
			t.Errorf("the step that broke commits: %v, want ErrUnavailable", err)
		}
		var wait sync.WaitGroup
		for i := range 3 {
			wait.Go(func() {
				results, err := s.Create(t.Context(), batchOf(i, 1))
				if !errors.Is(err, missions.ErrUnavailable) || results != nil {
					t.Errorf("create: %v, %v, want no results and ErrUnavailable", results, err)
				}
			})
		}
		wait.Wait()
		broken = false
		for i := range 3 {
			results, err := s.Create(t.Context(), batchOf(i, 1))
			if err != nil || !results[0].Created {
				t.Errorf("create once commits work: %v, %v", err, results)
			}
		}
		wantConsistent(t, s, 3)
	})
}

func TestAFullDiskIsSaidAndRecoveredFrom(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Logger: silent()})
	limit := func(pages int) {
		t.Helper()
		err := s.write(t.Context(), laneHouse, func(x *tx) error { return x.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // as many as there are
	large := mission("large", "t")
	large.Data = fmt.Appendf(nil, `{"x":"%s"}`, strings.Repeat("x", 200<<10))
	_, err := s.Create(t.Context(), []missions.Mission{large})
	if !errors.Is(err, missions.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("create: %v, want ErrUnavailable for a full disk", err)
	}
	if counts, err := s.Counts(t.Context()); err != nil || counts.Total() != 0 {
		t.Errorf("counts: %v, %v, want none and no error", counts, err)
	}
	limit(1 << 30)
	if _, err := s.Create(t.Context(), []missions.Mission{large}); err != nil {
		t.Errorf("create with room again: %v", err)
	}
	wantConsistent(t, s, 1)
}

func TestATransactionThatCannotBeginIsToldToItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // whose clock lets the busy timeout pass at once
		path := filepath.Join(t.TempDir(), "store.db")
		s := mustOpen(t, Config{Path: path, Logger: silent()})
		other, err := openConn(path, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.begin("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), batchOf(0, 1)); !errors.Is(err, missions.ErrUnavailable) {
			t.Errorf("create: %v, want ErrUnavailable", err)
		}
		if err := other.close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), batchOf(0, 1)); err != nil {
			t.Errorf("create once the lock is gone: %v", err)
		}
	})
}

func TestALogIsBounded(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	m := claimed(t, s, "m")
	line := []missions.LogAppend{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "m", Lease: m.Lease}, Level: "info", Message: "x"}}
	for i, want := range []*missions.Error{nil, nil, missions.ErrTooLarge} {
		if i == 1 {
			alterIn(t, s, "UPDATE log SET n = 99999 WHERE n = 3")
		}
		errs, err := s.AppendLog(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil && errs[0] != nil || want != nil && !errors.Is(errs[0], want) {
			t.Errorf("line %d: %v, want %v", i, errs[0], want)
		}
	}
	done := missions.Finish{AgentID: "a", LeaseRef: line[0].LeaseRef, Outcome: missions.OutcomeComplete}
	if results, err := s.Finish(t.Context(), []missions.Finish{done}); err != nil || results[0].Err != nil {
		t.Fatalf("finish: %v, %v", err, results)
	}
	page, err := s.Log(t.Context(), "m", 99_999, 10)
	if err != nil || len(page.Entries) != 2 {
		t.Errorf("the log goes on with %d entries (%v), want the last line and the change of status", len(page.Entries), err)
	}
}

// panics is a log handler that does.
type panics struct{ slog.Handler }

func (panics) Handle(context.Context, slog.Record) error { panic("no log today") }

func TestAPanicCostsOneCallAndNotTheStore(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Logger: slog.New(panics{slog.Default().Handler()})})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the log handler's panic is gone")
			}
		}()
		_ = s.write(t.Context(), laneHouse, func(*tx) error { return errors.New("a fault") })
	}()
	if _, err := s.Create(t.Context(), batchOf(0, 1)); err != nil {
		t.Errorf("create behind a panic: %v", err)
	}
}

// alterIn changes the store's tables from within.
func alterIn(t *testing.T, s *Store, sql string) {
	t.Helper()
	if err := s.write(t.Context(), laneHouse, func(x *tx) error { return x.exec(sql) }); err != nil {
		t.Fatal(err)
	}
}

// claimed creates a mission and claims it for agent "a".
func claimed(t *testing.T, s *Store, id string) missions.Mission {
	t.Helper()
	if _, err := s.Create(t.Context(), []missions.Mission{mission(id, "t")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
		t.Fatal(err)
	}
	results, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: leaseTime}})
	if err != nil || len(results[0].Missions) != 1 {
		t.Fatalf("claim: %v, %v", err, results)
	}
	return results[0].Missions[0]
}
