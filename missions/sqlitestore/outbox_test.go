package sqlitestore

import (
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// positions returns where the events stand that are pending behind a position.
func positions(t *testing.T, s *Store, after int64, limit int) (list []int64) {
	t.Helper()
	events, err := s.Pending(t.Context(), after, limit)
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

// What is kept in memory is bounded, by number and by size, and never has a gap: what is no
// longer there is read from the file.
func TestRecentEventsAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int
		want int
	}{{10, recentEvents}, {1 << 20, 7}} {
		var r recent
		text := strings.Repeat("x", c.size)
		for position := int64(1); position <= recentEvents+100; position += 2 {
			r.add([]missions.Event{{Seq: position, Description: text}, {Seq: position + 1, Message: text}})
		}
		newest := int64(recentEvents + 100)
		first := newest - int64(c.want) + 1
		if _, known := r.after(first-2, 10); known {
			t.Errorf("of size %d: event %d is still there", c.size, first-1)
		}
		events, known := r.after(first-1, 2*recentEvents)
		if !known || len(events) != c.want || events[0].Seq != first || events[c.want-1].Seq != newest {
			t.Errorf("of size %d: there are %d events, from %d on", c.size, len(events), first)
		}
		r.forget(newest - 1)
		if events, known := r.after(newest-1, 10); !known || len(events) != 1 {
			t.Errorf("of size %d: the newest event is gone", c.size)
		}
		r.forget(newest)
		if r.bytes != 0 || len(r.events) != 0 {
			t.Errorf("of size %d: %d bytes are left of %d events", c.size, r.bytes, len(r.events))
		}
	}
}

func TestEventsThatMemoryHasNoMoreAreReadFromTheFile(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	for batch := range 4 {
		if _, err := s.Create(t.Context(), batchOf(batch, 50)); err != nil {
			t.Fatal(err)
		}
	}
	s.recent.drop(120) // as if more had come since
	wantPositions(t, positions(t, s, 0, 1000), 1, 200)
	wantPositions(t, positions(t, s, 100, 30), 101, 30)
	wantPositions(t, positions(t, s, 130, 1000), 131, 70)
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
		if err := s.Forget(t.Context(), upTo); err != nil {
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
