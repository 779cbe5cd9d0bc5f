package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// mcpClient is the SDK's client, with the command as its server.
type mcpClient struct {
	*sdk.ClientSession
	child *exec.Cmd
}

// startMCP starts the command as clients do.
func startMCP(t *testing.T, args ...string) *mcpClient {
	t.Helper()
	c := &mcpClient{child: exec.Command(os.Args[0])}
	c.child.Env = append(os.Environ(), childEnv+"="+strings.Join(append([]string{"mcp"}, args...), "\n"))
	c.child.Stderr = newTape()
	client := sdk.NewClient(&sdk.Implementation{Name: "tester", Version: "1"}, nil)
	var err error
	c.ClientSession, err = client.Connect(t.Context(), &sdk.CommandTransport{Command: c.child, TerminateDuration: testTimeout}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.child.Stderr)
	}
	t.Cleanup(func() {
		_ = c.child.Process.Kill() // it may have ended
		_ = c.Close()
	})
	return c
}

// call calls a tool. arguments are JSON. It returns the result's text, and whether it is an error.
func (c *mcpClient) call(t *testing.T, tool, arguments string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	var decoded map[string]any
	must(t, json.Unmarshal([]byte(arguments), &decoded))
	result, err := c.CallTool(ctx, &sdk.CallToolParams{Name: tool, Arguments: decoded})
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, c.child.Stderr)
	}
	return result.Content[0].(*sdk.TextContent).Text, result.IsError
}

// does calls a tool that must succeed, with a result that has these parts.
func (c *mcpClient) does(t *testing.T, tool, arguments string, parts ...string) {
	t.Helper()
	text, failed := c.call(t, tool, arguments)
	if failed {
		t.Fatalf("%s %s: %s\n%s", tool, arguments, text, c.child.Stderr)
	}
	contains(t, text, parts...)
}

// refuses calls a tool that must fail with a code and a field.
func (c *mcpClient) refuses(t *testing.T, tool, arguments string, code missions.Code, field string) {
	t.Helper()
	text, failed := c.call(t, tool, arguments)
	var reply api.ErrorReply
	if err := json.Unmarshal([]byte(text), &reply); !failed || err != nil || reply.Error.Code != code || reply.Error.Field != field {
		t.Errorf("%s %s: %s\nwant %s of %q", tool, arguments, text, code, field)
	}
}

func (c *mcpClient) tools(t *testing.T) (names []string) {
	t.Helper()
	tools, err := c.ListTools(t.Context(), nil)
	must(t, err)
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
	}
	return names
}

