package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/fatal"
)

// childEnv makes the test binary run as the program, with one argument per line, for
// tests that kill it.
const childEnv = "MISSIONCONTROL_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(childEnv); args != "" {
		os.Exit(runProcess(strings.Split(args, "\n")))
	}
	// The environment may name a broker that the tests must not use.
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "NATS_") || strings.HasPrefix(name, "SUPERVISOR_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m)
}

// testTimeout bounds every wait in these tests. No test depends on its value.
const testTimeout = 45 * time.Second // a claim that nobody answers ends after 60 s

var quiet = slog.New(slog.DiscardHandler)

var must = fatal.If

// tape records what is written to it, and lets a test wait for some text.
type tape struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newTape() *tape { return &tape{changed: make(chan struct{})} }

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return p.text.Write(b)
}

func (p *tape) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await returns when the tape holds a text for the nth time.
func (p *tape) await(t *testing.T, text string, n int) {
	t.Helper()
	deadline := time.After(testTimeout)
	for {
		p.mu.Lock()
		changed, found := p.changed, strings.Count(p.text.String(), text) >= n
		p.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q did not appear %d times in:\n%s", text, n, p)
		}
	}
}

// testbed is a running supervisor with its own broker.
type testbed struct {
	url    string
	nc     *nats.Conn
	client *client.Client
}

// newTestbed starts a supervisor the way the program does.
func newTestbed(t *testing.T) *testbed {
	t.Helper()
	return startTestbed(t, config.Config{
		Listen: "127.0.0.1:0", HTTP: "off", DataDir: t.TempDir(),
		Lease: 5 * time.Second, Heartbeat: 500 * time.Millisecond, Retention: time.Hour, OutboxLimit: 100_000, Replicas: 1,
	})
}

// newPatientTestbed is newTestbed with leases and heartbeats that a busy machine does not miss.
func newPatientTestbed(t *testing.T) *testbed {
	t.Helper()
	return startTestbed(t, config.Config{
		Listen: "127.0.0.1:0", HTTP: "off", DataDir: t.TempDir(),
		Lease: 2 * time.Minute, Heartbeat: 2 * time.Second, Retention: time.Hour, OutboxLimit: 100_000, Replicas: 1,
	})
}

func startTestbed(t *testing.T, cfg config.Config) *testbed {
	t.Helper()
	cfg.Version = version()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan serve.Info, 1), make(chan error, 1)
	go func() { ended <- serve.Run(ctx, cfg, quiet, func(info serve.Info) { ready <- info }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the supervisor stopped with: %v", err)
		}
	})
	var info serve.Info
	select {
	case info = <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the supervisor did not start: %v", err)
	}
	url, _, _ := strings.Cut(info.Broker, " ")
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	return &testbed{url: url, nc: nc, client: client.New(nc)}
}

// awaitEvents returns when the event stream exists.
func (h *testbed) awaitEvents(t *testing.T) {
	t.Helper()
	stream, err := eventstream.Open(eventstream.Config{URL: h.url})
	must(t, err)
	defer func() { must(t, stream.Close(context.Background())) }()
	deadline := time.After(testTimeout)
	for {
		changed := stream.Changed()
		if stream.Status().State == eventstream.Connected {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the event stream is not there: %s", stream.Status().Reason)
		}
	}
}

// call is one run of the program in a test.
type call struct {
	cli      *cli
	out, err *tape
	done     chan struct{}
	code     int // valid after done is closed
	cancel   context.CancelFunc
	second   chan struct{} // closed for the second Ctrl-C
}

// newCall prepares a run whose environment is env, in UTC and without a terminal.
func newCall(env map[string]string) *call {
	c := &call{out: newTape(), err: newTape(), done: make(chan struct{}), second: make(chan struct{})}
	c.cli = newCLI(strings.NewReader(""), c.out, c.err)
	c.cli.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	c.cli.Interval, c.cli.worker.Grace = 10*time.Millisecond, 50*time.Millisecond
	c.cli.worker.Shared = true // with the test, which starts programs, too
	c.cli.Out.Zone, c.cli.Err.Zone = time.UTC, time.UTC
	c.cli.worker.SecondInterrupt = func() (<-chan struct{}, func()) { return c.second, func() {} }
	return c
}

// start starts the run, and ends it with the test.
func (c *call) start(t *testing.T, args ...string) *call {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() {
		defer close(c.done)
		c.code = c.cli.run(ctx, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-c.done
	})
	return c
}

// wait returns the exit code.
func (c *call) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-c.done:
		return c.code
	case <-time.After(testTimeout):
		t.Fatalf("the command did not end; it wrote:\n%s\n%s", c.out, c.err)
		return 0
	}
}

// interrupt is Ctrl-C.
func (c *call) interrupt() { c.cancel() }

// start starts a client command on the bench's broker.
func (h *testbed) start(t *testing.T, args ...string) *call {
	t.Helper()
	return newCall(map[string]string{"NATS_URL": h.url}).start(t, args...)
}

// run runs a client command to its end.
func (h *testbed) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return h.runWith(t, nil, args...)
}

// runWith is run with a standard input.
func (h *testbed) runWith(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := newCall(map[string]string{"NATS_URL": h.url})
	if stdin != nil {
		c.cli.In = stdin
	}
	code = c.start(t, args...).wait(t)
	return code, c.out.String(), c.err.String()
}

// ok runs a client command that must succeed and print no errors.
func (h *testbed) ok(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := h.run(t, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("supervisor %s: exit code %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// refused runs a client command that must fail with one line.
func (h *testbed) refused(t *testing.T, code int, line string, args ...string) {
	t.Helper()
	got, _, stderr := h.run(t, args...)
	if got != code || stderr != "supervisor: "+line+"\n" {
		t.Errorf("supervisor %s: exit code %d and %q, want %d and %q", strings.Join(args, " "), got, stderr, code, "supervisor: "+line+"\n")
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}
