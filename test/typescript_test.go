package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// testsTheSDK runs the tests that are written in JavaScript. They start supervisors.
func (e examples) testsTheSDK(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(e.sdk, "test", "*.test.mjs"))
	must(t, err)
	e.command(t, append([]string{"node", "--test", "--test-reporter=spec"}, files...)...)
}

// keepsToTheProtocol has the conformance kit check the SDK's agents.
func (e examples) keepsToTheProtocol(t *testing.T) {
	t.Parallel()
	e.command(t, binary, "agent", "check", "--strict", "--heartbeat", "1s", "--", "node", "test/check-agent.mjs")
	e.command(t, binary, "agent", "check", "--strict", "--heartbeat", "1s", "--http", "--", "node", "test/check-agent.mjs")
}

// command runs a command in the SDK's directory, which must succeed.
func (e examples) command(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*testTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = e.sdk, append(os.Environ(), "SUPERVISOR_PROGRAM="+binary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// sdkAgent starts a program of the SDK's directory that runs an agent, and waits until it is
// ready for missions.
func (e examples) sdkAgent(t *testing.T, p *supervisor, overHTTP bool, args ...string) *child {
	t.Helper()
	env := []string{"NATS_URL=" + p.Broker, "SUPERVISOR_URL="}
	if overHTTP {
		env = []string{"SUPERVISOR_URL=" + p.HTTP, "SUPERVISOR_TOKEN="}
	}
	agent := spawn(t, e.sdk, env, "node", args...)
	agent.awaitPrinted("waiting for missions")
	return agent
}

// losesNothing lets two agents work on missions, of which every tenth fails. One agent is
// killed twice, and the supervisor once in between. All missions end, each of them once, and
// as they should. TYPESCRIPT_MISSIONS is how many there are.
func (e examples) losesNothing(t *testing.T) {
	t.Parallel()
	total := 200
	if text := os.Getenv("TYPESCRIPT_MISSIONS"); text != "" {
		var err error
		total, err = strconv.Atoi(text)
		must(t, err)
	}
	for name, overHTTP := range map[string]bool{"NATS": false, "HTTP": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e.losesNothingOver(t, overHTTP, total)
		})
	}
}

func (e examples) losesNothingOver(t *testing.T, overHTTP bool, total int) {
	ports := streamtest.FreePorts(t, 2)
	args := []string{"--listen", fmt.Sprint("127.0.0.1:", ports[0]), "--http", fmt.Sprint("127.0.0.1:", ports[1])}
	dir := t.TempDir()
	p := start(t, dir, args...)
	c := p.client()
	createJobs(t, c, total)
	mayfly := e.sdkAgent(t, p, overHTTP, "test/job-agent.mjs", "mayfly")
	e.sdkAgent(t, p, overHTTP, "test/job-agent.mjs", "steady")

	awaitEnds(t, c, total*15/100)
	mayfly.kill()
	mayfly = e.sdkAgent(t, p, overHTTP, "test/job-agent.mjs", "mayfly")
	awaitEnds(t, c, total*4/10)
	p.Kill()
	p = start(t, dir, args...)
	awaitEnds(t, c, total*7/10)
	mayfly.kill()
	e.sdkAgent(t, p, overHTTP, "test/job-agent.mjs", "mayfly")
	awaitEnds(t, c, total)
	awaitEmptyOutbox(t, c)
	checkEnds(t, p, total)
}

// failing returns whether the job with a number is one that fails.
func failing(i int) bool { return i%10 == 0 }

// createJobs creates missions for the SDK's test agent.
func createJobs(t *testing.T, c *client.Client, total int) {
	t.Helper()
	var specs []api.MissionSpec
	for i := range total {
		data := `{"seconds":0.1}`
		if failing(i) {
			data = `{"seconds":0.1,"fail":"every tenth"}`
		}
		// None is to run out of attempts because of what is killed.
		specs = append(specs, api.MissionSpec{ID: fmt.Sprint("job-", i), Name: "job", Type: "job", Data: json.RawMessage(data), MaxAttempts: ptr(20)})
	}
	created, err := c.CreateBatch(t.Context(), specs)
	must(t, err)
	for i := range created {
		if created[i].Error != nil {
			t.Fatal(created[i].Error)
		}
	}
}

