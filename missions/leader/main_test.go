package leader_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
	"missioncontrol/missions/storetest"
	"missioncontrol/test/fatal"
)

var must = fatal.If

func identity() string { return "test" }

var quiet = slog.New(slog.DiscardHandler)

// TestConformance runs the suite of stores with windows and a cache that hold next to
// nothing, so that everything is loaded all the time, and with those of production.
func TestConformance(t *testing.T) {
	for name, small := range map[string]engine.Config{
		"production": {}, "small": {QueueWindow: 2, PlanWindow: 2, RecordsBytes: 1, DocsBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T, options storetest.Options) storetest.Harness {
				return harness(t, options, small)
			})
		})
	}
}

func harness(t *testing.T, options storetest.Options, cfg engine.Config) storetest.Harness {
	t.Helper()
	var ahead atomic.Int64
	cfg.OutboxLimit, cfg.Retry = options.OutboxLimit, options.Retry
	backend := enginetest.NewMemory()
	var open []*leader.Store
	start := func(t *testing.T) missions.Store {
		t.Helper()
		store, err := leader.Open(t.Context(), leader.Config{
			Engine: cfg, Identity: identity, Backend: backend, Logger: quiet,
			Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		})
		must(t, err)
		open = append(open, store)
		return store
	}
	t.Cleanup(func() {
		for _, store := range open {
			must(t, store.Close())
		}
	})
	return storetest.Harness{
		Store:   start(t),
		Advance: func(d time.Duration) { ahead.Add(int64(d)) },
		Reopen: func(t *testing.T) missions.Store {
			t.Helper()
			for _, store := range open {
				must(t, store.Close())
			}
			return start(t)
		},
	}
}
