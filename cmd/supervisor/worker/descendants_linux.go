package worker

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inheritOrphans makes the kernel give this process what its descendants leave behind: daemons,
// and the children of processes that have ended.
func inheritOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } // since Linux 3.4

// reapEvery bounds how often the processes are looked through for zombies.
const reapEvery = time.Second

// reapOrphans reaps the processes that this process has inherited. Otherwise each of them would
// stay in the process table for as long as the agent runs. The returned function stops it.
func reapOrphans() (stop func()) {
	ended, done, stopped := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		defer close(stopped)
		pause := time.NewTicker(reapEvery)
		defer pause.Stop()
		for {
			select {
			case <-ended:
				reapZombies()
			case <-done:
				return
			}
			select {
			case <-pause.C:
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

// reapZombies reaps all children that have ended and were not started here. The wait
// system call cannot be asked to leave out those that were.
func reapZombies() {
	children.others(ownChildren(), func(pid int) {
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it may still run
	})
}

// killDescendants kills what is left of a program: the processes that have its mark in their
// environment, in whatever process group. All of it has been inherited, or soon is: the
// program itself and its process group have been killed. What cannot die is left after most.
func killDescendants(mark string, most time.Duration) {
	end, pause := time.Now().Add(most), time.Millisecond
	for killMarked(mark) && time.Now().Before(end) {
		time.Sleep(pause) // they die at once, but not in no time
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// killMarked kills inherited processes that have a mark. It reports whether there were any, or
// some that are dying, and may leave children.
func killMarked(mark string) (found bool) {
	children.others(ownChildren(), func(pid int) {
		switch {
		case isMarked(pid, mark):
			found = true
			_ = syscall.Kill(pid, syscall.SIGKILL) // a child of ours, so that the number is still its own
		case isDying(pid):
			found = true
		}
	})
	return found
}

// isMarked reports whether a process has a variable. It has none when it is dying.
func isMarked(pid int, variable string) bool {
	environment, err := os.ReadFile(procFile(pid, "environ"))
	if err != nil {
		return false
	}
	return bytes.Contains(append([]byte{0}, environment...), []byte("\x00"+variable+"\x00"))
}

// isDying reports whether a process has lost its memory, but is no zombie yet: then it may
// still have children.
func isDying(pid int) bool {
	line, err := os.ReadFile(procFile(pid, "cmdline"))
	if err != nil || len(line) > 0 {
		return false
	}
	state, _, found := stat(pid)
	return found && state != "Z" && state != "X"
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// stat returns the state of a process, and its parent.
func stat(pid int) (state string, parent int, found bool) {
	line, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return "", 0, false // it has ended
	}
	// The name is in parentheses and may have some, too: 12 (sh) Z 1 …
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return string(fields[0]), parent, err == nil
}

// ownChildren returns the children of this process. The kernel lists them by thread, unless it
// was built without that; then all processes are looked through.
func ownChildren() (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is valid
	if len(lists) == 0 {
		return childrenByStat()
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that may have ended
		for pid := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func childrenByStat() (pids []int) {
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is valid
	for _, process := range processes {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		if _, parent, found := stat(pid); found && parent == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