// awaitEnds waits until so many missions have ended.
func awaitEnds(t *testing.T, c *client.Client, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*testTimeout)
	defer cancel()
	for {
		status, err := c.Status(ctx)
		if err == nil && int(status.CompletedMissions+status.FailedMissions) >= count {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d missions do not end: %+v, %v", count, status, err)
		}
	}
}

// checkEnds checks that the events have one end of each job, and the right one.
func checkEnds(t *testing.T, p *supervisor, total int) {
	t.Helper()
	ends := map[string][]missions.Status{}
	for _, event := range streamtest.Events(t, p.Broker, charter.TypeMissionStatusChanged) {
		var change struct {
			ID     string          `json:"mission_id"`
			Status missions.Status `json:"new_status"`
		}
		must(t, json.Unmarshal(event.Payload, &change))
		if change.Status.Terminal() {
			ends[change.ID] = append(ends[change.ID], change.Status)
		}
	}
	for i := range total {
		id, want := fmt.Sprint("job-", i), missions.Completed
		if failing(i) {
			want = missions.Failed
		}
		if got := ends[id]; len(got) != 1 || got[0] != want {
			t.Errorf("mission %s should be %s once, and was %v", id, want, got)
		}
	}
}

// sdkExamples runs the examples of the SDK as their comments say.
func (e examples) sdkExamples(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	c := p.client()
	for _, name := range []string{"work", "approval", "coding-agent"} {
		e.sdkAgent(t, p, name == "approval", "examples/"+name+".mjs")
	}
	create(t, c, api.MissionSpec{ID: "cat", Name: "cat", Type: "resize", Data: json.RawMessage(`{"width":80}`)})
	create(t, c, api.MissionSpec{ID: "deploy-1", Name: "deploy", Type: "deploy", Data: json.RawMessage(`{"service":"shop"}`)})
	create(t, c, api.MissionSpec{ID: "fix-1", Name: "fix", Type: "code", Data: json.RawMessage(`{"task":"make the tests pass"}`)})
	for id, signal := range map[string]string{"deploy-1": "approved", "fix-1": "answer"} {
		waits(t, c, id)
		_, err := c.Signal(t.Context(), api.SignalRequest{ID: id, Name: signal, Data: json.RawMessage(`"yes"`)})
		must(t, err)
	}
	for id, part := range map[string]string{"cat": `"width":80`, "deploy-1": `"deployed":true`, "fix-1": `"answer":"step 5"`} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
		defer cancel()
		m, err := c.Wait(ctx, id)
		must(t, err)
		if m.Status != missions.Completed || !strings.Contains(string(m.Result), part) || m.Attempt != 1 {
			t.Errorf("%s: %+v with the result %s", id, m, m.Result)
		}
	}
}

// runsTheREADME does what the first page of the SDK's README says.
func (e examples) runsTheREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../sdk/typescript/README.md")
	must(t, err)
	programs := strings.Split(string(text), "```js\n")[1:]
	for i, name := range []string{"shout.mjs", "greet.mjs"} {
		program, _, _ := strings.Cut(programs[i], "```")
		must(t, os.WriteFile(filepath.Join(e.sdk, name), []byte(program), 0o600))
	}
	p := start(t, t.TempDir())
	e.sdkAgent(t, p, false, "shout.mjs")
	greet := spawn(t, e.sdk, []string{"NATS_URL=" + p.Broker, "SUPERVISOR_URL="}, "node", "greet.mjs")
	greet.awaitPrinted("HELLO, CAT")
}
