package test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/test/output"
)

// child is a program that a test runs beside the supervisor, in its own process
// group, so that nothing it started outlives it.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	output *output.Buffer // its output, including errors
	exited chan struct{}
}

// spawn starts a program. It is killed when the test ends, and if the test failed,
// its output is shown.
func spawn(t testing.TB, dir string, env []string, name string, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(name, args...), output: &output.Buffer{}, exited: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = dir, append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, c.cmd.Start())
	go func() { _ = c.cmd.Wait(); close(c.exited) }()
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", c.cmd, c.output)
		}
	})
	return c
}

// kill is kill -9 for the program and everything it started.
func (c *child) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.exited
}

// stop sends a signal to the program and waits for its exit code.
func (c *child) stop(signal syscall.Signal) int {
	c.t.Helper()
	must(c.t, c.cmd.Process.Signal(signal))
	select {
	case <-c.exited:
	case <-time.After(testTimeout):
		c.t.Fatalf("%s does not stop", c.cmd)
	}
	return c.cmd.ProcessState.ExitCode()
}

// awaitPrinted waits until the program has printed a text.
func (c *child) awaitPrinted(text string) {
	c.t.Helper()
	c.awaitOutput(func(printed string) bool { return strings.Contains(printed, text) }, text)
}

// awaitOutput waits until the program's output is as wanted; what names it.
func (c *child) awaitOutput(wanted func(printed string) bool, what string) {
	c.t.Helper()
	if !c.output.Await(wanted, c.exited, 2*testTimeout) {
		c.t.Fatalf("%s did not print %s", c.cmd, what)
	}
}
