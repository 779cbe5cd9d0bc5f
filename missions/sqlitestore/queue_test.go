package sqlitestore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// order runs steps that all wait when the first of them begins, and returns the kinds
// of them in the order in which they ran, and the number of commits before each. Time
// is the bubble's: a step takes exactly what it says.
func order(t *testing.T, s *Store, waiting []timed) (kinds []lane, commitsBefore []int) {
	t.Helper()
	n := commits(s)
	release := held(t, s)
	*n = 0
	var wait sync.WaitGroup
	for _, w := range waiting {
		wait.Go(func() {
			err := s.write(context.Background(), w.lane, func(*tx) error {
				time.Sleep(w.takes)
				kinds, commitsBefore = append(kinds, w.lane), append(commitsBefore, *n)
				return nil
			})
			if err != nil {
				t.Errorf("write: %v", err)
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
		s := mustOpen(t, Config{})
		kinds, commitsBefore := order(t, s, append(many(200, timed{laneCreate, 60 * time.Millisecond}), timed{laneBeat, time.Millisecond}))
		place := slices.Index(kinds, laneBeat)
		if place > 1 || commitsBefore[place] > 1 {
			t.Errorf("the heartbeat ran after %d creations and %d commits", place, commitsBefore[place])
		}
	})
}

// Kinds that all have much to do get the same time, whatever one step takes.
func TestKindsShareTheWritersTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Config{})
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
		s := mustOpen(t, Config{})
		order(t, s, many(50, timed{laneCreate, 20 * time.Millisecond}))
		kinds, _ := order(t, s, append(many(50, timed{laneClaim, 20 * time.Millisecond}), many(50, timed{laneCreate, 20 * time.Millisecond})...))
		if first := slices.Index(kinds, laneCreate); first > 2 {
			t.Errorf("the first creation ran after %d claims", first)
		}
	})
}

// Long pages leave a connection to what is short.
func TestPagesLeaveAConnectionFree(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Readers: 3})
	release, busy := make(chan struct{}), make(chan struct{}, 10)
	var pages sync.WaitGroup
	for range 10 {
		pages.Go(func() {
			err := s.readPage(context.Background(), func(*conn) error {
				busy <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Errorf("a page: %v", err)
			}
		})
	}
	<-busy
	<-busy
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if _, err := s.Get(t.Context(), "nobody"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if len(busy) > 0 {
		t.Error("more pages are read at once than leave a connection free")
	}
	close(release)
	pages.Wait()
}
