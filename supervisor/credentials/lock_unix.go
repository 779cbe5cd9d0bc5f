//go:build unix

package credentials

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"missioncontrol/fileperm"
)

// exclusively runs change while no other process changes the files of a directory. It
// locks the directory itself, so no lock file is left behind, and the lock ends with
// the process.
func exclusively(dir string, change func() error) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", dir, fileperm.Cause(err))
	}
	defer func() { _ = file.Close() }() // also releases the lock
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
