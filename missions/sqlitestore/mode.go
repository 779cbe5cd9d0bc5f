package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
)

// fileMode is who may open the files of a store: its user, and the group for
// backups. What missions carry is nobody else's business.
const fileMode fs.FileMode = 0o640

// createPrivate creates a database file that does not exist, before SQLite would
// do so with a mode of its own. One that exists stays as it is.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
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

// bare strips what errors of files repeat: operation and path.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
