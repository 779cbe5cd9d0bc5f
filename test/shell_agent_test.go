package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The agent in docs/agent.sh, built from the nats CLI and jq, works using only the
// protocol.
func TestTheAgentInShell(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	tools, err := filepath.Abs("../.cache/bin")
	must(t, err)
	spawn(t, "", []string{"NATS_URL=" + p.Broker, "PATH=" + tools + ":" + os.Getenv("PATH")}, "bash", "../docs/agent.sh", "shell-1")
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
