package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// The TypeScript SDK and the examples in JavaScript are installed once, from npm, for all
// tests here.
func TestInteropJavaScript(t *testing.T) {
	t.Parallel()
	js := installExamples(t)
	t.Run("the tests of the SDK", js.testsTheSDK)
	t.Run("the SDK's agent keeps to the protocol", js.keepsToTheProtocol)
	t.Run("nothing is lost or done twice by the SDK's agents", js.losesNothing)
	t.Run("the SDK's examples", js.sdkExamples)
	t.Run("the SDK's README", js.runsTheREADME)
	t.Run("the agent does missions", js.doesMissions)
	t.Run("a cancelled mission stops", js.stopsWhatIsCancelled)
	t.Run("the mission of a killed agent is done by another", js.isReplaced)
	t.Run("SIGTERM hands back what does not finish", js.handsBack)
	t.Run("a mission asks, is answered, and goes on where it was", js.asks)
	t.Run("a mission is steered while it runs", js.isSteered)
	t.Run("the agent outlives the broker", js.outlivesTheBroker)
	t.Run("the killed consumer misses nothing", js.missesNothing)
}

// examples is the directory in which docs/examples are installed, and sdk the one of the SDK.
type examples struct{ dir, sdk string }

func installExamples(t *testing.T) examples {
	t.Helper()
	root := t.TempDir()
	e := examples{dir: filepath.Join(root, "docs", "examples"), sdk: filepath.Join(root, "sdk", "typescript")}
	must(t, os.CopyFS(e.dir, os.DirFS("../docs/examples")))
	for _, part := range []string{"src", "test", "examples"} {
		must(t, os.CopyFS(filepath.Join(e.sdk, part), os.DirFS("../sdk/typescript/"+part)))
	}
	for _, name := range []string{"package.json", "tsconfig.json"} {
		text, err := os.ReadFile("../sdk/typescript/" + name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(e.sdk, name), text, 0o600))
	}
	npmInstall(t, e.sdk)
	ctx, cancel := context.WithTimeout(t.Context(), 4*testTimeout)
	defer cancel()
	build := exec.CommandContext(ctx, "npm", "run", "build")
	build.Dir = e.sdk
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the SDK: %v\n%s", err, output)
	}
	npmInstall(t, e.dir)
	return e
}

// npmInstall installs the packages that the package in a directory needs.
func npmInstall(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*testTimeout)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	npm.Dir = dir
	if output, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm install (make tools installs npm): %v\n%s", err, output)
	}
}

// agent starts the example agent and waits until it is ready for missions.
func (e examples) agent(t *testing.T, p *supervisor, id string, env ...string) *child {
	t.Helper()
	agent := spawn(t, e.dir, append(env, "NATS_URL="+p.Broker), "node", "agent.mjs", id)
	agent.awaitPrinted("waiting for missions")
	return agent
}

// counting returns a mission for the example agent; it is endless when it counts to
// forever.
func counting(id string, to int) api.MissionSpec {
	return api.MissionSpec{ID: id, Name: id, Type: "count", Data: json.RawMessage(fmt.Sprintf(`{"to":%d,"every_ms":50}`, to))}
}

const forever = 1_000_000_000

func create(t *testing.T, c *client.Client, spec api.MissionSpec) {
	t.Helper()
	_, _, err := c.Create(t.Context(), spec)
	must(t, err)
}

// awaitEnd waits until a mission has ended, and checks its status and its agent.
func awaitEnd(t *testing.T, c *client.Client, id string, status missions.Status, agent string) missions.Mission {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	m, err := c.Wait(ctx, id)
	must(t, err)
	if m.Status != status || string(m.AgentID) != agent {
		t.Fatalf("mission %s should be %s by %s: %+v", id, status, agent, m)
	}
	return m
}

