//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// shellAgent runs docs/agent.sh with a part of it replaced.
func (h *testbed) shellAgent(t *testing.T, old, replacement string) (*exec.Cmd, *tape) {
	t.Helper()
	text, err := os.ReadFile("../../docs/agent.sh")
	must(t, err)
	if !strings.Contains(string(text), old) {
		t.Fatalf("docs/agent.sh does not hold %s", old)
	}
	script := strings.Replace(string(text), old, replacement, 1)
	tools, err := filepath.Abs("../../.cache/bin")
	must(t, err)
	output := newTape()
	agent := exec.Command("bash", "-c", script, "agent.sh", "shell-1")
	agent.Env = append(os.Environ(), "NATS_URL="+h.url, "PATH="+tools+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir())
	agent.Stdout, agent.Stderr, agent.WaitDelay = output, output, testTimeout
	agent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, agent.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-agent.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = agent.Wait()
	})
	output.await(t, "agent shell-1 is waiting", 1)
	return agent, output
}

// The shell agent reports each mission's outcome and nothing else.
func TestTheShellsAgentSaysWhatBecameOfAMission(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	_, output := b.shellAgent(t, "", "")
	for id, data := range map[string]string{"good": `{"text":"hello"}`, "number": `{"text":7}`, "none": `{}`} {
		_, _, err := b.client.Create(t.Context(), api.MissionSpec{ID: id, Name: "job " + id, Type: "upper", Data: json.RawMessage(data)})
		must(t, err)
	}
	equal(t, "result", string(b.ended(t, "good").Result), `"HELLO"`)
	equal(t, "error", string(b.ended(t, "number").Error), "data.text is not a string")
	output.await(t, "COMPLETED job good\n", 1)
	output.await(t, "FAILED job number\n", 1)
	output.await(t, "FAILED job none\n", 1)
	equal(t, "output", len(output.String()), len("agent shell-1 is waiting for missions of type upper\nCOMPLETED job good\nFAILED job number\nFAILED job none\n"))
}

// The shell agent asks a person, does other missions meanwhile, and goes on with the answer.
func TestTheShellsAgentAsks(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	_, output := b.shellAgent(t, "", "")
	for id, answer := range map[string]string{"m1": "yes", "m2": "no"} {
		_, _, err := b.client.Create(t.Context(), api.MissionSpec{ID: id, Name: "job " + id, Type: "upper", Data: json.RawMessage(`{"text":"hello","ask":"Aloud?"}`)})
		must(t, err)
		m := b.waiting(t, id)
		equal(t, "prompt", m.WaitingFor[0].Prompt, "Aloud?")
		equal(t, "checkpoint", string(m.Checkpoint), `{"text":"HELLO"}`)
		output.await(t, "PENDING job "+id+"\n", 1)
		b.signal(t, id, "answer", `"`+answer+`"`)
		m = b.ended(t, id)
		equal(t, "status", string(m.Status)+string(m.Error), string(missions.Completed))
		result, used := `"HELLO"`, "map[letters:5 questions:1]"
		if answer == "no" {
			result, used = "null", "map[questions:1]"
		}
		equal(t, "result", string(m.Result), result)
		equal(t, "usage", fmt.Sprint(m.Flow.Usage), used)
		equal(t, "attempts", m.Attempt, 1)
		if m.Signals[0].SeenAt == 0 {
			t.Error("the answer was not reported as seen")
		}
		output.await(t, "COMPLETED job "+id+"\n", 1)
	}
}

// Work that waits for a file replaces the example's.
func TestTheShellsAgentReadsSignals(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	wait, open := until(t)
	_, output := b.shellAgent(t, "work() {\n", "work() {\n\t"+fmt.Sprintf(wait, ":")+"; exec echo '{\"result\":\"done\"}'\n")
	_, _, err := b.client.Create(t.Context(), api.MissionSpec{ID: "m1", Name: "steered", Type: "upper"})
	must(t, err)
	awaitBegun(t, b, "m1")
	for n := 1; n <= 2; n++ {
		b.signal(t, "m1", "steer", fmt.Sprint(n))
		output.await(t, fmt.Sprintf("signal steer: %d\n", n), 1)
		b.awaitMission(t, "m1", func(m *missions.Mission) bool { return m.Signals[n-1].SeenAt != 0 })
	}
	open()
	equal(t, "result", string(b.ended(t, "m1").Result), `"done"`)
	equal(t, "signals", strings.Count(output.String(), "signal steer"), 2)
}

// Endless work replaces the example's.
func TestTheShellsAgentDropsWhatWasCancelled(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	_, output := b.shellAgent(t, "work() {\n", `work() {
	grep -q endless || exec echo '{"result":"done"}'; exec sleep 1000
`)
	_, _, err := b.client.Create(t.Context(), api.MissionSpec{ID: "m1", Name: "endless", Type: "upper"})
	must(t, err)
	awaitBegun(t, b, "m1")
	b.ok(t, "missions", "cancel", "m1")
	output.await(t, "dropped endless\n", 1)
	_, _, err = b.client.Create(t.Context(), api.MissionSpec{ID: "m2", Name: "short", Type: "upper"})
	must(t, err)
	equal(t, "the next one", string(b.ended(t, "m2").Result), `"done"`)
}

// awaitBegun returns when an agent works on a mission.
func awaitBegun(t *testing.T, b *testbed, id string) {
	t.Helper()
	var m missions.Mission
	eventually.Holds(t, func() bool {
		var err error
		m, err = b.client.Get(t.Context(), id)
		must(t, err)
		return m.Status == missions.Running
	}, func() string { return id + " is " + string(m.Status) })
}

// The claim in progress would wait longer than this test's timeout.
func TestTheShellsAgentStopsWhenItIsTold(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	agent, output := b.shellAgent(t, `15s <<<'{"max":1,"wait_seconds":10}'`, `65s <<<'{"max":1,"wait_seconds":60}'`)
	must(t, agent.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(testTimeout):
		t.Fatal("it does not stop")
	}
	agents, err := b.client.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	equal(t, "state", agents.Agents[0].State, missions.Offline)
	equal(t, "output", output.String(), "agent shell-1 is waiting for missions of type upper\n")
}
