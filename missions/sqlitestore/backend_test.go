package sqlitestore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
	"missioncontrol/missions/storetest"
)

// openBackend opens a backend that is closed when the test ends.
func openBackend(t testing.TB, path string) *Backend {
	t.Helper()
	b, err := OpenBackend(Config{Path: path, Readers: 2, Logger: silent()})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// TestBackendConformance runs the suite of stores on the engine and a Backend.
func TestBackendConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, options storetest.Options) storetest.Harness {
		clock := newClock()
		path := filepath.Join(t.TempDir(), "store.db")
		var backend *Backend
		var store *leader.Store
		start := func(t *testing.T) missions.Store {
			t.Helper()
			backend = openBackend(t, path)
			var err error
			store, err = leader.Open(t.Context(), leader.Config{
				Engine: engine.Config{OutboxLimit: options.OutboxLimit, Retry: options.Retry},
				Name:   backend.Identity(), Backend: backend, Logger: silent(), Now: clock.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return store
		}
		stop := func(t *testing.T) {
			t.Helper()
			if err := errors.Join(store.Close(), backend.Close()); err != nil {
				t.Error(err)
			}
		}
		first := start(t)
		t.Cleanup(func() { stop(t) })
		return storetest.Harness{
			Store:   first,
			Advance: clock.Advance,
			Reopen: func(t *testing.T) missions.Store {
				t.Helper()
				stop(t)
				return start(t)
			},
		}
	})
}

// TestBackendAnswersLikeMemory runs random histories on a Backend beside a backend in memory.
// Now and then its files are copied as they are, as a crash leaves them, and it goes on with
// the copy.
func TestBackendAnswersLikeMemory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		first := openBackend(t, filepath.Join(t.TempDir(), "store.db"))
		open := first
		crash := func() (engine.Backend, error) {
			path := filepath.Join(t.TempDir(), "store.db")
			err := copyFiles(open.path, path)
			if err = errors.Join(err, open.Close()); err != nil {
				return nil, err
			}
			open = openBackend(t, path)
			return open, nil
		}
		counted, err := enginetest.Run(enginetest.Compare(first, crash), enginetest.Actions(seed, 1500))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %+v", seed, counted)
	}
}

// copyFiles copies a database and its write-ahead log.
func copyFiles(from, to string) error {
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(from + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, content, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
