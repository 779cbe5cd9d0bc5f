package sqlitestore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// leaseTime is longer than any test.
const leaseTime = time.Hour

// batchOf returns n missions whose ids no other batch has.
func batchOf(batch, n int) []missions.Mission {
	list := make([]missions.Mission, n)
	for i := range list {
		list[i] = mission(fmt.Sprintf("b%d-%d", batch, i), "t")
	}
	return list
}

func TestAFullDiskIsSaidAndRecoveredFrom(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Logger: silent()})
	limit := func(pages int) {
		t.Helper()
		eachConn(t, s, func(c *conn) {
			if err := c.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
				t.Fatal(err)
			}
		})
	}
	limit(1) // as many as there are
	large := mission("large", "t")
	large.Data = fmt.Appendf(nil, `{"x":"%s"}`, strings.Repeat("x", 200<<10))
	_, err := s.Create(t.Context(), []missions.Mission{large})
	if !errors.Is(err, missions.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("create: %v, want ErrUnavailable for a full disk", err)
	}
	if counts, err := s.Counts(t.Context()); err != nil || counts.Total() != 0 {
		t.Errorf("counts: %v, %v, want none and no error", counts, err)
	}
	limit(1 << 30)
	if _, err := s.Create(t.Context(), []missions.Mission{large}); err != nil {
		t.Errorf("create with room again: %v", err)
	}
	wantConsistent(t, s, 1)
}

func TestATransactionThatCannotBeginIsToldToItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // whose clock lets the busy timeout pass at once
		path := filepath.Join(t.TempDir(), "store.db")
		s := mustOpen(t, Config{Path: path, Logger: silent()})
		other, err := openConn(path, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.begin("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), batchOf(0, 1)); !errors.Is(err, missions.ErrUnavailable) {
			t.Errorf("create: %v, want ErrUnavailable", err)
		}
		if err := other.close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), batchOf(0, 1)); err != nil {
			t.Errorf("create once the lock is gone: %v", err)
		}
	})
}

// A log that is full takes no more lines of agents, but the supervisor's own.
func TestALogIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, Config{Path: path})
	m := claimed(t, s, "m")
	line := []missions.LogAppend{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "m", Lease: m.Lease}, Level: "info", Message: "x"}}
	for i, want := range []*missions.Error{nil, nil, missions.ErrTooLarge} {
		if i == 1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, path, "UPDATE log SET n = 99999 WHERE n = 3")
			s = mustOpen(t, Config{Path: path})
		}
		errs, err := s.AppendLog(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil && errs[0] != nil || want != nil && !errors.Is(errs[0], want) {
			t.Errorf("line %d: %v, want %v", i, errs[0], want)
		}
	}
	done := missions.Finish{AgentID: "a", LeaseRef: line[0].LeaseRef, Outcome: missions.OutcomeComplete}
	if results, err := s.Finish(t.Context(), []missions.Finish{done}); err != nil || results[0].Err != nil {
		t.Fatalf("finish: %v, %v", err, results)
	}
	page, err := s.Log(t.Context(), "m", 99_999, 10)
	if err != nil || len(page.Entries) != 2 {
		t.Errorf("the log goes on with %d entries (%v), want the last line and the change of status", len(page.Entries), err)
	}
}

// claimed creates a mission and claims it for agent "a".
func claimed(t *testing.T, s *Store, id string) missions.Mission {
	t.Helper()
	if _, err := s.Create(t.Context(), []missions.Mission{mission(id, "t")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
		t.Fatal(err)
	}
	results, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: leaseTime}})
	if err != nil || len(results[0].Missions) != 1 {
		t.Fatalf("claim: %v, %v", err, results)
	}
	return results[0].Missions[0]
}

// A store that is closed on a full disk keeps what it has confirmed in its journal, and that is
// no error.
func TestAStoreIsClosedOnAFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, Config{Path: path, Logger: silent()})
	large := mission("large", "t")
	large.Data = fmt.Appendf(nil, `{"x":"%s"}`, strings.Repeat("x", 200<<10))
	b := s.backend
	b.settling.Lock() // until the disk is full
	if _, err := s.Create(t.Context(), []missions.Mission{large}); err != nil {
		t.Fatal(err)
	}
	b.writing.Lock()
	err := b.writer.exec("PRAGMA max_page_count = 1") // as many as there are
	b.writing.Unlock()
	b.settling.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if page, err := s.List(t.Context(), missions.Filter{}); err != nil || len(page.Missions) != 0 {
		t.Errorf("a list on a full disk has %d missions (%v), want what the tables have, nothing", len(page.Missions), err)
	}
	if m, err := s.Get(t.Context(), "large"); err != nil || len(m.Data) != len(large.Data) {
		t.Errorf("get on a full disk: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close on a full disk: %v", err)
	}
	again := mustOpen(t, Config{Path: path})
	if m, err := again.Get(t.Context(), "large"); err != nil || len(m.Data) != len(large.Data) {
		t.Errorf("get with room again: %v", err)
	}
}
