//go:build unix

package sqlitestore

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"missioncontrol/fileperm"
)

// unlock ends the lock and closes its file. Closing alone would not do: a child
// process that is being started at this moment has a copy of every descriptor
// until it runs its program, and the lock would last as long.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// lockFile takes an exclusive lock that the system frees when the process ends,
// however it ends. The file itself stays and means nothing.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileperm.FileMode)
	if err != nil {
		return nil, notWritable(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is locked; stop the other supervisor, or choose another directory with --data-dir", ErrLocked, path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
