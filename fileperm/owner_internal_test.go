//go:build unix

package fileperm

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// owned is a file as if it were somebody's.
type owned struct {
	fs.FileInfo
	uid, gid uint32
	mode     fs.FileMode
}

func (o owned) Sys() any          { return &syscall.Stat_t{Uid: o.uid, Gid: o.gid} }
func (o owned) Mode() fs.FileMode { return o.mode }

func TestFilesOfOthersAreNotTrusted(t *testing.T) {
	t.Parallel()
	const stranger = 54321
	for uid, trusted := range map[uint32]bool{0: true, uint32(os.Geteuid()): true, stranger: false} {
		if err := checkOwner("file", owned{uid: uid}); (err == nil) != trusted || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("a file of %d: %v", uid, err)
		}
		if err := checkDir("dir", owned{uid: uid, mode: fs.ModeDir | 0o755}); (err == nil) != trusted {
			t.Errorf("a directory of %d: %v", uid, err)
		}
	}
	self := uint32(os.Geteuid())
	for gid, trusted := range map[uint32]bool{0: true, self: true, stranger: false} {
		if err := checkDir("dir", owned{uid: self, gid: gid, mode: fs.ModeDir | 0o775}); (err == nil) != trusted {
			t.Errorf("a directory that the group %d may write to: %v", gid, err)
		}
	}
}
