package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/test/alone"
	"missioncontrol/test/eventually"
	"missioncontrol/test/fatal"
)

func TestMain(m *testing.M) {
	// Goroutines that a broker leaks if it is shut down while it flushes, or while it
	// creates a stream; see eventstream's tests.
	const broker = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(withSupervisor{m}, goleak.IgnoreAnyFunction(broker+".(*msgBlock).flushLoop"),
		goleak.IgnoreAnyFunction(broker+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(broker+"/ats.Register.func1"))
}

// withSupervisor runs the tests beside the supervisor of the examples.
type withSupervisor struct{ m *testing.M }

func (w withSupervisor) Run() int {
	s, err := alone.Start(context.Background())
	if err != nil {
		panic(err)
	}
	brokerURL = s.URL
	code := w.m.Run()
	if err := s.Stop(); err != nil {
		panic(err)
	}
	return code
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// bench is a supervisor with short leases, and a client of it.
type bench struct {
	url    string
	client *client.Client
}

func newBench(t *testing.T) bench {
	t.Helper()
	return newBenchWith(t, func(*supervisor.Config) {})
}

// newPatientBench is newBench with leases and heartbeats that a busy machine does not miss.
func newPatientBench(t *testing.T) bench {
	t.Helper()
	return newBenchWith(t, patient)
}

func patient(cfg *supervisor.Config) { cfg.Heartbeat, cfg.Lease = 5*time.Second, 2*time.Minute }

func newBenchWith(t *testing.T, change func(*supervisor.Config)) bench {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	store, err := sqlitestore.Open(sqlitestore.Config{
		Path: filepath.Join(t.TempDir(), "m.db"), Logger: quiet,
		Retry: missions.RetryPolicy{Base: time.Millisecond, Max: time.Millisecond},
	})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	stream, err := eventstream.Open(eventstream.Config{URL: broker.ClientURL(), Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, stream.Close(context.Background())) })
	nc := connect(t, broker.ClientURL())
	cfg := supervisor.Config{
		Store: store, Stream: stream, Logger: quiet, Commands: natsapi.NewCommands(nc, quiet),
		Heartbeat: 500 * time.Millisecond, Lease: 5 * time.Second,
	}
	change(&cfg)
	service, err := supervisor.New(cfg)
	must(t, err)
	run, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(run) })
	endpoints, err := natsapi.Listen(nc, service, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { stop(); must(t, endpoints.Stop(context.Background())); loops.Wait() })
	must(t, nc.Flush())
	return bench{broker.ClientURL(), client.New(connect(t, broker.ClientURL()))}
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// start runs an agent until the returned function is called.
func (b bench) start(t *testing.T, cfg agent.Config) (stop func()) {
	t.Helper()
	if cfg.Types == nil {
		cfg.Types = []string{"default"}
	}
	cfg.Logger = quiet
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 5 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	nc := connect(t, b.url)
	go func() { ended <- agent.Run(ctx, nc, cfg) }()
	stop = sync.OnceFunc(func() { cancel(); must(t, <-ended) })
	t.Cleanup(stop)
	return stop
}

func (b bench) create(t *testing.T, spec api.MissionSpec) missions.Mission {
	t.Helper()
	m, _, err := b.client.Create(t.Context(), spec)
	must(t, err)
	return m
}

func (b bench) wait(t *testing.T, id string) missions.Mission {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := b.client.Wait(ctx, id)
	must(t, err)
	return m
}

var must = fatal.If

func TestHandlersRunConcurrentlyAndReportResults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	both := make(chan struct{}, 2)
	release := make(chan struct{})
	b.start(t, agent.Config{Concurrency: 2, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		both <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return map[string]string{"hello": task.Mission.Name}, nil
	}})
	one, two := b.create(t, api.MissionSpec{Name: "one"}), b.create(t, api.MissionSpec{Name: "two"})
	<-both
	<-both // both run at the same time
	close(release)
	if m := b.wait(t, one.ID); m.Status != missions.Completed || string(m.Result) != `{"hello":"one"}` {
		t.Fatalf("%+v", m)
	}
	if m := b.wait(t, two.ID); m.Status != missions.Completed || string(m.Result) != `{"hello":"two"}` {
		t.Fatalf("%+v", m)
	}
}

