package sqlitestore

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// watchedFile is a file in memory that notes what is done to it, and fails on demand.
type watchedFile struct {
	vfsutil.SliceFile
	done []string
	fail error
}

func (f *watchedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fail != nil {
		return 0, f.fail
	}
	f.done = append(f.done, "write")
	return f.SliceFile.WriteAt(p, off)
}

func (f *watchedFile) Sync(vfs.SyncFlag) error {
	f.done = append(f.done, "sync")
	return nil
}

func (f *watchedFile) Close() error {
	f.done = append(f.done, "close")
	return nil
}

func put(t *testing.T, j *journal, off int64, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if n, err := j.WriteAt([]byte(text), off); n != len(text) || err != nil {
			t.Fatalf("write %d bytes: %d, %v", len(text), n, err)
		}
		off += int64(len(text))
	}
}

func TestAJournalWritesACommitAtOnce(t *testing.T) {
	t.Parallel()
	file := &watchedFile{}
	j := &journal{File: file}
	put(t, j, 0, "header", "frame", "page")
	if err := j.Sync(0); err != nil {
		t.Fatal(err)
	}
	put(t, j, 3, "D") // elsewhere
	put(t, j, 15, "next")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"write", "sync", "write", "write", "close"}; !slices.Equal(file.done, want) {
		t.Errorf("the file saw %q, want %q", file.done, want)
	}
	if got := string(file.SliceFile); got != "heaDerframepagenext" {
		t.Errorf("the file holds %q", got)
	}
}

func TestAJournalTellsOfWhatItHolds(t *testing.T) {
	t.Parallel()
	file := &watchedFile{}
	j := &journal{File: file}
	put(t, j, 0, "held")
	if size, err := j.Size(); size != 4 || err != nil {
		t.Errorf("size: %d, %v", size, err)
	}
	put(t, j, 4, " too")
	read := make([]byte, 8)
	if _, err := j.ReadAt(read, 0); err != nil && !errors.Is(err, io.EOF) || string(read) != "held too" {
		t.Errorf("read: %q, %v", read, err)
	}
	put(t, j, 8, " cut")
	if err := j.Truncate(6); err != nil || string(file.SliceFile) != "held t" {
		t.Errorf("truncate: %q, %v", file.SliceFile, err)
	}
	large := bytes.Repeat([]byte("x"), mostHeld)
	put(t, j, 6, string(large), "y")
	if len(file.SliceFile) != 6+mostHeld || len(j.held) != 1 {
		t.Errorf("the file has %d bytes, and %d are held", len(file.SliceFile), len(j.held))
	}
}

// What could not be written is a commit that failed: the next one writes in its place.
func TestAJournalForgetsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		file := &watchedFile{fail: cause}
		j := &journal{File: file}
		put(t, j, 0, "lost")
		if err := j.Sync(0); err == nil || !strings.Contains(err.Error(), cause.Error()) {
			t.Errorf("sync: %v, want %v", err, cause)
		}
		file.fail = nil
		put(t, j, 0, "kept")
		if err := j.Sync(0); err != nil || string(file.SliceFile) != "kept" {
			t.Errorf("the next commit: %q, %v", file.SliceFile, err)
		}
	}
}

// The store's own journal is one.
func TestTheStoreWritesThroughAJournal(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	eachConn(t, s, func(c *conn) {
		if name := c.db.Filename("main"); name.URIParameter("vfs") != journalVFS {
			t.Errorf("the database is opened through %q", name.URIParameter("vfs"))
		}
	})
}
