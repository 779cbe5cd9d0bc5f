package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// subreaperEnv makes the program inherit orphans, as the first process of a container does.
const subreaperEnv = "MISSIONCONTROL_TEST_SUBREAPER"

func init() {
	if os.Getenv(subreaperEnv) != "" {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			panic(err)
		}
	}
}

// TestAKilledAgentTakesItsCommandAlong kills the program with SIGKILL.
func TestAKilledAgentTakesItsCommandAlong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	script := fmt.Sprintf(`exec 9>%s; echo up >&9; while :; do read x < /dev/zero; done`, path)
	child, stderr := startProcess(t, nil, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", script)
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, &call{err: stderr}, file)
	must(t, child.Process.Kill())
	awaitGone(t, file)
	if err := child.Wait(); err == nil {
		t.Error("the agent ended well")
	}
}

// TestAKilledAgentTakesGrandchildrenAlong kills the program with SIGKILL while its command
// has a process in the background. The command reads its input first: by then, the guard knows
// its process group.
func TestAKilledAgentTakesGrandchildrenAlong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	script := fmt.Sprintf(`exec 9>%s; cat >/dev/null; (trap "" HUP TERM; while :; do sleep 1000; done) & sh -c 'echo up >&9; while :; do sleep 1000; done'`, path)
	child, stderr := startProcess(t, nil, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", script)
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, &call{err: stderr}, file)
	must(t, child.Process.Kill())
	awaitGone(t, file)
	if err := child.Wait(); err == nil {
		t.Error("the agent ended well")
	}
}

// An agent that inherits what programs leave behind, as the first process of a container
// does, keeps no zombies.
func TestAnAgentReapsWhatProgramsLeaveBehind(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	child, stderr := startProcess(t, []string{subreaperEnv + "=1"}, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", "(setsid sh -c 'kill -9 $$' &) & exit 0")
	for i := range 10 {
		id := fmt.Sprint("m", i)
		b.create(t, api.MissionSpec{ID: id})
		equal(t, "status", b.ended(t, id).Status, missions.Completed)
	}
	var left []string
	eventually.Holds(t, func() bool {
		left = zombiesOf(t, child.Process.Pid)
		return len(left) == 0
	}, func() string { return fmt.Sprintf("zombies: %v\n%s", left, stderr) })
	must(t, child.Process.Signal(syscall.SIGTERM))
	must(t, child.Wait())
}

// zombiesOf returns the children of a process that have ended and were not reaped.
func zombiesOf(t *testing.T, parent int) []string {
	t.Helper()
	list, err := exec.Command("ps", "-o", "stat=,pid=,args=", "--ppid", fmt.Sprint(parent)).Output()
	var none *exec.ExitError
	if err != nil && !errors.As(err, &none) {
		t.Fatal(err)
	}
	var zombies []string
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "Z") {
			zombies = append(zombies, line)
		}
	}
	return zombies
}

// A closed terminal ends no program: the agent drains, as after Ctrl-C, and no attempt is
// used up.
func TestAClosedTerminalCostsNoAttempt(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1) // else the agent ignores them if the tests do, under nohup
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	b := newTestbed(t)
	path := fifo(t)
	child, stderr := startProcess(t, nil, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", fmt.Sprintf(`read word < %s; echo "\"$word\""`, path))
	b.create(t, api.MissionSpec{ID: "m1"})
	gate, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the script
	must(t, err)
	must(t, child.Process.Signal(syscall.SIGHUP))
	stderr.await(t, "Stopping", 1)
	_, err = gate.WriteString("go\n")
	must(t, err)
	must(t, gate.Close())
	must(t, child.Wait())
	m := b.ended(t, "m1")
	equal(t, "result", string(m.Result), `"go"`)
	equal(t, "attempts", m.Attempt, 1)
}

// startProcess starts the test binary as the program.
func startProcess(t *testing.T, env []string, args ...string) (*exec.Cmd, *tape) {
	t.Helper()
	child := exec.Command(os.Args[0])
	stderr := newTape()
	child.Stderr = stderr
	child.Env = append(append(os.Environ(), childEnv+"="+strings.Join(args, "\n")), env...)
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill() }) // it may have ended
	return child, stderr
}
