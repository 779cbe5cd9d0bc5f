package sqlitestore

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

const journalVFS = "missioncontrol"

func init() { vfs.Register(journalVFS, journaling{vfs.Find("")}) }

type journaling struct{ vfs.VFS }

func (j journaling) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := vfsutil.WrapOpenFilename(j.VFS, name, flags)
	if err == nil && flags&vfs.OPEN_WAL != 0 {
		file = &journal{File: file}
	}
	return file, flags, err
}

type journal struct {
	vfs.File
	held []byte
	at   int64
}

const mostHeld = 1 << 20

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

func (j *journal) write() error {
	if len(j.held) == 0 {
		return nil
	}
	held := j.held
	j.held = j.held[:0]
	_, err := j.File.WriteAt(held, j.at)
	return err
}

func (j *journal) ReadAt(p []byte, off int64) (int, error) {
	if err := j.write(); err != nil {
		return 0, err
	}
	return j.File.ReadAt(p, off)
}

func (j *journal) Sync(flags vfs.SyncFlag) error {
	if err := j.write(); err != nil {
		return err
	}
	return j.File.Sync(flags)
}

func (j *journal) Truncate(size int64) error {
	if err := j.write(); err != nil {
		return err
	}
	return j.File.Truncate(size)
}

func (j *journal) Size() (int64, error) {
	if err := j.write(); err != nil {
		return 0, err
	}
	return j.File.Size()
}

// uri names a database file to SQLite, whatever characters its path has.
func uri(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	full = "/" + strings.TrimPrefix(filepath.ToSlash(full), "/")
	return (&url.URL{Scheme: "file", Path: full, RawQuery: "vfs=" + journalVFS}).String(), nil
}
