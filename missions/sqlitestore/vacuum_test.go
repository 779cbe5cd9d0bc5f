package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
)

// large returns a mission whose data has a number of KiB.
func large(id string, kib int) missions.Mission {
	m := mission(id, "t")
	m.Data = []byte(`{"x":"` + strings.Repeat("x", kib<<10) + `"}`)
	return m
}

// createLarge creates missions with 400 KiB of data each, and cancels them.
func createLarge(t *testing.T, s *Store, count int) {
	t.Helper()
	cancels := make([]missions.CancelRequest, count)
	for i := range cancels {
		cancels[i].ID = fmt.Sprintf("large-%d", i)
		results, err := s.Create(t.Context(), []missions.Mission{large(cancels[i].ID, 400)})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
	}
	if _, err := s.Cancel(t.Context(), cancels); err != nil {
		t.Fatal(err)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// When a store has become much smaller, its file does, too.
func TestSpaceComesBackAfterRetention(t *testing.T) {
	t.Parallel()
	clock := newClock()
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, Config{Path: path, Now: clock.Now})
	createLarge(t, s, 100)
	if _, err := s.Create(t.Context(), []missions.Mission{mission("kept", "t")}); err != nil {
		t.Fatal(err)
	}
	if err := s.checkpoint(); err != nil {
		t.Fatal(err)
	}
	before := fileSize(t, path)
	clock.Advance(time.Hour)
	if n, err := s.Retain(t.Context(), time.Minute, 1000); n != 100 || err != nil {
		t.Fatalf("deleted %d, %v", n, err)
	}
	if err := s.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if after := fileSize(t, path); before < 38<<20 || after > 20<<20 {
		t.Errorf("the file has %d MiB, and had %d", after>>20, before>>20)
	}
	if m, err := s.Get(t.Context(), "kept"); err != nil || m.ID != "kept" {
		t.Errorf("%v, %v", m, err)
	}
	if err := s.backend.read(t.Context(), func(c *conn) error { return c.exec("PRAGMA integrity_check") }); err != nil {
		t.Error(err)
	}
}

// checkpoint settles, gives back space and copies the write-ahead log into the database.
func (s *Store) checkpoint() error {
	b := s.backend
	if err := errors.Join(b.settle(), b.vacuum()); err != nil {
		return err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.writer.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

// A long reader keeps the write-ahead log from beginning anew. When it has ended, the log
// shrinks again.
func TestTheJournalShrinksAfterALongReader(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, Config{Path: path})
	err := s.backend.read(t.Context(), func(c *conn) error {
		if _, err := c.number("SELECT count(*) FROM missions"); err != nil { // it reads from here on
			return err
		}
		createLarge(t, s, 200)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	grown := fileSize(t, path+"-wal")
	for i := range 3 { // the first copies the log, the next begins it anew
		if _, err := s.Create(t.Context(), []missions.Mission{mission(fmt.Sprint("small-", i), "t")}); err != nil {
			t.Fatal(err)
		}
	}
	if after := fileSize(t, path+"-wal"); grown < 70<<20 || after > 40<<20 {
		t.Errorf("the log has %d MiB, and had %d", after>>20, grown>>20)
	}
}

// A store that an earlier version created cannot give back space; a restored copy of it can.
func TestARestoredStoreCanGiveBackSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, copied, restored := filepath.Join(dir, "old.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	c, err := openConn(old, "PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL")
	if err == nil {
		err = migrate(c, old)
	}
	if err == nil {
		err = c.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Path: old})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retain(t.Context(), time.Minute, 10); err != nil {
		t.Errorf("retention in an older store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), old, copied); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	if _, err := Restore(context.Background(), from, restored); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int64{old: 0, restored: 2} {
		c, err := openConn(path, "")
		if err != nil {
			t.Fatal(err)
		}
		if mode, err := c.number("PRAGMA auto_vacuum"); mode != want || err != nil {
			t.Errorf("%s: auto_vacuum is %d, %v", path, mode, err)
		}
		_ = c.close()
	}
}
