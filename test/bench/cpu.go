package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat and of /proc/stat: 1/100 s on every Linux
// that Go supports.
const clockTick = 10 * time.Millisecond

// process is what /proc/PID/stat says about a process.
type process struct {
	pid, parent string
	self        time.Duration // processor time of the process
	ended       time.Duration // of its children that have ended and that it has waited for, and of theirs
}

var errProcessStat = errors.New("not a line of /proc/PID/stat")

// parseProcess reads a line of /proc/PID/stat.
func parseProcess(line string) (process, error) {
	// The second field is a name in parentheses, which may hold anything.
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, errProcessStat
	}
	rest := strings.Fields(line[end+1:])
	if len(rest) < 15 {
		return process{}, errProcessStat
	}
	var ticks [4]time.Duration // utime, stime, cutime, cstime
	for i := range ticks {
		n, err := strconv.ParseInt(rest[11+i], 10, 64)
		if err != nil {
			return process{}, errProcessStat
		}
		ticks[i] = time.Duration(n) * clockTick
	}
	return process{
		pid: strings.TrimSpace(line[:open]), parent: rest[1],
		self: ticks[0] + ticks[1], ended: ticks[2] + ticks[3],
	}, nil
}

// processes is every process there is, by its id.
type processes map[string]process

// listProcesses reads /proc. A process that ends in the meantime may be counted twice,
// by itself and by its parent, or not at all; so it reads until none has ended.
func listProcesses() processes {
	const attempts = 10
	var all processes
	for range attempts {
		all = readProcesses()
		if all.exist() {
			break
		}
	}
	return all
}

func readProcesses() processes {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	all := make(processes, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the kernel's
		if err != nil {
			continue // it has ended
		}
		if p, err := parseProcess(string(text)); err == nil {
			all[p.pid] = p
		}
	}
	return all
}

// exist reports whether every process below this one still exists.
func (all processes) exist() bool {
	for pid := range all.below(strconv.Itoa(os.Getpid())) {
		if _, err := os.Stat("/proc/" + pid); err != nil {
			return false
		}
	}
	return true
}

// below returns a process and all of its descendants.
func (all processes) below(root string) processes {
	found := processes{}
	for pid, p := range all {
		for at := pid; at != "" && at != "0"; at = all[at].parent {
			if at == root {
				found[pid] = p
				break
			}
		}
	}
	return found
}

// used sums the processor time of processes, with that of the children that they have
// waited for. A child that still exists, or has ended and was not waited for, is only in
// its own line.
func (all processes) used() time.Duration {
	var sum time.Duration
	for _, p := range all {
		sum += p.self + p.ended
	}
	return sum
}

// cpuTime returns the processor time that this process and all below it have used so
// far, including those that have ended; 0 where there is no /proc.
func cpuTime() time.Duration {
	return listProcesses().below(strconv.Itoa(os.Getpid())).used()
}

// childTime is the same without this process itself.
func childTime() time.Duration {
	self := strconv.Itoa(os.Getpid())
	all := listProcesses().below(self)
	delete(all, self)
	return all.used()
}

// kernelTime returns the processor time of the kernel's threads. They write what our
// processes have stored, and cannot be told apart by whom they work for.
func kernelTime() time.Duration {
	const kthreadd = "2"
	all := listProcesses()
	if all[kthreadd].parent != "0" {
		return 0 // a container, where it is an ordinary process
	}
	return all.below(kthreadd).used()
}