// A client works on a mission, asks a person, is answered, goes on and completes it.
func TestAnMCPClientIsAnAgent(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.awaitEvents(t)
	person := startMCP(t, "-s", b.url)
	c := startMCP(t, "-s", b.url, "--agent", "coder-1", "--type", "code")
	if tools := c.tools(t); !slices.Contains(tools, "claim_mission") || !slices.Contains(tools, "get_mission") || slices.Contains(tools, "signal_mission") {
		t.Errorf("an agent's tools: %v", tools)
	}
	if tools := person.tools(t); slices.Contains(tools, "claim_mission") || !slices.Contains(tools, "signal_mission") {
		t.Errorf("a person's tools: %v", tools)
	}
	person.does(t, "create_mission", `{"id":"m1","name":"deploy","type":"code","data":{"target":"production"}}`, `"created":true`)
	c.does(t, "claim_mission", `{}`, `"id":"m1"`, `"data":{"target":"production"}`)
	c.refuses(t, "claim_mission", `{"wait_seconds":0}`, missions.CodeConflict, "")
	c.does(t, "report_progress", `{"mission_id":"m1","percent":40,"message":"built","usage":{"usd":0.1}}`, `"signals":[]`)
	c.does(t, "save_checkpoint", `{"mission_id":"m1","checkpoint":{"built":true}}`, `"signals":[]`)
	c.does(t, "log_message", `{"mission_id":"m1","message":"three warnings"}`)
	person.does(t, "signal_mission", `{"id":"m1","name":"hint","data":"be quick"}`, `"delivered":"running"`)
	c.does(t, "check_mission", `{"mission_id":"m1","wait_seconds":55}`, `"name":"hint"`, `"data":"be quick"`)
	c.does(t, "check_mission", `{"mission_id":"m1"}`, `"signals":[]`)
	c.does(t, "ask_person", `{"mission_id":"m1","prompt":"Deploy to production?","choices":["yes","no"]}`, `"status":"PENDING"`, `"prompt":"Deploy to production?"`)
	c.refuses(t, "report_progress", `{"mission_id":"m1","percent":50}`, missions.CodeConflict, "mission_id")

	person.does(t, "list_missions", `{"waiting":"signal"}`, `"id":"m1"`)
	person.does(t, "signal_mission", `{"id":"m1","name":"answer","data":"yes"}`, `"delivered":"waiting"`)
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`, `"name":"answer"`, `"data":"yes"`, `"checkpoint":{"built":true}`)
	c.does(t, "complete_mission", `{"mission_id":"m1","result":{"deployed":true}}`, `"status":"COMPLETED"`)
	person.does(t, "wait_for_mission", `{"id":"m1"}`, `"result":{"deployed":true}`)
	person.does(t, "list_events", `{"mission_id":"m1","type":"mission.status_changed"}`, `"new_status":"RUNNING"`)
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "attempts", m.Attempt, 1)
	for _, signal := range m.Signals {
		equal(t, "seen by", signal.SeenBy, "coder-1")
	}
	must(t, c.Close())
	agents, err := b.client.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	equal(t, "the agent once its client has left", agents.Agents[0].State, missions.Offline)
}

// Bad arguments are refused by name, and leave the mission as it is.
func TestAnMCPAgentsBadArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := startMCP(t, "-s", b.url, "--agent", "w1", "--type", "t")
	b.create(t, api.MissionSpec{ID: "m1"})
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`)
	for _, bad := range []struct {
		tool, arguments string
		code            missions.Code
		field           string
	}{
		{"claim_mission", `{"wait_seconds":56}`, missions.CodeInvalid, "wait_seconds"},
		{"claim_mission", `{"wait_seconds":"x"}`, missions.CodeInvalid, "wait_seconds"},
		{"claim_mission", `{"types":["x"]}`, missions.CodeInvalid, "types"},
		{"report_progress", `{"percent":1}`, missions.CodeInvalid, "mission_id"},
		{"report_progress", `{"mission_id":7,"percent":1}`, missions.CodeInvalid, "mission_id"},
		{"report_progress", `{"mission_id":"m2","percent":1}`, missions.CodeNotFound, "mission_id"},
		{"report_progress", `{"mission_id":"m1","percent":101}`, missions.CodeInvalid, "percent"},
		{"report_progress", `{"mission_id":"m1","percent":1,"lease":1}`, missions.CodeInvalid, "lease"},
		{"save_checkpoint", `{"mission_id":"m1"}`, missions.CodeInvalid, "checkpoint"},
		{"save_checkpoint", `{"mission_id":"m1","checkpoint":"` + strings.Repeat("x", 65<<10) + `"}`, missions.CodeTooLarge, "checkpoint"},
		{"ask_person", `{"mission_id":"m1"}`, missions.CodeInvalid, "prompt"},
		{"ask_person", `{"mission_id":"m1","prompt":7}`, missions.CodeInvalid, "prompt"},
		{"ask_person", `{"mission_id":"m1","prompt":"?","choices":"yes"}`, missions.CodeInvalid, "choices"},
		{"complete_mission", `{"mission_id":"m1","results":[]}`, missions.CodeInvalid, "results"},
		{"complete_mission", `{"mission_id":"m1","result":"` + strings.Repeat("x", 600<<10) + `"}`, missions.CodeTooLarge, "result"},
		{"fail_mission", `{"mission_id":"m1"}`, missions.CodeInvalid, "error"},
		{"read_input", `{"mission_id":"m1","source":"m0"}`, missions.CodeNotFound, ""},
	} {
		c.refuses(t, bad.tool, bad.arguments, bad.code, bad.field)
	}
	c.does(t, "create_children", `{"mission_id":"m1","missions":[{"id":"c1","name":"child","type":"other"}]}`, `"parent_id":"m1"`)
	c.does(t, "fail_mission", `{"mission_id":"m1","error":"no","retryable":false}`, `"status":"FAILED"`)
}

