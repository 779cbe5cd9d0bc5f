package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
)

// counting is a backend that counts commits.
type counting struct {
	engine.Backend
	commits int
}

func (b *counting) Commit(ctx context.Context, epoch int64, changes *engine.Changes) error {
	b.commits++
	return b.Backend.Commit(ctx, epoch, changes)
}

var quiet = slog.New(slog.DiscardHandler)

func openCounting(t *testing.T, log *slog.Logger) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{
		Engine: engine.Config{OutboxLimit: 1000}, Backend: &counting{Backend: enginetest.NewMemory()}, Logger: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mission(id string) missions.Mission {
	m := missions.Mission{ID: id, Name: id}
	m.Normalize()
	return m
}

// held keeps the store inside a step until release is called, which waits for the step's
// commit. In a synctest bubble no time passes meanwhile, so all the steps that wait by then
// fit into one batch.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	gate, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.do(context.Background(), laneHouse, nil, func(*engine.Engine) { <-gate })
	}()
	synctest.Wait()
	return func() {
		close(gate)
		if err := <-done; err != nil {
			t.Errorf("the step that held the store: %v", err)
		}
	}
}

// order runs steps that all wait when the first of them begins, and returns the kinds
// of them in the order in which they ran, and the number of commits before each. Time
// is the bubble's: a step takes exactly what it says.
func order(t *testing.T, s *Store, waiting []timed) (kinds []lane, commitsBefore []int) {
	t.Helper()
	release := held(t, s)
	s.backend.(*counting).commits = 0
	var wait sync.WaitGroup
	for _, w := range waiting {
		wait.Go(func() {
			err := s.do(context.Background(), w.lane, nil, func(e *engine.Engine) {
				time.Sleep(w.takes)
				kinds, commitsBefore = append(kinds, w.lane), append(commitsBefore, s.backend.(*counting).commits)
				e.Check()
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // they queue in this order
	}
	release()
	wait.Wait()
	return kinds, commitsBefore
}

type timed struct {
	lane  lane
	takes time.Duration
}

func many(n int, w timed) []timed { return slices.Repeat([]timed{w}, n) }

// A heartbeat behind a flood of large creations waits for two groups at most: the one
// under way when it came, and one creation, whose kind had used nothing yet, either.
func TestAFloodOfCreationsDoesNotDelayAHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openCounting(t, quiet)
		kinds, commitsBefore := order(t, s, append(many(200, timed{laneCreate, 60 * time.Millisecond}), timed{laneBeat, time.Millisecond}))
		place := slices.Index(kinds, laneBeat)
		if place > 1 || commitsBefore[place] > 1 {
			t.Errorf("the heartbeat ran after %d creations and %d commits", place, commitsBefore[place])
		}
	})
}

// Kinds that all have much to do get the same time, whatever one step takes.
func TestKindsShareTheLeadersTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openCounting(t, quiet)
		waiting := append(many(100, timed{laneCreate, 60 * time.Millisecond}), many(6000, timed{laneBeat, time.Millisecond})...)
		kinds, _ := order(t, s, append(waiting, many(300, timed{laneClaim, 20 * time.Millisecond})...))
		used := map[lane]time.Duration{}
		takes := map[lane]time.Duration{laneCreate: 60 * time.Millisecond, laneBeat: time.Millisecond, laneClaim: 20 * time.Millisecond}
		for _, kind := range kinds[:3000] {
			used[kind] += takes[kind]
		}
		least := min(used[laneCreate], used[laneBeat], used[laneClaim])
		most := max(used[laneCreate], used[laneBeat], used[laneClaim])
		if most-least > 60*time.Millisecond {
			t.Errorf("the kinds got %v", used)
		}
	})
}

// A kind that had nothing to do for long has no claim to all the time from then on.
func TestIdleTimeIsNotSavedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openCounting(t, quiet)
		order(t, s, many(50, timed{laneCreate, 20 * time.Millisecond}))
		kinds, _ := order(t, s, append(many(50, timed{laneClaim, 20 * time.Millisecond}), many(50, timed{laneCreate, 20 * time.Millisecond})...))
		if first := slices.Index(kinds, laneCreate); first > 2 {
			t.Errorf("the first creation ran after %d claims", first)
		}
	})
}

func TestConcurrentCallersShareACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openCounting(t, quiet)
		release := held(t, s)
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				results, err := s.Create(t.Context(), []missions.Mission{mission(fmt.Sprint("m", i))})
				if err != nil || !results[0].Created {
					t.Errorf("create: %v, %v", err, results)
				}
			})
		}
		synctest.Wait()
		release()
		wait.Wait()
		if n := s.backend.(*counting).commits; n != 1 {
			t.Errorf("100 callers took %d commits, want 1", n)
		}
	})
}

func TestACallerThatGivesUpInTimeHasDoneNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openCounting(t, quiet)
		release := held(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := s.Create(ctx, []missions.Mission{mission("m")})
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v, want context.Canceled", err)
		}
		release()
		if _, err := s.Get(t.Context(), "m"); !errors.Is(err, missions.ErrNotFound) {
			t.Errorf("get: %v, want ErrNotFound", err)
		}
	})
}

// panics is a log handler that does.
type panics struct{ slog.Handler }

func (panics) Handle(context.Context, slog.Record) error { panic("no log today") }

func TestAPanicOfTheLogCostsOneCallAndNotTheStore(t *testing.T) {
	t.Parallel()
	s := openCounting(t, slog.New(panics{slog.Default().Handler()}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the log handler's panic is gone")
			}
		}()
		_ = s.do(t.Context(), laneHouse, nil, func(*engine.Engine) { panic("a mistake") })
	}()
	if _, err := s.Create(t.Context(), []missions.Mission{mission("m")}); err != nil {
		t.Errorf("create behind a panic: %v", err)
	}
}
