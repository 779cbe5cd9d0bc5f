//go:build unix

package fileperm_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"missioncontrol/fileperm"
	"missioncontrol/test/fatal"
)

var must = fatal.If

// place makes a directory of that mode with a file of that mode in it.
func place(t *testing.T, dirMode, fileMode fs.FileMode) (file string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	must(t, os.Mkdir(dir, 0o700))
	file = filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("text"), 0o600))
	must(t, os.Chmod(file, fileMode))
	must(t, os.Chmod(dir, dirMode))
	return file
}

// The tests also run as root, who may do everything: they look at what is said, and do not
// try what is forbidden.
func TestWhatOthersCanChangeIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dir, file fs.FileMode
		why       string // "" for trusted
	}{
		{0o700, 0o600, ""},
		{0o755, 0o644, ""},
		{0o755, 0o440, ""},
		{0o755, 0o620, "has the mode 0620; run chmod go-w"},
		{0o755, 0o602, "has the mode 0602; run chmod go-w"},
		{0o757, 0o600, "they can replace it in"},
		{0o777, 0o600, "they can replace it in"},
		{0o777 | fs.ModeSticky, 0o600, ""},
	} {
		file := place(t, c.dir, c.file)
		err := fileperm.CheckTrusted(file)
		if c.why == "" && err != nil || c.why != "" && (!errors.Is(err, fileperm.ErrUntrusted) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("a file %v in a directory %v: %v", c.file, c.dir, err)
		}
		link := filepath.Join(t.TempDir(), "link")
		must(t, os.Symlink(file, link))
		if linked := fileperm.CheckTrusted(link); (linked == nil) != (err == nil) {
			t.Errorf("by a link to a file %v in a directory %v: %v", c.file, c.dir, linked)
		}
	}
	open := place(t, 0o777, 0o600)
	link := filepath.Join(filepath.Dir(open), "link")
	must(t, os.Symlink(place(t, 0o700, 0o600), link))
	if err := fileperm.CheckTrusted(link); !errors.Is(err, fileperm.ErrUntrusted) {
		t.Errorf("a link that others can replace: %v", err)
	}
	if err := fileperm.CheckTrusted(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWhatOthersCanReadIsExposed(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true} {
		if got := fileperm.Exposed(place(t, 0o700, mode)); got != want {
			t.Errorf("a file %v: %v", mode, got)
		}
	}
	if fileperm.Exposed(t.TempDir()) || fileperm.Exposed(filepath.Join(t.TempDir(), "none")) {
		t.Error("what is no file is exposed")
	}
}

func TestTightenLeavesTheOwnersRights(t *testing.T) {
	t.Parallel()
	for before, want := range map[fs.FileMode]fs.FileMode{0o644: 0o600, 0o600: 0o600, 0o440: 0o400, 0o777: 0o700} {
		file := place(t, 0o755, before)
		changed, err := fileperm.Tighten(file)
		must(t, err)
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode() != want || changed != (before != want) {
			t.Errorf("%v became %v, changed: %v", before, info.Mode(), changed)
		}
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), place(t, 0o700, 0o600)
	must(t, syscall.Mkfifo(pipe, 0o600))
	must(t, os.Symlink(file, link))
	for _, path := range []string{pipe, link, dir, os.DevNull} {
		if f, err := fileperm.OpenRegular(path); !errors.Is(err, fileperm.ErrNotRegular) {
			t.Errorf("%s was opened: %v, %v", path, f, err)
		}
	}
	f, err := fileperm.OpenRegular(file)
	must(t, err)
	must(t, f.Close())
}

func TestACauseNamesNeitherOperationNorPath(t *testing.T) {
	t.Parallel()
	_, none := os.Open(filepath.Join(t.TempDir(), "none"))
	for want, err := range map[string]error{
		"no such file or directory": fmt.Errorf("reading: %w", none),
		"EOF":                       io.EOF,
		"<nil>":                     nil,
	} {
		if got := fmt.Sprint(fileperm.Cause(err)); got != want {
			t.Errorf("the cause of %v is %s", err, got)
		}
	}
}
