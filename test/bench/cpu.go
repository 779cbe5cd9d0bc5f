package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: 1/100 s on every Linux that Go knows.
const clockTick = 10 * time.Millisecond

// cpuTime returns the processor time that this process and all below it have used so
// far; 0 where there is no /proc. A ratio of times on a machine that has other work to
// do says less than a ratio of processor time does.
func cpuTime() time.Duration {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	parent, used := map[string]string{}, map[string]time.Duration{}
	for _, path := range stats {
		text, err := os.ReadFile(path) //nolint:gosec // the kernel's
		if err != nil {
			continue // it has ended
		}
		// The second field is a name in parentheses, which may hold anything.
		rest := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid := filepath.Base(filepath.Dir(path))
		parent[pid], used[pid] = rest[1], (ticks(rest[11])+ticks(rest[12]))*clockTick
	}
	var sum time.Duration
	self := strconv.Itoa(os.Getpid())
	for pid := range used {
		for at := pid; at != "" && at != "0"; at = parent[at] {
			if at == self {
				sum += used[pid]
				break
			}
		}
	}
	return sum
}

func ticks(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64) // the kernel's
	return time.Duration(n)
}
