// Package test drives the built binary from outside, with the real nats CLI and
// real brokers.
package test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"missioncontrol/supervisor/client"
)

// binary is the supervisor, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if id := os.Getenv(puppetEnv); id != "" {
		runPuppet(id)
		return
	}
	dir, err := os.MkdirTemp("", "missioncontrol")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "supervisor")
	build := exec.Command("go", "build", "-o", binary, "../cmd/supervisor")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

// testTimeout limits every wait; only a failure uses it up.
const testTimeout = 30 * time.Second

// process is a running supervisor.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	broker string // URL
	http   string // URL
	logs   *lockedBuffer
	exited chan struct{}
}

// lockedBuffer holds the output of a process, and signals when there is more.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed at the next write; nil while nothing waits
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.buf.Write(p)
}

// await waits until the output is as wanted, stop is closed, or the timeout passes.
// It reports whether the output is as wanted.
func (b *lockedBuffer) await(wanted func(printed string) bool, stop <-chan struct{}, atMost time.Duration) bool {
	timeout := time.After(atMost)
	for {
		b.mu.Lock()
		text := b.buf.String()
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		if wanted(text) {
			return true
		}
		select {
		case <-more:
		case <-stop:
			return wanted(b.String())
		case <-timeout:
			return false
		}
	}
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var (
	natsURL = regexp.MustCompile(`(nats|tls)://[0-9.:]+`)
	httpURL = regexp.MustCompile(`https?://[0-9.:]+`)
)

// start runs a supervisor on free ports and waits until its banner is complete.
func start(t testing.TB, dataDir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, logs: &lockedBuffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"serve", "--data-dir", dataDir}, args...)...)
	p.cmd.Env = append(os.Environ(), "SUPERVISOR_LISTEN=127.0.0.1:0", "SUPERVISOR_HTTP=127.0.0.1:0", "NATS_URL=", "NATS_CONTEXT=")
	p.cmd.Stderr = p.logs
	stdout, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	ready := make(chan struct{})
	go p.read(stdout, ready)
	t.Cleanup(p.kill)
	select {
	case <-ready:
	case <-p.exited:
		t.Fatalf("the supervisor ended:\n%s", p.logs)
	case <-time.After(testTimeout):
		t.Fatalf("the supervisor does not start:\n%s", p.logs)
	}
	return p
}

// read reads the addresses from the banner, whose last line says how to stop.
func (p *process) read(stdout io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		line := lines.Text()
		_, _ = fmt.Fprintln(p.logs, line)
		if url := natsURL.FindString(line); url != "" && p.broker == "" {
			p.broker = url
		}
		if url := httpURL.FindString(line); url != "" && p.http == "" {
			p.http = url
		}
		if strings.Contains(line, "Ctrl-C") {
			close(ready)
		}
	}
	_ = p.cmd.Wait()
	close(p.exited)
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop sends SIGTERM and fails unless the supervisor exits cleanly.
func (p *process) stop() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.exited:
	case <-time.After(testTimeout):
		p.t.Fatalf("the supervisor does not stop:\n%s", p.logs)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Fatalf("exit code %d:\n%s", code, p.logs)
	}
}

func (p *process) client() *client.Client {
	p.t.Helper()
	nc, err := nats.Connect(p.broker, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	must(p.t, err)
	p.t.Cleanup(nc.Close)
	return client.New(nc)
}

// run runs a command and returns its output.
func run(t *testing.T, env []string, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