// A mission that was cancelled is no longer the client's, and it is told so.
func TestAnMCPClientLearnsOfACancellation(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := startMCP(t, "-s", b.url, "--agent", "w1", "--type", "t")
	b.create(t, api.MissionSpec{ID: "m1"})
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`)
	_, err := b.client.Cancel(t.Context(), "m1", "enough")
	must(t, err)
	c.refuses(t, "check_mission", `{"mission_id":"m1","wait_seconds":55}`, missions.CodeConflict, "mission_id")
	text, _ := c.call(t, "complete_mission", `{"mission_id":"m1"}`)
	contains(t, text, "the mission m1 was cancelled")
}

// When the client is killed, its missions return to the queue without using up an attempt; when
// the command itself is killed, the supervisor notices the end of its connection.
func TestAnMCPClientThatDiesIsNoticed(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := startMCP(t, "-s", b.url, "--agent", "w1", "--type", "t")
	attempts := 3
	b.create(t, api.MissionSpec{ID: "m1", MaxAttempts: &attempts})
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`)
	must(t, c.child.Process.Kill())
	b.awaitAgentGone(t, "w1")
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)

	c = startMCP(t, "-s", b.url, "--agent", "w2", "--type", "t")
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`)
	must(t, c.Close()) // closes its input, as the end of the client does
	m, err = b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)
	equal(t, "attempts that were used up", m.Attempt, 1) // by the first agent's death
}

// SIGTERM ends the command at once, also while the client waits for a mission.
func TestAnMCPAgentLeavesOnSIGTERM(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := startMCP(t, "-s", b.url, "--agent", "w1", "--type", "t", "--concurrency", "2")
	b.create(t, api.MissionSpec{ID: "m1"})
	c.does(t, "claim_mission", `{"wait_seconds":55}`, `"id":"m1"`)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = c.CallTool(t.Context(), &sdk.CallToolParams{Name: "claim_mission", Arguments: map[string]any{"wait_seconds": 55}}) // ends with the command
	}()
	must(t, c.child.Process.Signal(syscall.SIGTERM))
	<-ended
	b.awaitAgentGone(t, "w1")
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)
	equal(t, "attempts", m.Attempt, 0)
}

// awaitAgentGone returns when an agent is offline.
func (h *testbed) awaitAgentGone(t *testing.T, id string) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); ; {
		agents, err := h.client.Agents(t.Context(), api.AgentsRequest{State: missions.Offline})
		must(t, err)
		if slices.ContainsFunc(agents.Agents, func(a missions.Agent) bool { return a.ID == id }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent %s is not offline", id)
		}
	}
}

// Mistakes in the command line are one sentence.
func TestMCPFlagsAreChecked(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`--type is required with --agent: the type of missions to work on; missions created without a type have the type default`: {"--agent", "w1"},
		`--type needs --agent ID`:                                              {"--type", "t"},
		`--access: "all" is not none, read or change`:                          {"--access", "all"},
		`--access none leaves no tools; add --agent ID`:                        {"--access", "none"},
		`--concurrency must be between 1 and 1000`:                             {"--agent", "w1", "--type", "t", "--concurrency", "0"},
		`mcp takes no arguments, but was given "x"; see supervisor mcp --help`: {"x"},
	} {
		code, _, stderr := runIn(t, nil, append([]string{"mcp"}, args...)...)
		equal(t, "exit code", code, 2)
		equal(t, "stderr", stderr, "supervisor: "+want+"\n")
	}
}
