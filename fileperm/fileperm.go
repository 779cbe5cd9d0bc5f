// Package fileperm keeps what is ours from other users of the machine: it takes their
// rights to what we have made away, says who else can change or read a file, and opens
// files that others may have put in place of what is expected. It also says why a file
// could not be used, in few words.
//
// Where files have no owner and no mode as Unix has them, nothing is said or changed.
package fileperm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The modes of what we make.
const (
	FileMode fs.FileMode = 0o600
	DirMode  fs.FileMode = 0o700
)

const (
	others      fs.FileMode = 0o077 // all rights of the group and of others
	othersWrite fs.FileMode = 0o022
	worldWrite  fs.FileMode = 0o002
	worldRead   fs.FileMode = 0o004
	groupRead   fs.FileMode = 0o040
)

// ErrUntrusted says that others can change a file.
var ErrUntrusted = errors.New("other users can change it")

// ErrNotRegular says that something is not a regular file.
var ErrNotRegular = errors.New("it is not a regular file")

// Open reports whether others than its owner have any rights to a file or directory.
func Open(info fs.FileInfo) bool { return hasOwners && info.Mode()&others != 0 }

// Tighten takes the rights of the group and of others away from a file or directory. It
// reports whether there were some.
func Tighten(path string) (changed bool, err error) {
	info, err := os.Stat(path)
	if err != nil || !Open(info) {
		return false, err
	}
	return true, os.Chmod(path, info.Mode()&^others)
}

// Exposed reports whether others than its owner can read a file. A group that the owner
// has given it to on purpose does not count: the file is somebody else's then, and only
// its group lets us read it.
func Exposed(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !hasOwners || !info.Mode().IsRegular() {
		return false
	}
	mode := info.Mode()
	return mode&worldRead != 0 || mode&groupRead != 0 && owner(info) == self()
}

// CheckTrusted returns an [ErrUntrusted] that says why if anybody but root and the user of
// this process can change a file: by its mode, by its owner, or by a directory above it in
// which they can put another one in its place.
func CheckTrusted(path string) error {
	info, err := os.Stat(path)
	if err != nil || !hasOwners {
		return err
	}
	if err := checkOwner(path, info); err != nil {
		return err
	}
	if info.Mode()&othersWrite != 0 {
		return fmt.Errorf("%w: %s has the mode %#o; run chmod go-w %s", ErrUntrusted, path, info.Mode().Perm(), path)
	}
	if !info.Mode().IsRegular() {
		return nil // a pipe, say, which is in no directory
	}
	place, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks(place)
	if err != nil {
		return err
	}
	if err := checkAbove(place); err != nil || target == place {
		return err
	}
	return checkAbove(target)
}

// checkAbove checks the directories above an absolute path.
func checkAbove(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := checkDir(dir, info); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// checkDir checks who may put something into a directory in the place of what is there.
// With the sticky bit, only owners may.
func checkDir(dir string, info fs.FileInfo) error {
	if err := checkOwner(dir, info); err != nil {
		return err
	}
	mode := info.Mode()
	if mode&fs.ModeSticky != 0 || mode&othersWrite == 0 || mode&worldWrite == 0 && groupIsOwner(info) {
		return nil
	}
	return fmt.Errorf("%w: they can replace it in %s, which has the mode %#o; run chmod go-w %s", ErrUntrusted, dir, mode.Perm(), dir)
}

func checkOwner(path string, info fs.FileInfo) error {
	uid := owner(info)
	if uid == 0 || uid == self() || unmapped(uid) {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to the user %d, but this process runs as %d; run chown on it, to root or to that user", ErrUntrusted, path, uid, self())
}

// Cause returns the error of a file without the operation and the path, for messages that
// name the file themselves. Other errors are returned as they are.
func Cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// OpenRegular opens a regular file for reading. It neither follows a link that stands in
// its place nor waits for the other end of a pipe. The error is an [ErrNotRegular] for
// anything but a file.
func OpenRegular(path string) (*os.File, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
