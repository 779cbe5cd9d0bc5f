package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/gofrs/flock"

	"missioncontrol/fileperm"
)

// exclusively runs change while no other process changes the files of a directory. It
// locks the directory itself, so no lock file is left behind, and the lock ends with
// the process. Windows cannot lock a directory.
func exclusively(dir string, change func() error) error {
	if runtime.GOOS == "windows" {
		return change()
	}
	lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
	err := lock.Lock()
	var notOpened *fs.PathError
	switch {
	case errors.As(err, &notOpened):
		return fmt.Errorf("%s cannot be read: %w", dir, fileperm.Cause(err))
	case err != nil:
		return fmt.Errorf("%s cannot be locked: %w", dir, err)
	}
	defer func() { _ = lock.Unlock() }() // the lock also ends with the process
	return change()
}
