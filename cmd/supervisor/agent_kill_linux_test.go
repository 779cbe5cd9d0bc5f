package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// TestAKilledAgentTakesItsCommandAlong kills the program with SIGKILL.
func TestAKilledAgentTakesItsCommandAlong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	script := fmt.Sprintf(`exec 9>%s; echo up >&9; while :; do read x < /dev/zero; done`, path)
	child, stderr := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", script)
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
	child, stderr := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", script)
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, &call{err: stderr}, file)
	must(t, child.Process.Kill())
	awaitGone(t, file)
	if err := child.Wait(); err == nil {
		t.Error("the agent ended well")
	}
}

// daemonScript runs until it is killed. It holds a pipe open, writes its process ID to it, and
// answers SIGUSR1 there.
const daemonScript = `exec 9>"$1"
trap 'echo alive >&9' USR1
trap : HUP TERM
echo $$ >&9
while :; do sleep 1000 & wait; done
`

// daemon returns shell code that starts a daemon: it is in a session of its own, and its parent
// has ended.
func daemon(t *testing.T, path string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "daemon")
	must(t, os.WriteFile(script, []byte(daemonScript), 0o600))
	return fmt.Sprintf("(setsid sh %s %s </dev/null >/dev/null 2>&1 &)", script, path)
}

// nextLine returns the next line that a process writes to a pipe, once it has it open.
func nextLine(t *testing.T, file *os.File) string {
	t.Helper()
	must(t, file.SetReadDeadline(time.Now().Add(testTimeout)))
	var line []byte
	eventually.Holds(t, func() bool {
		for buffer := make([]byte, 1); ; {
			n, err := file.Read(buffer)
			switch {
			case n > 0 && buffer[0] == '\n':
				return true
			case n > 0:
				line = append(line, buffer[0])
			case err == io.EOF: // nobody has it open
				return false
			default:
				t.Fatal(err)
			}
		}
	}, func() string { return "no line comes" })
	return string(line)
}

// TestAKilledAgentTakesDaemonsAlong kills the program with SIGKILL while a daemon of its
// command runs.
func TestAKilledAgentTakesDaemonsAlong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	child, _ := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", daemon(t, path)+"; exec sleep 1000")
	b.create(t, api.MissionSpec{ID: "m1"})
	nextLine(t, file)
	must(t, child.Process.Kill())
	awaitGone(t, file)
	if err := child.Wait(); err == nil {
		t.Error("the agent ended well")
	}
}

// A program that ends, or is stopped, leaves no daemon behind. One that has given up its
// program's mark lives on, and so does that of another program.
func TestAProgramTakesItsDaemonsAlong(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	files, pids := map[string]*os.File{}, map[string]int{}
	gates, script := t.TempDir(), "case $MISSION_ID in "
	ids := []string{"ends", "cancelled", "other", "unmarked"}
	for _, id := range ids {
		path := fifo(t)
		files[id] = holders(t, path)
		start := daemon(t, path)
		if id == "unmarked" {
			start = "unset MISSION_RUN; " + start
		}
		script += fmt.Sprintf("%s) %s; while [ ! -e %s/%s ]; do sleep 0.05; done;; ", id, start, gates, id)
	}
	open := func(id string) { must(t, os.WriteFile(filepath.Join(gates, id), nil, 0o600)) }
	child, stderr := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--concurrency", "4", "--", "sh", "-c", script+"esac")
	for _, id := range ids {
		b.create(t, api.MissionSpec{ID: id})
		pid, err := strconv.Atoi(nextLine(t, files[id]))
		must(t, err)
		pids[id] = pid
	}
	t.Cleanup(func() { _ = syscall.Kill(-pids["unmarked"], syscall.SIGKILL) })
	open("ends")
	open("unmarked")
	b.ended(t, "ends")
	b.ended(t, "unmarked")
	b.ok(t, "missions", "cancel", "cancelled")
	stderr.await(t, ": the mission was cancelled", 1)
	awaitGone(t, files["ends"])
	awaitGone(t, files["cancelled"])
	for _, id := range []string{"other", "unmarked"} {
		must(t, syscall.Kill(pids[id], syscall.SIGUSR1))
		equal(t, id, nextLine(t, files[id]), "alive")
	}
	open("other")
	must(t, child.Process.Signal(syscall.SIGTERM))
	must(t, child.Wait())
	awaitGone(t, files["other"])
}

// An agent inherits what programs leave behind, and keeps no zombies.
func TestAnAgentReapsWhatProgramsLeaveBehind(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	child, stderr := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", "(setsid sh -c 'kill -9 $$' &) & exit 0")
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
	child, stderr := startProcess(t, "agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", fmt.Sprintf(`read word < %s; echo "\"$word\""`, path))
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
func startProcess(t *testing.T, args ...string) (*exec.Cmd, *tape) {
	t.Helper()
	child := exec.Command(os.Args[0])
	stderr := newTape()
	child.Stderr = stderr
	child.Env = append(os.Environ(), childEnv+"="+strings.Join(args, "\n"))
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill() }) // it may have ended
	return child, stderr
}
