//go:build unix

package worker

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockEvery is how often lockDir looks whether a lock is free.
const lockEvery = 50 * time.Millisecond

// lockDir locks a directory that is open, or waits until it can or ctx ends. The lock ends with
// the process, however it ends.
func lockDir(ctx context.Context, dir *os.File) error {
	for {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		timer := time.NewTimer(lockEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// tryLockDir locks a directory that is open, unless it is locked.
func tryLockDir(dir *os.File) bool {
	return unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// unlockDir ends the lock of a directory and closes it. Closing alone would not do: a program
// that is being started has a copy of every descriptor for a moment.
func unlockDir(dir *os.File) {
	_ = unix.Flock(int(dir.Fd()), unix.LOCK_UN) // of a lock that we have
	_ = dir.Close()
}
