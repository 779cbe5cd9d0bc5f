package sqlitestore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// logged reads a mission's log in pages of some entries, and checks that they come on.
func logged(t *testing.T, s *Store, id string, limit int) (messages []string) {
	t.Helper()
	for after := int64(0); ; {
		page, err := s.Log(t.Context(), id, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			messages = append(messages, e.Message)
		}
		if page.Next == 0 {
			return messages
		}
		if page.Next != after+int64(limit) || len(page.Entries) != limit {
			t.Fatalf("a page behind %d has %d entries and goes on behind %d", after, len(page.Entries), page.Next)
		}
		after = page.Next
	}
}

// A log has its entries in order, wherever they stand: those that a row has room for, and
// those that came when it was full, or behind an agent's line.
func TestALogGoesOnInTheTable(t *testing.T) {
	t.Parallel()
	for _, lineAt := range []int{-1, 0, 3, 20} {
		t.Run(fmt.Sprint("line at ", lineAt), func(t *testing.T) {
			t.Parallel()
			s := mustOpen(t, Config{})
			m := claimed(t, s, "m")
			want := []string{"created, PENDING", "PENDING → RUNNING: claimed by agent a, attempt 1 of 3"}
			for round := range 30 {
				ref := missions.LeaseRef{MissionID: "m", Lease: m.Lease}
				if round == lineAt {
					errs, err := s.AppendLog(t.Context(), []missions.LogAppend{{AgentID: "a", LeaseRef: ref, Level: "info", Message: "a line"}})
					if err != nil || errs[0] != nil {
						t.Fatal(err, errs)
					}
					want = append(want, "a line")
				}
				results, err := s.Finish(t.Context(), []missions.Finish{{AgentID: "a", LeaseRef: ref, Outcome: missions.OutcomeRelease}})
				if err != nil || results[0].Err != nil {
					t.Fatal(err, results)
				}
				again, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: leaseTime}})
				if err != nil || len(again[0].Missions) != 1 {
					t.Fatal(err, again)
				}
				m = again[0].Missions[0]
				want = append(want, "RUNNING → PENDING: released by agent a", "PENDING → RUNNING: claimed by agent a, attempt 1 of 3")
			}
			for _, limit := range []int{1, 7, 100} {
				if got := logged(t, s, "m", limit); strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Errorf("in pages of %d the log is\n%s", limit, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// A store of schema 4 has single events in its outbox, and whole logs in the table.
func TestAStoreFromBeforeEntries(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	c, err := openConn(path, pragmas)
	if err != nil {
		t.Fatal(err)
	}
	for version, name := range []string{"0001_initial", "0002_traceparent", "0003_stall", "0004_samples_and_alerts"} {
		sql, err := migrationFiles.ReadFile("migrations/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if err := applyMigration(c.db, string(sql), int64(version+1)); err != nil {
			t.Fatal(err)
		}
	}
	err = c.db.Exec(`
		INSERT INTO missions (seq, id, name, type, priority, status, max_attempts, timeout_us, attempt, lease, updated_at, ready_at, ready)
			VALUES (1700000000000000, 'm', 'old', 't', 1, 0, 3, 0, 0, 0, 1700000000000000, 1700000000000000, 1);
		INSERT INTO log (seq, n, at, level, message) VALUES (1700000000000000, 1, 1700000000000000, 'info', 'created, PENDING');
		INSERT INTO counters (type, name, n) VALUES ('', 0, 1), ('t', 0, 1), ('', 20, 2), ('', 22, 1700000000000000);
		INSERT INTO outbox (seq, body) VALUES
			(1, CAST('{"id":"0192b0a0-0000-7000-8000-000000000001","k":"mission.created","at":1700000000,"m":"gone"}' AS BLOB)),
			(2, CAST('{"id":"0192b0a0-0000-7000-8000-000000000002","k":"mission.created","at":1700000000,"m":"m","n":"old","t":"t"}' AS BLOB));`)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Config{Path: path})
	if _, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
		t.Fatal(err)
	}
	if results, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: leaseTime}}); err != nil || len(results[0].Missions) != 1 {
		t.Fatalf("claim: %v, %v", err, results)
	}
	events, err := s.Outboxes()[0].Pending(t.Context(), 1, 10)
	if err != nil || len(events) != 3 || events[0].Seq != 2 || events[0].MissionID != "m" || events[2].NewStatus != missions.Running {
		t.Errorf("pending: %v, %+v", err, events)
	}
	want := []string{"created, PENDING", "PENDING → RUNNING: claimed by agent a, attempt 1 of 3"}
	if got := logged(t, s, "m", 10); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log is %q", got)
	}
}
