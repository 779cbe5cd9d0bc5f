package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"missioncontrol/fileperm"
)

// lockName is the name of the lock file inside the store directory. The file is
// never removed: the kernel holds the lock, not the file's existence. Removing it
// would let two processes lock two different files with one name.
const lockName = "supervisor.lock"

// lockDir creates dir if it is missing, checks that it can be written, and locks
// it. The kernel ties the lock to the open file, so it ends with the process.
func lockDir(dir string) (*flock.Flock, error) {
	if err := probeDir(dir); err != nil {
		return nil, &startError{
			Kind:    ErrDirNotWritable,
			Message: fmt.Sprintf("the broker cannot write to its store directory %s: %v; make it writable, or choose another with --data-dir", dir, fileperm.Cause(err)),
			Cause:   err,
		}
	}
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(fileperm.FileMode))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, &startError{
			Kind:    ErrDirNotWritable,
			Message: fmt.Sprintf("the broker cannot open its lock file %s: %v; make it writable, or choose another directory with --data-dir", path, fileperm.Cause(err)),
			Cause:   err,
		}
	}
	if !locked {
		return nil, &startError{
			Kind:    ErrDirLocked,
			Message: fmt.Sprintf("another supervisor%s uses %s; stop it, or choose another directory with --data-dir", readHolder(path), dir),
		}
	}
	// The pid is only for the error message above, so a failure here does not fail
	// the start.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), fileperm.FileMode)
	return lock, nil
}

// tighten removes the rights of other users to the store directory.
func tighten(dir string, log *slog.Logger) {
	switch changed, err := fileperm.Tighten(dir); {
	case err != nil:
		log.Warn("other users can read the broker's store directory, and its mode cannot be changed; run chmod 700 on it", "dir", dir, "error", fileperm.Cause(err))
	case changed:
		log.Info("other users could read the broker's store directory; its mode was corrected", "dir", dir)
	}
}

// probeDir creates dir, and creates and removes a file in it.
func probeDir(dir string) error {
	if err := os.MkdirAll(dir, fileperm.DirMode); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	if err := probe.Close(); err != nil {
		return err
	}
	return os.Remove(probe.Name())
}

// readHolder returns " (pid N)" if the lock file names its holder, otherwise "".
func readHolder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
