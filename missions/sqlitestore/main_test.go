package sqlitestore

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"missioncontrol/missions"
	"missioncontrol/missions/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		createUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(benchmarkFiles)
		os.Exit(code)
	}))
}

// clock is a clock that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// silent is for tests that provoke failures, which a store logs.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// mustOpen opens a store that is closed when the test ends.
func mustOpen(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "store.db")
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, options storetest.Options) storetest.Harness {
		clock := newClock()
		cfg := Config{
			Path: filepath.Join(t.TempDir(), "store.db"), OutboxLimit: options.OutboxLimit, Retry: options.Retry,
			Now: clock.Now, Readers: 2,
		}
		store := mustOpen(t, cfg)
		t.Cleanup(func() {
			if store.Ping(context.Background()) == nil {
				checkPlans(t, store)
			}
		})
		return storetest.Harness{
			Store:   store,
			Advance: clock.Advance,
			Reopen: func(t *testing.T) missions.Store {
				t.Helper()
				if err := store.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				store = mustOpen(t, cfg)
				return store
			},
		}
	})
}