func TestHeartbeatsOutliveTheLease(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, slowly)
	renewed := make(chan struct{})
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		for {
			m, err := b.client.Get(ctx, task.Mission.ID)
			if err != nil {
				return nil, err
			}
			if m.LeaseExpiresAt > task.Mission.LeaseExpiresAt {
				close(renewed)
				return nil, nil
			}
		}
	}})
	m := b.create(t, api.MissionSpec{Name: "long"})
	<-renewed
	if m := b.wait(t, m.ID); m.Status != missions.Completed || m.Attempt != 1 {
		t.Fatalf("%+v", m)
	}
}

func TestFailuresPanicsAndPermanentErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		switch task.Mission.Name {
		case "panics":
			panic("ouch")
		case "hopeless":
			return nil, agent.Permanent(errors.New("never"))
		case "unencodable":
			return func() {}, nil
		}
		if task.Mission.Attempt < 3 {
			return nil, errors.New("not yet")
		}
		return json.RawMessage(`"done"`), nil
	}})
	for _, c := range []struct {
		name    string
		status  missions.Status
		attempt int
		err     string
	}{
		{"third time lucky", missions.Completed, 3, ""},
		{"panics", missions.Failed, 3, "the handler panicked: ouch"},
		{"hopeless", missions.Failed, 1, "never"},
		{"unencodable", missions.Failed, 1, "the result was refused: json: unsupported type: func()"},
	} {
		m := b.wait(t, b.create(t, api.MissionSpec{Name: c.name}).ID)
		if m.Status != c.status || m.Attempt != c.attempt || string(m.Error) != c.err {
			t.Errorf("%s: %s after %d attempts, error %q", c.name, m.Status, m.Attempt, m.Error)
		}
	}
}

func TestCancelEndsTheHandlersContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	started, cause := make(chan string, 1), make(chan error, 1)
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		started <- task.Mission.ID
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil, ctx.Err()
	}})
	b.create(t, api.MissionSpec{Name: "endless"})
	id := <-started
	_, err := b.client.Cancel(t.Context(), id, "enough")
	must(t, err)
	if err := <-cause; !errors.Is(err, agent.ErrCancelled) {
		t.Fatalf("cause: %v", err)
	}
	if m := b.wait(t, id); m.Status != missions.Cancelled {
		t.Fatalf("%+v", m)
	}
}

// A handler that hangs while its agent sends heartbeats is stopped, and the mission is
// retried, even if the agent has a free slot and gets the mission back before the old
// handler has returned.
func TestAHandlerThatStallsIsStopped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cause := make(chan error, 1)
	b.start(t, agent.Config{Concurrency: 2, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Mission.Attempt == 1 {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil, ctx.Err()
		}
		return "the second time", nil
	}})
	// On a busy machine, the limit may hit a later attempt, too.
	attempts := 100
	m := b.create(t, api.MissionSpec{Name: "hangs", StallSeconds: 0.2, MaxAttempts: &attempts})
	if m := b.wait(t, m.ID); m.Status != missions.Completed || m.Attempt < 2 {
		t.Fatalf("%+v", m)
	}
	if err := <-cause; !errors.Is(err, agent.ErrLeaseLost) {
		t.Fatalf("cause: %v", err)
	}
}

func TestStopDrains(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	started, finish := make(chan string, 1), make(chan struct{})
	stop := b.start(t, agent.Config{ID: "drainer", Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		started <- task.Mission.ID
		select {
		case <-finish:
		case <-ctx.Done():
		}
		return "finished", ctx.Err()
	}})
	m := b.create(t, api.MissionSpec{Name: "the last"})
	<-started
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	b.awaitAgent(t, "drainer", missions.Draining)
	close(finish)
	<-stopped
	if m := b.wait(t, m.ID); m.Status != missions.Completed || m.Attempt != 1 {
		t.Fatalf("%+v", m)
	}
	b.awaitAgent(t, "drainer", missions.Offline)
}

func TestAStubbornHandlersMissionIsHandedBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	started := make(chan string, 1)
	stop := b.start(t, agent.Config{DrainTimeout: time.Millisecond, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		started <- task.Mission.ID
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	b.create(t, api.MissionSpec{Name: "interrupted"})
	id := <-started
	stop()
	m, err := b.client.Get(t.Context(), id)
	must(t, err)
	if m.Status != missions.Pending || m.Attempt != 0 {
		t.Fatalf("a released mission costs no attempt: %+v", m)
	}
}

func TestAnAgentThatWasForgottenRegistersAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(t, agent.Config{ID: "lazarus", Handler: func(context.Context, *agent.Task) (any, error) { return nil, nil }})
	b.awaitAgent(t, "lazarus", missions.Online)
	must(t, b.client.Agent("lazarus").Leave(t.Context())) // without the agent's knowledge
	b.awaitAgent(t, "lazarus", missions.Online)
	if m := b.wait(t, b.create(t, api.MissionSpec{Name: "after"}).ID); m.Status != missions.Completed {
		t.Fatalf("%+v", m)
	}
}

// awaitAgent polls until the registry shows the agent in a state.
func (b bench) awaitAgent(t *testing.T, id string, state missions.AgentState) {
	t.Helper()
	var reply api.Agents
	eventually.Holds(t, func() bool {
		var err error
		reply, err = b.client.Agents(t.Context(), api.AgentsRequest{})
		must(t, err)
		return slices.ContainsFunc(reply.Agents, func(a missions.Agent) bool { return a.ID == id && a.State == state })
	}, func() string { return fmt.Sprintf("agent %s is not %s: %+v", id, state, reply.Agents) })
}

func TestBadConfigIsRefused(t *testing.T) {
	t.Parallel()
	nop := func(context.Context, *agent.Task) (any, error) { return nil, nil }
	for name, cfg := range map[string]agent.Config{
		"no handler":       {Types: []string{"a"}},
		"no types":         {Handler: nop},
		"a bad id":         {ID: "a.b", Types: []string{"a"}, Handler: nop},
		"a bad type":       {Types: []string{"a>"}, Handler: nop},
		"too many at once": {Types: []string{"a"}, Handler: nop, Concurrency: 100_000},
	} {
		if err := agent.Run(t.Context(), nil, cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Handlers that finish at the same time share a report. A result that is refused, alone
// or with the whole report, or that is not JSON, does not affect the others.
func TestResultsOfManyHandlersAreReported(t *testing.T) {
	t.Parallel()
	const many = 40
	const broker = 8 << 20 // the largest message
	bad := map[string]any{
		"large":              strings.Repeat("x", missions.MaxDataBytes),
		"more than a broker": strings.Repeat("x", broker),
		"deep":               json.RawMessage(strings.Repeat("[", 200) + strings.Repeat("]", 200)),
		"no JSON":            json.RawMessage(`{"a":`),
	}
	b := newPatientBench(t)
	var begun sync.WaitGroup
	begun.Add(many)
	b.start(t, agent.Config{Concurrency: many, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		begun.Done()
		begun.Wait() // all end together
		if result, is := bad[task.Mission.Name]; is {
			return result, nil
		}
		return task.Mission.Name, nil
	}})
	ids := map[string]string{}
	for name := range bad {
		ids[name] = b.create(t, api.MissionSpec{Name: name}).ID
	}
	for i := range many - len(bad) {
		name := fmt.Sprint("mission ", i)
		ids[name] = b.create(t, api.MissionSpec{Name: name}).ID
	}
	for name, id := range ids {
		want, result := missions.Completed, fmt.Sprintf("%q", name)
		if _, is := bad[name]; is {
			want, result = missions.Failed, "null"
		}
		if m := b.wait(t, id); m.Status != want || string(m.Result) != result || m.Attempt != 1 {
			t.Errorf("%s: %s after %d attempts, %s %s", name, m.Status, m.Attempt, m.Result, m.Error)
		}
	}
}
