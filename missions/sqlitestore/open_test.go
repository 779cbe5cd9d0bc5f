package sqlitestore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// text reads a query's one text.
func text(into *string) func(*sqlite3.Stmt) (bool, error) {
	return func(row *sqlite3.Stmt) (bool, error) {
		*into = row.ColumnText(0)
		return false, nil
	}
}

// alter changes a store's file from outside.
func alter(t *testing.T, path, sql string) {
	t.Helper()
	c, err := openConn(path, sql)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

// wantRefused checks that a store cannot be opened, why, and that the sentence
// tells the user each of some things.
func wantRefused(t *testing.T, path string, want error, tells ...string) {
	t.Helper()
	s, err := Open(Config{Path: path, Logger: silent()})
	if err == nil {
		t.Fatal("it can be opened", s.Close())
	}
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
	for _, part := range append(tells, path, "choose another") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has more than one line", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "store.db")
		s, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("a store that is open", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "store.db")
		s := mustOpen(t, Config{Path: path})
		wantRefused(t, path, ErrLocked, "stop the other supervisor")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		mustOpen(t, Config{Path: path})
	})
	t.Run("a newer schema", func(t *testing.T) {
		t.Parallel()
		path := closed(t)
		alter(t, path, "PRAGMA user_version = 99")
		wantRefused(t, path, ErrNewerSchema, "schema 99", "run the newer supervisor")
	})
	t.Run("a place that cannot be written", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, filepath.Join(file, "store.db"), ErrNotWritable, "make it writable")
	})
	t.Run("a directory", func(t *testing.T) {
		t.Parallel()
		wantRefused(t, t.TempDir(), ErrNotWritable)
	})
	t.Run("a file of something else", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "store.db")
		if err := os.WriteFile(path, bytes.Repeat([]byte("a letter to my aunt. "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, path, ErrDamaged)
	})
	t.Run("another program's database, and leaves it alone", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "store.db")
		alter(t, path, "CREATE TABLE recipes (name TEXT)")
		wantRefused(t, path, ErrDamaged, "the database of another program")
		c, err := openConn(path, "")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.number("SELECT count(*) FROM sqlite_schema"); n != 1 || err != nil {
			t.Errorf("the database has %d tables (%v), want the 1 it had", n, err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a configuration that makes no sense", func(t *testing.T) {
		t.Parallel()
		for _, cfg := range []Config{{}, {Path: "x", OutboxLimit: -1}, {Path: "x", Readers: -1}} {
			if _, err := Open(cfg); err == nil {
				t.Errorf("%+v can be opened", cfg)
			}
		}
	})
}

func TestDamagedPagesAreAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := s.Create(t.Context(), batchOf(i, 200)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 40; (page+1)*4096 <= len(file); page++ { // the schema stands before
		copy(file[page*4096:(page+1)*4096], bytes.Repeat([]byte{byte(page), 0xff, 0x07}, 1365))
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(Config{Path: path, Logger: silent()})
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("open: %v, want ErrDamaged", err)
		}
		return
	}
	if _, err := s.List(t.Context(), missions.Filter{}); !errors.Is(err, missions.ErrUnavailable) {
		t.Errorf("list: %v, want ErrUnavailable", err)
	}
	if _, err := s.Create(t.Context(), batchOf(9, 100)); !errors.Is(err, missions.ErrUnavailable) {
		t.Errorf("create: %v, want ErrUnavailable", err)
	}
	_ = s.Close()
}

func TestAPathIsNotAURI(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file:a b%20c?mode=memory#d", "störe.db")
	s := mustOpen(t, Config{Path: path})
	if _, err := s.Create(t.Context(), batchOf(0, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	c, err := openConn(path, pragmas)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.close() }()
	tables := func() int64 {
		t.Helper()
		n, err := c.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := applyMigration(c.db, "CREATE TABLE half (x); CREATE TABLE half (x)", 1); err == nil {
		t.Error("a migration with a fault goes through")
	}
	if n := tables(); n != 0 {
		t.Errorf("a migration that failed leaves %d tables", n)
	}
	for range 2 {
		if err := migrate(c, path); err != nil {
			t.Fatal(err)
		}
		if version, _ := c.number("PRAGMA user_version"); version != 8 {
			t.Errorf("the schema's version is %d, want 8", version)
		}
		if n := tables(); n != 18 {
			t.Errorf("there are %d tables, want 18", n)
		}
	}
	first, err := readIdentity(c)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := readIdentity(c); again != first || err != nil {
		t.Errorf("the identity is %q and then %q (%v)", first, again, err)
	}
}

// What an earlier version has made for the group as well becomes the owner's alone.
func TestNobodyElseCanReadTheFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made")
	path := filepath.Join(dir, "store.db")
	for _, before := range []fs.FileMode{0, 0o640, 0o644} {
		if before != 0 {
			for _, suffix := range []string{"", ".lock"} {
				if err := os.Chmod(path+suffix, before); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := mustOpen(t, Config{Path: path})
		for file, want := range map[string]fs.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600} {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != want {
				t.Errorf("%s has the mode %o, after %o", filepath.Base(file), mode, before)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
