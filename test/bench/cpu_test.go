package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// statLine is a process named "a) S 1 (b", with 1.5 s of its own in user mode, 0.25 s in
// the kernel, and 2 s and 0.5 s of ended children.
const statLine = "42 (a) S 1 (b) S 7 42 42 0 -1 4194304 1 2 3 4 150 25 200 50 20 0 1 0 100 1000 10"

func TestParseProcess(t *testing.T) {
	got, err := parseProcess(statLine)
	want := process{pid: "42", parent: "7", self: 1750 * time.Millisecond, ended: 2500 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42", "42 (a", "42 (a) S 7", strings.Replace(statLine, "150", "x", 1)} {
		if got, err := parseProcess(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestTimeOfEndedChildrenCountsOnce(t *testing.T) {
	second := time.Second
	all := processes{
		"1":  {pid: "1", parent: "0", self: 100 * second},
		"10": {pid: "10", parent: "1", self: 1 * second, ended: 2 * second},
		"11": {pid: "11", parent: "10", self: 4 * second},                     // still there
		"12": {pid: "12", parent: "11", self: 8 * second, ended: 16 * second}, // ended, not waited for yet
		"20": {pid: "20", parent: "1", self: 1000 * second},                   // somebody else's
	}
	if got, want := all.below("10").used(), 31*second; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCPUTimeKeepsThatOfEndedProcesses(t *testing.T) {
	const atLeast = 200 * time.Millisecond
	before := cpuTime()
	// It ends once it has used so much of the processor, however long that takes.
	cmd := exec.Command("bash", "-c", `while read -r _ _ _ _ _ _ _ _ _ _ _ _ _ u _ < /proc/$$/stat; (( u < 25 )); do :; done`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := cpuTime() - before; got < atLeast {
		t.Errorf("a process that used at least %s and ended counts %s", atLeast, got)
	}
}
