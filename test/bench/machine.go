package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a machine may do besides the measurement. A round in which it does more is
// measured again.
const (
	maxForeign = 0.05 // of the machine's processor time, by processes that are not ours
	maxStolen  = 0.05 // of it, by other virtual machines
	maxSpin    = 2    // times this run's median spin
	maxUnequal = 1.5  // times the other side's spin
)

// machineTimes is the first line of /proc/stat.
type machineTimes struct {
	busy   time.Duration // in processes and in the kernel
	stolen time.Duration // by the hypervisor
	total  time.Duration
}

var errMachineStat = errors.New("not the first line of /proc/stat")

// parseMachine reads the first line of /proc/stat.
func parseMachine(text string) (machineTimes, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return machineTimes{}, errMachineStat
	}
	var times [8]time.Duration // user, nice, system, idle, iowait, irq, softirq, steal
	var m machineTimes
	for i := range times {
		n, err := strconv.ParseInt(fields[1+i], 10, 64)
		if err != nil {
			return machineTimes{}, errMachineStat
		}
		times[i] = time.Duration(n) * clockTick
		m.total += times[i]
	}
	// Interrupts belong to nobody.
	m.busy, m.stolen = times[0]+times[1]+times[2], times[7]
	return m, nil
}

// usage is what has been used up to a moment.
type usage struct {
	machine      machineTimes
	ours, kernel time.Duration
}

// usedNow reads the usage. The zero value is for a system without /proc.
func usedNow() usage {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return usage{}
	}
	m, err := parseMachine(string(text))
	if err != nil {
		return usage{}
	}
	return usage{machine: m, ours: cpuTime(), kernel: kernelTime()}
}

// condition is the machine's state while one side was measured.
type condition struct {
	load            string        // the average of the last minute
	spin            time.Duration // the slower one of before and after
	foreign, stolen float64       // shares of the processor time
	restless        bool          // our own processes did not come to rest
}

// conditionOf compares the usage before a measurement and after it.
func conditionOf(before, after usage, spin time.Duration) condition {
	c := condition{spin: spin}
	total := after.machine.total - before.machine.total
	if total <= 0 {
		return c
	}
	busy := after.machine.busy - before.machine.busy
	known := after.ours - before.ours + after.kernel - before.kernel
	c.foreign = max(0, float64(busy-known)/float64(total))
	c.stolen = float64(after.machine.stolen-before.machine.stolen) / float64(total)
	return c
}

// busy says what makes a measurement worthless, "" for nothing. usual is the median spin
// of this run.
func (c condition) busy(usual time.Duration) string {
	switch {
	case c.foreign > maxForeign:
		return fmt.Sprintf("other processes used %.0f %% of the machine", 100*c.foreign)
	case c.stolen > maxStolen:
		return fmt.Sprintf("the hypervisor took %.0f %% of the machine", 100*c.stolen)
	case float64(c.spin) > maxSpin*float64(usual):
		return fmt.Sprintf("the processor was %.2f times as slow as usual", float64(c.spin)/float64(usual))
	case c.restless:
		return "our own processes did not come to rest"
	}
	return ""
}

// unequal says why two sides of a round cannot be compared, "" if they can.
func unequal(a, b condition) string {
	slow, fast := max(a.spin, b.spin), min(a.spin, b.spin)
	if float64(slow) > maxUnequal*float64(fast) {
		return fmt.Sprintf("the processor was %.2f times as slow for one side as for the other", float64(slow)/float64(fast))
	}
	return ""
}

func (c condition) String() string {
	return fmt.Sprintf("load %s, spin %.2f ms, foreign %.0f %%, stolen %.0f %%", c.load, c.spin.Seconds()*1e3, 100*c.foreign, 100*c.stolen)
}

// loadAverage returns the load of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// spinner knows how long a fixed piece of work takes on this machine. The fastest time tells
// little: clock rates rise for moments.
type spinner struct {
	spins []float64
}

// usual returns the median spin.
func (s *spinner) usual() time.Duration { return time.Duration(median(s.spins)) }

// spin does the fixed work on all cores at once, a few times, and returns the median of
// the slowest core's times.
func (s *spinner) spin() time.Duration {
	const times = 5
	took := make([]float64, times)
	for i := range took {
		took[i] = float64(spinAll())
	}
	s.spins = append(s.spins, median(took))
	return time.Duration(s.spins[len(s.spins)-1])
}

func spinAll() time.Duration {
	const work = 4_000_000
	began := time.Now()
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			x := uint64(88172645463325252) // xorshift: nothing to be optimised away
			for range work {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
			}
			runtime.KeepAlive(x)
		})
	}
	all.Wait()
	return time.Since(began)
}

// rest waits until no process below this one uses the processor, for at most a bound. It
// reports whether they came to rest.
func rest(ctx context.Context) (bool, error) {
	const (
		window = 250 * time.Millisecond
		idle   = clockTick // at most, in a window
		bound  = 30 * time.Second
	)
	end := time.Now().Add(bound)
	for used := childTime(); time.Now().Before(end); {
		select {
		case <-time.After(window):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		now := childTime()
		if now-used <= idle {
			return true, nil
		}
		used = now
	}
	return false, nil
}
