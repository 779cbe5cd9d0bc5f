//go:build unix

package credentials

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// exclusively changes the files of a directory while nobody else does. The lock is the
// directory's own, so that nothing is left behind, and it ends with the process.
func exclusively(dir string, change func() error) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", dir, rootCause(err))
	}
	defer func() { _ = file.Close() }() // which ends the lock
	for {
		if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s cannot be locked: %w", dir, err)
	}
	return change()
}
