package worker

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reapOrphans reaps processes that programs leave behind, if this process inherits them:
// as the first process of a container, or as a subreaper. Otherwise each of them would
// stay in the process table for as long as the agent runs. The returned function stops it.
func reapOrphans() (stop func()) {
	if os.Getpid() != 1 && !isSubreaper() {
		return func() {}
	}
	ended, done, stopped := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ended:
				reapZombies()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(ended)
		close(done)
		<-stopped
	}
}

func isSubreaper() bool {
	var is int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0, 0, 0)
	return err == nil && is != 0
}

// reapZombies reaps all children that have ended and were not started here. The wait
// system call cannot be asked to leave out those that were.
func reapZombies() {
	children.others(zombies(), func(pid int) {
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it may have been reaped
	})
}

// zombies returns the children of this process that have ended.
func zombies() []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	var pids []int
	for _, path := range stats {
		stat, err := os.ReadFile(path) //nolint:gosec // of the kernel
		if err != nil {
			continue // it has ended
		}
		// The name is in parentheses and may have some, too: 12 (sh) Z 1 …
		name := bytes.LastIndexByte(stat, ')')
		fields := bytes.Fields(stat[name+1:])
		if name < 0 || len(fields) < 2 || string(fields[0]) != "Z" || string(fields[1]) != strconv.Itoa(os.Getpid()) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
