package sqlitestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/missions"
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
// Now and then its files are copied in the middle of settling, as a crash leaves them, and it
// goes on with the copy.
func TestBackendAnswersLikeMemory(t *testing.T) {
	t.Parallel()
	for seed := range enginetest.Histories(t) {
		first := openBackend(t, filepath.Join(t.TempDir(), "store.db"))
		open, midway, cut := first, 0, 0
		crash := func() (engine.Backend, error) {
			path := filepath.Join(t.TempDir(), "store.db")
			copied, err := copyMidway(open, path, midway%7)
			if midway++; err != nil {
				return nil, err
			}
			if copied && midway%7 != 1 {
				cut++
			}
			if !copied { // there was less to settle
				err = copyFiles(open.path, path)
			}
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
		t.Logf("seed %d: %+v, %d times cut off while settling", seed, counted, cut)
	}
}

// copyMidway settles, with a transaction for each row, and copies the files after some of them.
func copyMidway(b *Backend, to string, after int) (copied bool, err error) {
	if after == 0 {
		return true, copyFiles(b.path, to)
	}
	b.settling.Lock()
	b.part, b.afterPart = 0, func() {
		if after--; after == 0 {
			copied, err = true, copyFiles(b.path, to)
		}
	}
	b.settling.Unlock()
	return copied, errors.Join(b.settle(), err)
}

// TestTheJournalIsRead: what a crash has left in the journal is complete, with what the journal
// leaves out. A supervisor that starts on a full disk serves it as it is.
func TestTheJournalIsRead(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	first := batchOf(0, 200)
	for i := range first {
		first[i].Data = []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
	}
	if _, err := s.Create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.backend.settle(); err != nil {
		t.Fatal(err)
	}
	for i := range first { // what is cancelled may be in the tables before the files are copied
		if _, err := s.Cancel(t.Context(), []missions.CancelRequest{{ID: first[i].ID}}); err != nil {
			t.Fatal(err)
		}
		u := journalOf(t, s.backend, filepath.Join(t.TempDir(), "crashed.db"))
		if u.last == 0 {
			continue
		}
		m := u.byID[first[i].ID]
		if m == nil || m.after.Status != missions.Cancelled || len(m.after.Data) < 1000 || m.before.Status != missions.Pending {
			t.Errorf("in the journal the mission is %+v", m)
		}
		return
	}
	t.Fatal("the journal has nothing")
}

// journalOf returns what the journal has that the tables do not, as a crash leaves it at a path.
func journalOf(t *testing.T, b *Backend, crashed string) *unsettled {
	t.Helper()
	b.settling.Lock()
	err := copyFiles(b.path, crashed)
	b.settling.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	c, err := openConn(crashed, "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := readJournal(c)
	if err = errors.Join(err, c.close()); err != nil {
		t.Fatal(err)
	}
	return u
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

// TestACrashBetweenTwoPartsOfSettling: what changes while a part of the tables is up to date
// already is in the journal, and wins.
func TestACrashBetweenTwoPartsOfSettling(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	settle := func(t *testing.T, meanwhile func(s *Store, failed missions.LeaseRef)) (crashed *Store, failed missions.LeaseRef) {
		t.Helper()
		dir := t.TempDir()
		path, copied := filepath.Join(dir, "store.db"), filepath.Join(dir, "crashed.db")
		s := mustOpen(t, Config{Path: path})
		m := claimed(t, s, "m")
		failed = missions.LeaseRef{MissionID: "m", Lease: m.Lease}
		results, err := s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: failed, Outcome: missions.OutcomeFail, Error: "it broke"}})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		once := false
		b := s.backend
		b.settling.Lock()
		b.part, b.afterPart = 0, func() {
			if !once {
				once = true
				meanwhile(s, failed)
				if err := copyFiles(path, copied); err != nil {
					t.Error(err)
				}
			}
		}
		b.settling.Unlock()
		if err := b.settle(); err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, Config{Path: copied}), failed
	}
	t.Run("a mission is deleted", func(t *testing.T) {
		t.Parallel()
		s, _ := settle(t, func(s *Store, _ missions.LeaseRef) {
			if results, err := s.Delete(ctx, []string{"m"}); err != nil || results[0].Err != nil {
				t.Error(err, results)
			}
		})
		page, err := s.List(ctx, missions.Filter{})
		if err != nil || len(page.Missions) > 0 {
			t.Errorf("after the crash there are %+v (%v)", page.Missions, err)
		}
		if counts, err := s.Counts(ctx); err != nil || counts.Total() != 0 {
			t.Errorf("after the crash %d missions are counted (%v)", counts.Total(), err)
		}
	})
	t.Run("a mission is retried", func(t *testing.T) {
		t.Parallel()
		s, failed := settle(t, func(s *Store, _ missions.LeaseRef) {
			if results, err := s.Retry(ctx, []missions.RetryRequest{{ID: "m"}}); err != nil || results[0].Err != nil {
				t.Error(err, results)
			}
		})
		if m, err := s.Get(ctx, "m"); err != nil || m.Status != missions.Pending || m.Error != "" {
			t.Errorf("after the crash the mission is %+v (%v)", m, err)
		}
		results, err := s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: failed, Outcome: missions.OutcomeFail, Error: "it broke"}})
		if err != nil || !errors.Is(results[0].Err, missions.ErrLeaseLost) {
			t.Errorf("the report of a lease that has ended: %v, %+v", err, results)
		}
	})
}
