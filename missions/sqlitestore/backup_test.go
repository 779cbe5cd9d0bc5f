package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"missioncontrol/missions"
)

// A copy is made beside a process that goes on creating missions: all that was
// confirmed before is in it, and it is consistent in itself.
func TestBackupBesideAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, copied, restored := filepath.Join(dir, "store.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	var made Copy
	confirmed := killedAfter(t, path, 200, func() {
		var err error
		if made, err = Backup(t.Context(), path, copied); err != nil {
			t.Error(err)
		}
	})
	back, err := Restore(t.Context(), opened(t, copied), restored)
	if err != nil {
		t.Fatal(err)
	}
	if back != made {
		t.Errorf("restored is %+v of %+v", back, made)
	}
	store := mustOpen(t, Config{Path: restored})
	for _, id := range confirmed[:200] {
		if _, err := store.Get(t.Context(), id); err != nil {
			t.Errorf("mission %s was confirmed before: %v", id, err)
		}
	}
	counts, err := store.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantConsistent(t, store, int(counts.Total()))
	events, err := store.Outboxes()[0].Pending(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if last := events[len(events)-1].Seq; last != made.Position || store.Identity() != made.Identity {
		t.Errorf("the copy of %+v has the identity %s and events up to %d", made, store.Identity(), last)
	}
}

// Who held a mission when the copy was made still holds it. Who claimed one after that
// holds nothing in the restored store, whatever has been claimed there.
func TestLeasesAcrossARestore(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	old := mustOpen(t, Config{Path: filepath.Join(dir, "old.db")})
	claim := func(s *Store, id string) missions.LeaseRef {
		t.Helper()
		_, err := s.Create(ctx, []missions.Mission{mission(id, "t")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Register(ctx, missions.Agent{ID: "a", Name: "a", Types: []string{"t"}, Capacity: 10}, time.Hour); err != nil {
			t.Fatal(err)
		}
		claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Types: []string{"t"}, Max: 1, Lease: time.Hour}})
		if err != nil || len(claimed[0].Missions) != 1 {
			t.Fatalf("%+v, %v", claimed, err)
		}
		return missions.LeaseRef{MissionID: id, Lease: claimed[0].Missions[0].Lease}
	}
	before := claim(old, "before")
	if _, err := Backup(ctx, old.backend.path, filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	after := claim(old, "after")

	if _, err := Restore(ctx, opened(t, filepath.Join(dir, "copy.db")), filepath.Join(dir, "new.db")); err != nil {
		t.Fatal(err)
	}
	restored := mustOpen(t, Config{Path: filepath.Join(dir, "new.db")})
	if now := claim(restored, "after"); now.Lease <= after.Lease {
		t.Errorf("lease %d is given after %d was", now.Lease, after.Lease)
	}
	results, err := restored.Finish(ctx, []missions.Finish{
		{AgentID: "a", LeaseRef: before, Outcome: missions.OutcomeComplete}, {AgentID: "a", LeaseRef: after, Outcome: missions.OutcomeComplete},
	})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil || !errors.Is(results[1].Err, missions.ErrLeaseLost) {
		t.Errorf("finishing: %+v", results)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, text, taken := filepath.Join(dir, "store.db"), filepath.Join(dir, "text"), filepath.Join(dir, "taken")
	mustOpen(t, Config{Path: path})
	for _, file := range []string{text, taken} {
		if err := os.WriteFile(file, []byte("some text, longer than a header of a database, which is 100 bytes long, as everybody knows, or finds in its documentation"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, attempt := range map[string]struct {
		ctx      context.Context
		from, to string
		want     error
	}{
		"a store that is not there": {t.Context(), filepath.Join(dir, "nothing"), filepath.Join(dir, "1"), os.ErrNotExist},
		"not a store":               {t.Context(), text, filepath.Join(dir, "2"), ErrDamaged},
		"a file that is there":      {t.Context(), path, taken, ErrNotWritable},
		"an end":                    {ended, path, filepath.Join(dir, "3"), context.Canceled},
	} {
		if _, err := Backup(attempt.ctx, attempt.from, attempt.to); !errors.Is(err, attempt.want) {
			t.Errorf("backup, %s: %v", name, err)
		}
	}
	if _, err := Restore(t.Context(), opened(t, text), filepath.Join(dir, "4")); !errors.Is(err, ErrDamaged) {
		t.Errorf("restore of what is not a store: %v", err)
	}
	if _, err := Restore(t.Context(), opened(t, path), taken); !errors.Is(err, ErrNotWritable) {
		t.Errorf("restore to a file that is there: %v", err)
	}
	for n := range 5 {
		if left := filepath.Join(dir, fmt.Sprint(n)); fileExists(left) {
			t.Errorf("%s was left", left)
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// opened is a file as Restore reads it.
func opened(t *testing.T, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// What missions wait for is in a copy, also what nobody has been told of yet.
func TestWaitsAcrossARestore(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	old := mustOpen(t, Config{Path: filepath.Join(dir, "old.db")})
	waiter := mission("waiter", "t")
	waiter.Flow = &missions.Flow{After: []missions.Condition{{Mission: "source"}, {Signal: "go"}}, Batch: "b"}
	waiter.Normalize()
	if results, err := old.Create(ctx, []missions.Mission{mission("source", "s"), waiter}); err != nil || results[1].Err != nil {
		t.Fatal(err, results)
	}
	give := func(s *Store, missionType string) missions.Mission {
		t.Helper()
		if _, err := s.Register(ctx, missions.Agent{ID: "a", Types: []string{"s", "t"}, Capacity: 9}, time.Hour); err != nil {
			t.Fatal(err)
		}
		claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Types: []string{missionType}, Max: 1, Lease: time.Hour}})
		if err != nil || len(claimed[0].Missions) != 1 {
			t.Fatal(claimed, err)
		}
		return claimed[0].Missions[0]
	}
	source := give(old, "s")
	_, err := old.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "source", Lease: source.Lease},
		Outcome: missions.OutcomeComplete, Result: []byte(`"whole"`)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(ctx, old.backend.path, filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(ctx, opened(t, filepath.Join(dir, "copy.db")), filepath.Join(dir, "new.db")); err != nil {
		t.Fatal(err)
	}
	restored := mustOpen(t, Config{Path: filepath.Join(dir, "new.db")})
	if due, err := restored.Due(ctx, 100); err != nil || due.More {
		t.Fatalf("%+v, %v", due, err)
	}
	if _, err := restored.Signal(ctx, []missions.SignalRequest{{MissionID: "waiter", Name: "go"}}); err != nil {
		t.Fatal(err)
	}
	if m := give(restored, "t"); string(m.Inputs["source"].Result) != `"whole"` {
		t.Errorf("inputs: %+v", m.Inputs)
	}
	if b, err := restored.Batch(ctx, "b"); err != nil || b.ByStatus[missions.Running] != 1 {
		t.Errorf("batch: %+v, %v", b, err)
	}
}
