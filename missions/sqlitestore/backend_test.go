package sqlitestore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
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
