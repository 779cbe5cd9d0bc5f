package sqlitestore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"missioncontrol/missions"
)

// TestAStoreFromBeforeTheJournal opens a store of schema 6. It answers what the version that
// wrote it answered, which stands in testdata.
func TestAStoreFromBeforeTheJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	dump, err := os.ReadFile("testdata/schema6.sql")
	if err != nil {
		t.Fatal(err)
	}
	alter(t, path, "PRAGMA journal_mode = WAL; "+string(dump))
	recorded, err := os.ReadFile("testdata/schema6.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	var now time.Time
	if err := json.Unmarshal(want["now"], &now); err != nil {
		t.Fatal(err)
	}
	for _, opened := range []string{"brought over", "opened again"} {
		s := mustOpen(t, Config{Path: path, Now: func() time.Time { return now }})
		asked := answers(t, s, now)
		for question, answer := range asked {
			if !sameJSON(t, answer, want[question]) {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", opened, question, answer, want[question])
			}
		}
		if len(asked) != len(want) {
			t.Errorf("%d answers are compared, and %d recorded", len(asked), len(want))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// answers asks a store everything, as the recorded answers were.
func answers(t *testing.T, s *Store, now time.Time) map[string]json.RawMessage {
	t.Helper()
	all := map[string]json.RawMessage{}
	ask := func(question string, answer any, err error) {
		t.Helper()
		if err == nil {
			all[question], err = json.Marshal(answer)
		}
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
	}
	ctx := t.Context()
	page, err := s.List(ctx, missions.Filter{})
	ask("list", page, err)
	for _, m := range page.Missions {
		log, err := s.Log(ctx, m.ID, 0, 100)
		ask("log "+m.ID, log, err)
	}
	for _, missionType := range []string{"", "t", "u"} {
		stats, err := s.Stats(ctx, missionType)
		ask("stats "+missionType, stats, err)
		history, err := s.History(ctx, missionType, 6)
		ask("history "+missionType, history, err)
	}
	agents, err := s.ListAgents(ctx, missions.AgentFilter{})
	ask("agents", agents, err)
	counts, err := s.Counts(ctx)
	ask("counts", counts, err)
	alerts, err := s.Alerts(ctx)
	ask("alerts", alerts, err)
	notices, err := s.Notices(ctx, 10)
	ask("notices", notices, err)
	box := s.Outboxes()[0]
	events, err := box.Pending(ctx, 0, 1000)
	ask("events", events, err)
	ask("positions", positions(t, s, 0, 1000), nil)
	upTo, mark, err := box.Acknowledged(ctx)
	ask("acknowledged", []any{upTo, mark}, err)
	ask("identity", s.Identity(), nil)
	ask("now", now, nil)
	return all
}

func sameJSON(t *testing.T, a, b json.RawMessage) bool {
	t.Helper()
	var values [2]any
	for i, text := range []json.RawMessage{a, b} {
		if err := json.Unmarshal(text, &values[i]); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		withoutLater(values[i])
	}
	return reflect.DeepEqual(values[0], values[1])
}

// withoutLater removes what the version that was recorded did not count.
func withoutLater(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, field := range []string{"turn", "waiting", "oldest_signal_wait_seconds", "highest_usage_ratio", "Waiting", "Usage"} {
			delete(v, field)
		}
		for _, inner := range v {
			withoutLater(inner)
		}
	case []any:
		for _, inner := range v {
			withoutLater(inner)
		}
	}
}
