package sqlitestore

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"missioncontrol/fileperm"
)

// createPrivate creates a database file that does not exist, before SQLite would
// do so with a mode of its own.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileperm.FileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// tighten takes the rights of others to the files of a store away, which earlier versions
// have given to the group. It goes on with files whose owner is somebody else.
func tighten(path string, log *slog.Logger) {
	for _, file := range []string{path, path + ".lock"} {
		changed, err := fileperm.Tighten(file)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			log.Warn("other users can read a file of the store, and its mode cannot be changed; run chmod 600 on it", "file", file, "error", fileperm.Cause(err))
		case changed:
			log.Info("other users could read a file of the store; its mode was corrected", "file", file)
		}
	}
}

// hideJournal gives what SQLite has just made beside the database no more readers
// than the database itself has. They last as long as the store is open.
func hideJournal(path string) error {
	database, err := os.Stat(path)
	if err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&^database.Mode().Perm() != 0 {
			err = os.Chmod(path+suffix, info.Mode().Perm()&database.Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
