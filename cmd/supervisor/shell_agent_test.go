//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
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
	b := newTestbed(t)
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

// Endless work replaces the example's.
func TestTheShellsAgentDropsWhatWasCancelled(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, output := b.shellAgent(t, "work() { exec jq -ce '.data.text | strings | ascii_upcase'; }",
		`work() { grep -q endless || exec echo '"done"'; exec sleep 1000; }`)
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
	deadline := time.Now().Add(testTimeout)
	for m := (missions.Mission{}); m.Status != missions.Running; {
		var err error
		if m, err = b.client.Get(t.Context(), id); err != nil || time.Now().After(deadline) {
			t.Fatalf("%s does not begin: %v", id, err)
		}
	}
}

// The claim in progress would wait longer than this test's timeout.
func TestTheShellsAgentStopsWhenItIsTold(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	agent, output := b.shellAgent(t, `"wait_seconds":20`, `"wait_seconds":60`)
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
