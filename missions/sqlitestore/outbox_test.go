package sqlitestore

import (
	"path/filepath"
	"testing"

	"missioncontrol/missions"
)

// positions returns where the events stand that are pending behind a position.
func positions(t *testing.T, s *Store, after int64, limit int) (list []int64) {
	t.Helper()
	events, err := s.Outboxes()[0].Pending(t.Context(), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		list = append(list, e.Seq)
	}
	return list
}

func wantPositions(t *testing.T, got []int64, first int64, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d events are pending, want %d: %v", len(got), n, got)
	}
	for i, position := range got {
		if position != first+int64(i) {
			t.Fatalf("positions are %v, want %d and on", got, first)
		}
	}
}

// Wherever a reader stands in an entry, and wherever it is cut, positions stay what they
// were, also in a store that is opened again.
func TestEntriesAreCutAnywhere(t *testing.T) {
	t.Parallel()
	const n = 2*eventsAnEntry + 5
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, Config{Path: path})
	if _, err := s.Create(t.Context(), batchOf(0, n)); err != nil {
		t.Fatal(err)
	}
	var entries int64
	eachConn(t, s, func(c *conn) { entries, _ = c.number("SELECT count(*) FROM outbox WHERE seq > 0") })
	if entries != 3 {
		t.Errorf("%d events are in %d entries, want 3", n, entries)
	}
	for after := range int64(n + 1) {
		wantPositions(t, positions(t, s, after, n), after+1, n-int(after))
		wantPositions(t, positions(t, s, after, 3), after+1, min(3, n-int(after)))
	}
	for _, upTo := range []int64{1, eventsAnEntry - 1, eventsAnEntry, eventsAnEntry + 1, n - 1, n} {
		if err := s.Outboxes()[0].Forget(t.Context(), upTo); err != nil {
			t.Fatal(err)
		}
		wantPositions(t, positions(t, s, 0, n), upTo+1, n-int(upTo))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, Config{Path: path})
		wantPositions(t, positions(t, s, 0, n), upTo+1, n-int(upTo))
		if waiting, err := s.Waiting(t.Context()); err != nil || waiting != n-upTo {
			t.Errorf("%d events wait (%v), want %d", waiting, err, n-upTo)
		}
	}
	if _, err := s.Create(t.Context(), []missions.Mission{mission("next", "t")}); err != nil {
		t.Fatal(err)
	}
	wantPositions(t, positions(t, s, 0, n), n+1, 1)
}
