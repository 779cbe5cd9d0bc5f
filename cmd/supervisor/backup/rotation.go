package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"missioncontrol/fileperm"
)

// stampFormat is the name of a backup in a directory of backups: the time in UTC. Names
// are in the order of the times.
const stampFormat = "2006-01-02T150405.000Z"

// stamped makes a directory of backups, if it does not exist, and returns the path of a
// new one in it.
func stamped(dir string, now time.Time) (string, error) {
	if err := os.MkdirAll(dir, fileperm.DirMode); err != nil {
		return "", fmt.Errorf("%s cannot be made: %w", dir, fileperm.Cause(err))
	}
	return filepath.Join(dir, now.UTC().Format(stampFormat)), nil
}

// rotate deletes all but the newest backups of a directory, and what backups that were cut
// off have left. It returns how many backups it has deleted. Whatever else is there stays.
func rotate(dir string, keep int) (deleted int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("%s cannot be read: %w", dir, fileperm.Cause(err))
	}
	var backups, partials []string
	for _, entry := range entries {
		name := entry.Name()
		stamp, isPartial := cutPartial(name)
		if _, err := time.Parse(stampFormat, stamp); err != nil || !entry.IsDir() {
			continue
		}
		if isPartial {
			partials = append(partials, filepath.Join(dir, name))
		} else if _, err := os.Lstat(filepath.Join(dir, name, manifestName)); err == nil {
			backups = append(backups, filepath.Join(dir, name))
		}
	}
	slices.Sort(backups)
	old := backups[:max(0, len(backups)-keep)]
	var errs []error
	for _, path := range append(partials, old...) {
		errs = append(errs, os.RemoveAll(path))
	}
	return len(old), errors.Join(errs...)
}
