package sqlitestore

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// journalVFS names to SQLite the file system that keeps its write-ahead log in a [journal],
// and everything else as usual.
const journalVFS = "missioncontrol"

func init() { vfs.Register(journalVFS, journals{vfs.Find("")}) }

type journals struct{ vfs.VFS }

// OpenFilename implements [vfs.VFSFilename].
func (j journals) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := vfsutil.WrapOpenFilename(j.VFS, name, flags)
	if err == nil && flags&vfs.OPEN_WAL != 0 {
		file = &journal{File: file}
	}
	return file, flags, err
}

// journal is a write-ahead log that is written once for each commit. SQLite writes two
// pieces for every page that has changed, one behind the other, and each would be a system
// call.
//
// Held back is only what nobody else can know of: SQLite shows a commit to its readers, and
// reports it done, after it has synced the log. That holds with synchronous=FULL only,
// which openConn sees to. Whatever else the file is asked for comes after what is held.
type journal struct {
	vfs.File
	held []byte
	at   int64 // where in the file held begins
}

// mostHeld bounds what is held back, and so a connection's memory.
const mostHeld = 1 << 20

// WriteAt implements [vfs.File].
func (j *journal) WriteAt(p []byte, off int64) (int, error) {
	if len(j.held) > 0 && (off != j.at+int64(len(j.held)) || len(j.held)+len(p) > mostHeld) {
		if err := j.write(); err != nil {
			return 0, err
		}
	}
	if len(j.held) == 0 {
		j.at = off
	}
	j.held = append(j.held, p...)
	return len(p), nil
}

// write writes what is held. When that fails so does the commit that it is part of, and
// the next one begins where that began.
func (j *journal) write() error {
	if len(j.held) == 0 {
		return nil
	}
	_, err := j.File.WriteAt(j.held, j.at)
	j.held = j.held[:0]
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// ReadAt implements [vfs.File].
func (j *journal) ReadAt(p []byte, off int64) (int, error) {
	if err := j.write(); err != nil {
		return 0, err
	}
	return j.File.ReadAt(p, off)
}

// Sync implements [vfs.File].
func (j *journal) Sync(flags vfs.SyncFlag) error {
	if err := j.write(); err != nil {
		return err
	}
	return j.File.Sync(flags)
}

// Truncate implements [vfs.File].
func (j *journal) Truncate(size int64) error {
	if err := j.write(); err != nil {
		return err
	}
	return j.File.Truncate(size)
}

// Size implements [vfs.File].
func (j *journal) Size() (int64, error) {
	if err := j.write(); err != nil {
		return 0, err
	}
	return j.File.Size()
}

// Close implements [vfs.File].
func (j *journal) Close() error { return errors.Join(j.write(), j.File.Close()) }

// uri names a database file to SQLite, whatever characters its path has.
func uri(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	full = "/" + strings.TrimPrefix(filepath.ToSlash(full), "/")
	return (&url.URL{Scheme: "file", Path: full, RawQuery: "vfs=" + journalVFS}).String(), nil
}