func (e examples) doesMissions(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	e.agent(t, p, "js-1")
	_, stderr, code := run(t, []string{"NATS_URL=" + p.Broker}, binary, "missions", "create", "typed",
		"--id", "typed", "--type", "count", "--data", `{"to":3,"every_ms":1}`)
	if code != 0 {
		t.Fatalf("missions create: %s", stderr)
	}
	if m := awaitEnd(t, c, "typed", missions.Completed, "js-1"); string(m.Result) != `{"counted":3}` || m.Progress == nil {
		t.Fatalf("%+v", m)
	}
	log, err := c.Log(t.Context(), api.LogRequest{ID: "typed"})
	must(t, err)
	if !slices.ContainsFunc(log.Log, func(entry missions.LogEntry) bool { return entry.Message == "counting to 3" }) {
		t.Fatalf("the agent's word is not in the log: %+v", log)
	}
	// A mission that cannot succeed fails at once, and does not hold up others.
	create(t, c, counting("hopeless", 0))
	for i := range 10 {
		create(t, c, counting(fmt.Sprint("n", i), 1))
	}
	if m := awaitEnd(t, c, "hopeless", missions.Failed, "js-1"); m.Attempt != 1 {
		t.Fatalf("%+v", m)
	}
	for i := range 10 {
		awaitEnd(t, c, fmt.Sprint("n", i), missions.Completed, "js-1")
	}
}

func (e examples) stopsWhatIsCancelled(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	agent := e.agent(t, p, "js-1")
	// Both slots are taken, so the next missions need one to become free.
	for _, id := range []string{"endless-1", "endless-2"} {
		spec := counting(id, forever)
		// One hour per number: the agent reports nothing whose answer could say
		// that its lease ended, so it must receive the cancellation.
		spec.Data = json.RawMessage(`{"to":2,"every_ms":3600000}`)
		create(t, c, spec)
		agent.awaitPrinted("began " + id)
	}
	_, err := c.Cancel(t.Context(), "endless-1", "")
	must(t, err)
	agent.awaitPrinted("stopped mission endless-1: the mission was cancelled")
	create(t, c, counting("next", 1))
	awaitEnd(t, c, "next", missions.Completed, "js-1")
	if m, err := c.Get(t.Context(), "endless-2"); err != nil || m.Status != missions.Running {
		t.Fatalf("the other mission was not cancelled: %+v, %v", m, err)
	}
}

func (e examples) isReplaced(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--lease", "2s", "--heartbeat", "500ms")
	c := p.client()
	mayfly := e.agent(t, p, "mayfly")
	spec := counting("heirloom", 100) // five seconds of work
	spec.MaxAttempts = ptr(10)        // a claim that the dead agent had parked may receive it once more
	create(t, c, spec)
	mayfly.awaitPrinted("began heirloom")
	mayfly.kill()
	e.agent(t, p, "heir")
	if m := awaitEnd(t, c, "heirloom", missions.Completed, "heir"); m.Attempt < 2 {
		t.Fatalf("%+v", m)
	}
}

func (e examples) handsBack(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	agent := e.agent(t, p, "js-1", "DRAIN_SECONDS=0")
	create(t, c, counting("endless", forever))
	agent.awaitPrinted("began endless")
	if code := agent.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if m, err := c.Get(t.Context(), "endless"); err != nil || m.Status != missions.Pending || m.Attempt != 0 {
		t.Fatalf("what is released is pending and has cost no attempt: %+v, %v", m, err)
	}
	agents, err := c.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	if len(agents.Agents) != 1 || agents.Agents[0].State != missions.Offline {
		t.Fatalf("it has left: %+v", agents)
	}
	// With time to drain, running missions finish first.
	create(t, c, counting("short", 20))
	_, err = c.Cancel(t.Context(), "endless", "")
	must(t, err)
	agent = e.agent(t, p, "js-2", "DRAIN_SECONDS=600")
	agent.awaitPrinted("began short")
	if code := agent.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	awaitEnd(t, c, "short", missions.Completed, "js-2")
}

// waits returns a mission once it waits.
func waits(t *testing.T, c *client.Client, id string) missions.Mission {
	t.Helper()
	var m missions.Mission
	eventually.Holds(t, func() bool {
		var err error
		m, err = c.Get(t.Context(), id)
		must(t, err)
		return m.Flow != nil && len(m.WaitingFor) > 0
	}, func() string { return fmt.Sprintf("mission %s does not wait: %+v", id, m) })
	return m
}

