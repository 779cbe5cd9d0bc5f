// Package test drives the built binary from outside, with the real nats CLI and
// real brokers.
package test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"missioncontrol/supervisor/client"
	"missioncontrol/test/fatal"
	"missioncontrol/test/process"
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
	if binary, err = process.Build(dir); err != nil {
		_ = os.RemoveAll(dir)
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

// testTimeout limits every wait; only a failure uses it up.
const testTimeout = 45 * time.Second // a claim that nobody answers ends after 60 s

// supervisor is a running supervisor of a test, which kills it at its end.
type supervisor struct {
	*process.Supervisor
	t testing.TB
}

// start runs a supervisor on free ports and waits until its banner is complete.
func start(t testing.TB, dataDir string, args ...string) *supervisor {
	t.Helper()
	s, err := process.Start(t.Context(), binary, append([]string{"--data-dir", dataDir}, args...)...)
	must(t, err)
	t.Cleanup(s.Kill)
	return &supervisor{s, t}
}

// stop sends SIGTERM and fails unless the supervisor exits cleanly.
func (s *supervisor) stop() {
	s.t.Helper()
	must(s.t, s.Stop())
}

func (s *supervisor) client() *client.Client {
	s.t.Helper()
	nc, err := nats.Connect(s.Broker, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	must(s.t, err)
	s.t.Cleanup(nc.Close)
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

var must = fatal.If
