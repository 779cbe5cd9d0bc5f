// Package python runs the Python SDK and the agent on bare sockets against the built
// supervisor.
package python

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"missioncontrol/supervisor/client"
	"missioncontrol/test/fatal"
	"missioncontrol/test/output"
	"missioncontrol/test/process"
)

// binary is the supervisor, built once for all tests.
var binary string

// sdk is the directory of the Python SDK.
const sdk = "../../sdk/python"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "missioncontrol")
	if err != nil {
		log.Fatal(err)
	}
	if binary, err = process.Build(dir); err != nil {
		_ = os.RemoveAll(dir)
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// testTimeout limits every wait; only a failure uses it up.
const testTimeout = 3 * time.Minute

var must = fatal.If

// supervisor is a running supervisor of a test, which kills it at its end.
type supervisor struct {
	*process.Supervisor
	client *client.Client
}

// start runs a supervisor with these arguments of serve.
func start(t testing.TB, args ...string) *supervisor {
	t.Helper()
	return startIn(t, t.TempDir(), args...)
}

func startIn(t testing.TB, dataDir string, args ...string) *supervisor {
	t.Helper()
	s, err := process.Start(t.Context(), binary, append([]string{"--data-dir", dataDir}, args...)...)
	must(t, err)
	t.Cleanup(s.Kill)
	nc, err := nats.Connect(s.Broker, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	must(t, err)
	t.Cleanup(nc.Close)
	return &supervisor{s, client.New(nc)}
}

// program is a Python program that a test runs beside the supervisor.
type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	output *output.Buffer // including errors
	exited chan struct{}
}

// python runs a Python program with the SDK on its path, from the SDK's directory. It is
// killed when the test ends, and if the test failed, its output is shown.
func python(t testing.TB, url string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command("python3", args...), output: &output.Buffer{}, exited: make(chan struct{})}
	path, err := filepath.Abs(sdk)
	must(t, err)
	p.cmd.Dir = path
	p.cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
		"SUPERVISOR_URL="+url, "NATS_URL="+url, "SUPERVISOR_TOKEN=")
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("the tests of the Python SDK need Python 3.9 or newer; on Debian: apt-get install python3: %v", err)
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.cmd, p.output)
		}
	})
	return p
}

// kill is kill -9. It may be called again.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// signal sends a signal.
func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

// code waits for the program's end and returns its exit code, -1 if a signal ended it.
func (p *program) code() int {
	p.t.Helper()
	late := time.NewTimer(2 * testTimeout)
	defer late.Stop()
	select {
	case <-p.exited:
	case <-late.C:
		p.t.Fatalf("%s does not end", p.cmd)
	}
	return p.cmd.ProcessState.ExitCode()
}

// awaitPrinted waits until the program has printed a text.
func (p *program) awaitPrinted(text string) {
	p.t.Helper()
	if !p.output.Await(func(printed string) bool { return strings.Contains(printed, text) }, p.exited, testTimeout) {
		p.t.Fatalf("%s did not print %s", p.cmd, text)
	}
}
