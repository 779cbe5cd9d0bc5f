package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"missioncontrol/fileperm"
)

// lockName is the name of the lock file inside the store directory. The file is
// never removed: the kernel holds the lock, not the file's existence. Removing it
// would let two processes lock two different files with one name.
const lockName = "supervisor.lock"

// errLockHeld is returned by tryLock if another process holds the lock.
var errLockHeld = errors.New("lock is held")

// dirLock is this process's lock on a store directory.
type dirLock struct{ file *os.File }

// lockDir creates dir if it is missing, checks that it can be written, and locks
// it.
func lockDir(dir string) (*dirLock, error) {
	if err := probeDir(dir); err != nil {
		return nil, &StartError{
			Kind:    ErrDirNotWritable,
			Message: fmt.Sprintf("the broker cannot write to its store directory %s: %v; make it writable, or choose another with --data-dir", dir, fileperm.Cause(err)),
			Cause:   err,
		}
	}
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &StartError{
			Kind:    ErrDirNotWritable,
			Message: fmt.Sprintf("the broker cannot open its lock file %s: %v; make it writable, or choose another directory with --data-dir", path, fileperm.Cause(err)),
			Cause:   err,
		}
	}
	if err := tryLock(file); err != nil {
		holder := readHolder(file)
		_ = file.Close() // never written
		return nil, &StartError{
			Kind:    ErrDirLocked,
			Message: fmt.Sprintf("another supervisor%s holds %s; stop it, or choose another directory with --data-dir", holder, dir),
			Cause:   err,
		}
	}
	// The pid is only for the error message above, so a failure here does not fail
	// the start.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &dirLock{file: file}, nil
}

// tighten removes the rights of other users to the store directory.
func tighten(dir string, log *slog.Logger) {
	switch changed, err := fileperm.Tighten(dir); {
	case err != nil:
		log.Warn("others can read the broker's store directory, and that cannot be changed; chmod 700 it", "dir", dir, "error", fileperm.Cause(err))
	case changed:
		log.Info("others could read the broker's store directory; now its owner alone can", "dir", dir)
	}
}

// release unlocks the directory. Closing the file is not enough: a child process
// that is just being started holds a copy of every descriptor until it executes its
// program, and the lock would last until then.
func (l *dirLock) release() error { return errors.Join(unlock(l.file), l.file.Close()) }

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
func readHolder(file *os.File) string {
	var buf [32]byte
	n, _ := file.ReadAt(buf[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil || pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
