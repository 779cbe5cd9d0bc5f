package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The agent in docs/agent.sh, made of the nats CLI and jq, does its work by the
// protocol alone.
func TestTheAgentInShell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	tools, err := filepath.Abs("../.cache/bin")
	must(t, err)
	output := &lockedBuffer{}
	agent := exec.Command("bash", "../docs/agent.sh", "shell-1")
	agent.Env = append(os.Environ(), "NATS_URL="+p.broker, "PATH="+tools+":"+os.Getenv("PATH"))
	agent.Stdout, agent.Stderr = output, output
	agent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, agent.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-agent.Process.Pid, syscall.SIGKILL)
		_ = agent.Wait()
		if t.Failed() {
			t.Logf("the agent printed:\n%s", output)
		}
	})
	c := p.client()
	for _, test := range []struct {
		data   string
		status missions.Status
		result string
	}{
		{`{"text":"hello"}`, missions.Completed, `"HELLO"`},
		{`{"text":7}`, missions.Failed, `null`},
	} {
		m, _, err := c.Create(t.Context(), api.MissionSpec{Name: "shout", Type: "upper", Data: json.RawMessage(test.data)})
		must(t, err)
		m, err = c.Wait(t.Context(), m.ID)
		must(t, err)
		if m.Status != test.status || string(m.Result) != test.result || m.AgentID != "shell-1" {
			t.Fatalf("%s: %+v", test.data, m)
		}
	}
}
