//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// unlock releases the lock, even if another process holds the open file.
func unlock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }

// tryLock takes an exclusive advisory lock without waiting. The kernel ties it to
// the open file, so it ends with the descriptor and with the process.
func tryLock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLockHeld
		default:
			return fmt.Errorf("flock: %w", err)
		}
	}
}
