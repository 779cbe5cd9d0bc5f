package test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// A claim that waits over HTTP is answered when the supervisor stops, and does not keep it from
// stopping cleanly. Nor does the agent's connection, whose end here does not make the agent lost.
func TestAnAgentOverHTTPOutlivesTheSupervisor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, "--lease", "1h")
	post := func(path, body string) string {
		reply, err := http.Post(s.HTTP+path, "application/json", strings.NewReader(body))
		must(t, err)
		text, err := io.ReadAll(reply.Body)
		must(t, err)
		must(t, reply.Body.Close())
		return fmt.Sprint(reply.StatusCode, " ", strings.TrimSpace(string(text)))
	}
	post("/api/missions", `{"id":"m1","name":"m"}`)
	post("/api/agents/w1/register", `{"name":"w","types":["default"],"capacity":2}`)
	commands, err := http.Get(s.HTTP + "/api/agents/w1/commands")
	must(t, err)
	_, err = io.ReadFull(commands.Body, make([]byte, len("event: ready\n")))
	must(t, err)
	post("/api/agents/w1/claim", `{"max":1}`)

	before := s.lastHeard(t)
	answer := make(chan string)
	go func() { answer <- post("/api/agents/w1/claim", `{"max":1,"wait_seconds":60}`) }()
	eventually.Holds(t, func() bool { return s.lastHeard(t) > before }, func() string { return "the claim does not arrive" })
	s.stop()
	if got := <-answer; got != `200 {"missions":[]}` && !strings.HasPrefix(got, "503 ") {
		t.Errorf("the claim was answered with %s", got)
	}
	must(t, commands.Body.Close())
	m, err := start(t, dir, "--lease", "1h").client().Get(t.Context(), "m1")
	must(t, err)
	if m.Status != missions.Running || m.Attempt != 1 || m.AgentID != "w1" {
		t.Errorf("after the restart, the mission is %s on %q at attempt %d", m.Status, m.AgentID, m.Attempt)
	}
}

// lastHeard returns when the only agent was heard of last.
func (s *supervisor) lastHeard(t *testing.T) missions.Time {
	t.Helper()
	reply, err := http.Get(s.HTTP + "/api/supervisor/agents")
	must(t, err)
	defer func() { must(t, reply.Body.Close()) }()
	text, err := io.ReadAll(reply.Body)
	must(t, err)
	var list api.Agents
	must(t, api.DecodeReply(text, &list))
	return list.Agents[0].LastHeartbeat
}
