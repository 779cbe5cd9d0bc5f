package sqlitestore

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// childVariable makes the test binary a process that creates missions in the
// store it names, until it is killed.
const childVariable = "SQLITESTORE_TEST_CHILD"

// createUntilKilled prints the id of each mission that the store has confirmed.
func createUntilKilled(path string) {
	store, err := Open(Config{Path: path})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	var wait sync.WaitGroup
	for caller := range 8 {
		wait.Go(func() {
			for i := 0; ; i++ {
				m := mission(fmt.Sprintf("c%d-%d", caller, i), "t")
				results, err := store.Create(context.Background(), []missions.Mission{m})
				if err != nil || results[0].Err != nil {
					fmt.Println("create:", err, results)
					os.Exit(1)
				}
				fmt.Println(m.ID) // one write each, so that a line is whole or not there
			}
		})
	}
	wait.Wait()
}

// mission returns a normalized mission.
func mission(id, kind string) missions.Mission {
	m := missions.Mission{ID: id, Name: "mission " + id, Type: kind}
	m.Normalize()
	return m
}

func child(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestWhatIsConfirmedSurvivesKill9(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	confirmed := killed(t, path, 300)
	store := mustOpen(t, Config{Path: path})
	for _, id := range confirmed {
		if _, err := store.Get(t.Context(), id); err != nil {
			t.Errorf("mission %s was confirmed: %v", id, err)
		}
	}
	wantConsistent(t, store, len(confirmed))
}

// killed runs a child on a store, kills it once it has confirmed so many
// missions, and returns all that it has confirmed.
func killed(t *testing.T, path string, after int) (confirmed []string) {
	t.Helper()
	return killedAfter(t, path, after, func() {})
}

// killedAfter is killed, but for something that is done first, beside the child.
func killedAfter(t *testing.T, path string, after int, first func()) (confirmed []string) {
	t.Helper()
	cmd := child(t, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the pipe ends with the child
		}
		confirmed = append(confirmed, strings.TrimSuffix(line, "\n"))
		if len(confirmed) == after {
			first()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v, not by the kill; it said %q", err, confirmed)
	}
	return confirmed
}

// wantConsistent checks that the counters, the log and the outbox agree with the
// missions that there are, at least so many.
func wantConsistent(t *testing.T, s *Store, least int) {
	t.Helper()
	counts, err := s.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts.Total() < int64(least) {
		t.Errorf("the store counts %d missions, want at least %d", counts.Total(), least)
	}
	err = s.backend.readSettled(t.Context(), func(c *conn) error {
		events, err := c.pending(0, math.MaxInt64, 1_000_000)
		if err != nil || int64(len(events)) != counts.Total() {
			t.Errorf("%d events are pending (%v), want %d", len(events), err, counts.Total())
		}
		totals := map[string]*engine.Totals{}
		if err := snapshotTotals(c, &engine.Snapshot{Totals: totals}); err != nil {
			return err
		}
		for _, name := range []string{"", "t"} {
			if of := totals[name]; of == nil || of.ByStatus[missions.Pending.Index()] != counts.Total() {
				t.Errorf("totals of type %q: %+v, want %d PENDING", name, of, counts.Total())
			}
		}
		for what, sql := range map[string]string{
			"missions":            "SELECT count(*) FROM missions",
			"missions with a log": "SELECT count(*) FROM missions WHERE changes IS NOT NULL",
			"outbox's mark":       "SELECT outbox FROM marks",
		} {
			n, err := c.number(sql)
			if err != nil {
				return err
			}
			if n != counts.Total() {
				t.Errorf("%s: %d, want %d", what, n, counts.Total())
			}
		}
		var verdict string
		err = c.query("PRAGMA integrity_check", text(&verdict))
		if verdict != "ok" {
			t.Errorf("integrity check: %s", verdict)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCommitsAreFlushed stands for what no test can do: cut the power.
func TestCommitsAreFlushed(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	eachConn(t, s, func(c *conn) {
		var mode string
		if err := c.query("PRAGMA journal_mode", text(&mode)); err != nil || mode != "wal" {
			t.Errorf("the journal's mode is %q (%v), want wal", mode, err)
		}
		if level, err := c.number("PRAGMA synchronous"); err != nil || level != 2 {
			t.Errorf("synchronous is %d (%v), want 2, FULL", level, err)
		}
	})
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	mustOpen(t, Config{Path: path})
	out, err := child(t, path).Output()
	if err == nil {
		t.Error("a second process could open the store")
	}
	if want := "another process uses this store"; !strings.Contains(string(out), want) {
		t.Errorf("the second process said %q, want %q", out, want)
	}
}
