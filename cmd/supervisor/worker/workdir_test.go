//go:build unix

package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"missioncontrol/supervisor/agent"
)

func openTestWorkdirs(t *testing.T) (dirs *workdirs, path string) {
	t.Helper()
	path = t.TempDir()
	dirs, err := openWorkdirs(path, time.Hour, t.Errorf)
	must(t, err)
	return dirs, path
}

// No mission's directory is outside, whatever its ID, and whatever stands in its place.
func TestAWorkingDirectoryIsInside(t *testing.T) {
	t.Parallel()
	dirs, path := openTestWorkdirs(t)
	defer dirs.close()
	must(t, os.Symlink(t.TempDir(), filepath.Join(path, "link")))
	must(t, os.Symlink("..", filepath.Join(path, "up")))
	must(t, os.WriteFile(filepath.Join(path, "file"), nil, 0o600))
	for _, id := range []string{"link", "up", "file"} {
		if _, err := dirs.enter(t.Context(), id); !agent.IsUnable(err) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"..", "../x", "/tmp", "", "a/b", workdirMark} {
		if dir, err := dirs.enter(t.Context(), id); err == nil {
			t.Errorf("%q became %s", id, dir.path())
		}
	}
}

// What a mission's directory links to is not removed with it.
func TestRemovingADirectoryFollowsNoLink(t *testing.T) {
	t.Parallel()
	dirs, path := openTestWorkdirs(t)
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, nil, 0o600))
	dir, err := dirs.enter(t.Context(), "m1")
	must(t, err)
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir.path(), "link")))
	dir.leave(true)
	dirs.close() // waits for the removal
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
}

// Who waits for a directory gets it once it is free, a new one if it was removed, and waits no
// longer than its context.
func TestADirectoryIsWaitedFor(t *testing.T) {
	t.Parallel()
	dirs, _ := openTestWorkdirs(t)
	defer dirs.close()
	first, err := dirs.enter(t.Context(), "m1")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(first.path(), "file"), nil, 0o600))
	cause := errors.New("cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := dirs.enter(ctx, "m1"); !errors.Is(err, cause) {
		t.Errorf("entered, or: %v", err)
	}
	for _, ended := range []bool{false, true} {
		entered := make(chan *workdir)
		go func() {
			second, err := dirs.enter(t.Context(), "m1")
			if err != nil {
				t.Error(err)
			}
			entered <- second
		}()
		first.leave(ended)
		if first = <-entered; first == nil {
			return
		}
		if _, err := os.Stat(filepath.Join(first.path(), "file")); (err != nil) != ended {
			t.Errorf("the directory was removed: %v; want %v", err, ended)
		}
	}
	first.leave(true)
}
