//go:build unix

package fileperm

import (
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
)

const (
	hasOwners = true
	openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

	// overflowID is the user that stands for those who are not known in a user namespace.
	overflowID = 65534
)

// self is the user whose rights this process has.
func self() int { return os.Geteuid() }

// owner is whose file it is.
func owner(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}

// groupIsOwner reports whether the group of a file is root's or one that its owner has for
// himself, as systems make one for each user, with the user's number.
func groupIsOwner(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Gid == 0 || stat.Gid == stat.Uid)
}

// unmapped reports whether an owner cannot be known, as it is none of the users of the
// namespace, a container's for example, that this process is in.
func unmapped(uid int) bool { return uid == overflowID && inNamespace() }

var inNamespace = sync.OnceValue(func() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295"
})