func (e examples) asks(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	e.agent(t, p, "js-1")
	for id, answer := range map[string]string{"on": "yes", "off": "no"} {
		spec := counting(id, 5)
		spec.Data = json.RawMessage(`{"to":5,"every_ms":1,"ask_at":3}`)
		create(t, c, spec)
		m := waits(t, c, id)
		if m.WaitingFor[0].Prompt != "Count on from 3?" || string(m.Checkpoint) != `{"counted":3}` || m.Flow.Usage["numbers"] != 3 {
			t.Fatalf("%+v with the checkpoint %s", m.Flow, m.Checkpoint)
		}
		_, err := c.Signal(t.Context(), api.SignalRequest{ID: id, Name: "go_on", Data: json.RawMessage(`"` + answer + `"`)})
		must(t, err)
		result, used := `{"counted":5}`, 5.0
		if answer == "no" {
			result, used = `{"counted":3}`, 3
		}
		m = awaitEnd(t, c, id, missions.Completed, "js-1")
		if string(m.Result) != result || m.Flow.Usage["numbers"] != used || m.Attempt != 1 || m.Turn != 2 || m.Signals[0].SeenAt == 0 {
			t.Fatalf("%s after %d turns: %+v", m.Result, m.Turn, m.Flow)
		}
	}
}

func (e examples) isSteered(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	agent := e.agent(t, p, "js-1")
	create(t, c, counting("endless", forever))
	agent.awaitPrinted("began endless")
	_, err := c.Signal(t.Context(), api.SignalRequest{ID: "endless", Name: "to", Data: json.RawMessage(`1`)})
	must(t, err)
	if m := awaitEnd(t, c, "endless", missions.Completed, "js-1"); m.Signals[0].SeenBy != "js-1" {
		t.Fatalf("%+v", m.Signals)
	}
}

func (e examples) outlivesTheBroker(t *testing.T) {
	t.Parallel()
	dir, listen := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := start(t, dir, "--listen", listen)
	agent := e.agent(t, p, "js-1")
	create(t, p.client(), counting("across", 60)) // three seconds of work
	agent.awaitPrinted("began across")
	p.Kill()
	agent.awaitPrinted("the broker is unavailable")
	p = start(t, dir, "--listen", listen)
	c := p.client()
	awaitEnd(t, c, "across", missions.Completed, "js-1")
	create(t, c, counting("after", 1))
	awaitEnd(t, c, "after", missions.Completed, "js-1")
}

// missesNothing kills the consumer twice during its work, while changes continue.
// All its runs together have seen every change, and each run in order; a change
// that was being handled at a kill may appear twice.
func (e examples) missesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	worker := c.Agent("worker")
	_, err := worker.Register(t.Context(), api.RegisterRequest{Name: "worker", Types: []string{"default"}, Capacity: 1})
	must(t, err)
	enough := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
			}
			// No request is interrupted: its change would come after we have
			// counted.
			if _, _, err := c.Create(t.Context(), api.MissionSpec{Name: "change"}); err != nil {
				t.Errorf("create: %v", err)
				return
			}
			work(t.Context(), worker)
		}
	})
	rest := sync.OnceFunc(func() {
		close(enough)
		changes.Wait()
	})
	defer rest()
	var seen []int
	for range 2 {
		consumer := e.consumer(t, p)
		consumer.awaitOutput(func(printed string) bool { return len(sequences(printed)) >= 25 }, "25 changes")
		consumer.kill()
		seen = append(seen, sequences(consumer.output.String())...)
	}
	rest()
	awaitEmptyOutbox(t, c)
	var want []int
	for _, msg := range streamtest.Messages(t, p.Broker, charter.TypeMissionStatusChanged) {
		want = append(want, int(msg.Sequence))
	}
	consumer := e.consumer(t, p)
	consumer.awaitOutput(func(printed string) bool { return slices.Contains(sequences(printed), want[len(want)-1]) }, "the last change")
	if code := consumer.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	seen = append(seen, sequences(consumer.output.String())...)
	if once := slices.Compact(slices.Clone(seen)); !slices.Equal(once, want) {
		t.Fatalf("changes in the stream: %v\nseen by the consumer: %v", want, seen)
	}
}

func (e examples) consumer(t *testing.T, p *supervisor) *child {
	t.Helper()
	return spawn(t, e.dir, []string{"NATS_URL=" + p.Broker}, "node", "consumer.mjs")
}

// sequences returns the sequences that the consumer printed, one at the start of
// each line.
func sequences(printed string) (all []int) {
	for line := range strings.Lines(printed) {
		number, _, _ := strings.Cut(line, " ")
		if sequence, err := strconv.Atoi(number); err == nil {
			all = append(all, sequence)
		}
	}
	return all
}
