//go:build chaos

package chaos

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// monotonic returns the time of a clock that all processes on the machine share, in
// nanoseconds.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // the clock always exists
	}
	return t.Nano()
}

const canLimitFiles = true

// limitFiles keeps a process from writing to any file beyond the given size, like a
// full disk; a negative number removes the limit.
func limitFiles(pid int, bytes int64) error {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		return err
	}
	limit.Cur = uint64(bytes)
	if bytes < 0 {
		limit.Cur = limit.Max
	}
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil)
}

// ownGroup puts a process into its own group, and ends it together with this one.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
