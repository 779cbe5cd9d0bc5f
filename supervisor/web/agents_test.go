package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/web"
)

// newAgents serves a supervisor without a broker whose leases last for an hour: what is
// noticed of an agent before that is not noticed by them.
func newAgents(t *testing.T) (service *supervisor.Service, url string, stop func()) {
	t.Helper()
	service, _ = newServiceWith(t, func(cfg *supervisor.Config) { cfg.Lease, cfg.Grace = time.Hour, 50*time.Millisecond })
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.Serve(listener, service, web.Guard{}, quiet)
	stop = func() { must(t, server.Stop(context.Background())) }
	t.Cleanup(stop)
	return service, "http://" + server.Addr() + "/api/agents/w1/", stop
}

// do sends a request that must be answered with 200.
func do(t *testing.T, url, body string) string {
	t.Helper()
	status, reply, _ := call(t, http.MethodPost, url, body)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, reply)
	}
	return reply
}

// An agent that is connected over HTTP works on a mission, and is told to stop it.
func TestAnAgentOverHTTP(t *testing.T) {
	t.Parallel()
	service, url, _ := newAgents(t)
	commands := openSource(t, url+"commands")
	commands.next("ready")
	do(t, url+"register", `{"name":"worker","types":["default"],"capacity":2}`)
	for i, id := range []string{"done", "cancelled"} {
		_, err := service.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: id, Name: id}})
		must(t, err)
		if reply := do(t, url+"claim", `{"max":1,"wait_seconds":60}`); !strings.Contains(reply, `"id":"`+id+`"`) || !strings.Contains(reply, fmt.Sprintf(`"lease":%d`, i+1)) {
			t.Fatalf("it got %s", reply)
		}
	}
	if reply := do(t, url+"complete", `{"mission_id":"done","lease":1,"result":"fine"}`); !strings.Contains(reply, `"result":"fine"`) {
		t.Errorf("completed: %s", reply)
	}
	_, err := service.Cancel(t.Context(), api.CancelRequest{ID: "cancelled"})
	must(t, err)
	if got, want := commands.next("command").data, `{"command":"cancel","mission_id":"cancelled"}`; got != want {
		t.Errorf("it is commanded %s, want %s", got, want)
	}
	if got, want := strings.TrimSpace(do(t, url+"heartbeat", `{"running":[{"mission_id":"cancelled","lease":2}]}`)), `{"cancel":["cancelled"],"lost":[]}`; got != want {
		t.Errorf("its heartbeat is answered with %s, want %s", got, want)
	}
}

// A claim waits, also when nothing else comes over its connection.
func TestAClaimOverHTTPWaits(t *testing.T) {
	t.Parallel()
	service, url, _ := newAgents(t)
	do(t, url+"register", `{"name":"worker","types":["default"],"capacity":2}`)
	got := make(chan string)
	go func() {
		_, body, _ := call(t, http.MethodPost, url+"claim", `{"max":1,"wait_seconds":60}`)
		got <- body
	}()
	_, err := service.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: "m", Name: "m"}})
	must(t, err)
	if body := <-got; !strings.Contains(body, `"id":"m"`) {
		t.Errorf("it got %s", body)
	}
}

// An agent whose connection over HTTP has ended is lost after the grace time, and its
// missions are given to others, long before its leases end.
func TestTheEndOfAConnectionOverHTTP(t *testing.T) {
	t.Parallel()
	service, url, _ := newAgents(t)
	do(t, url+"register", `{"name":"worker","types":["default"],"capacity":1}`)
	first, second := openSource(t, url+"commands"), openSource(t, url+"commands")
	first.next("ready")
	second.next("ready")
	_, err := service.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: "m", Name: "m", MaxAttempts: new(2)}})
	must(t, err)
	do(t, url+"claim", `{"max":1}`)
	first.close() // it has another one
	second.close()
	other := strings.Replace(url, "w1", "w2", 1)
	do(t, other+"register", `{"name":"worker","types":["default"],"capacity":1}`)
	if reply := do(t, other+"claim", `{"max":1,"wait_seconds":60}`); !strings.Contains(reply, `"attempt":2`) {
		t.Errorf("the other agent got %s", reply)
	}
	agents, err := service.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	if a := agents.Agents[0]; a.ID != "w1" || a.State != missions.Offline {
		t.Errorf("the agent is %+v", a)
	}
	log, err := service.Log(t.Context(), api.LogRequest{ID: "m"})
	must(t, err)
	text, err := json.Marshal(log)
	must(t, err)
	if !strings.Contains(string(text), "agent w1 is gone: its connection ended") {
		t.Errorf("the log says %s", text)
	}
}

func TestBadAgentsOverHTTP(t *testing.T) {
	t.Parallel()
	_, url, _ := newAgents(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/api/agents/a.b/register", `{}`, 400, "agent may contain only"},
		{"POST", "/api/agents/" + strings.Repeat("a", 65) + "/claim", `{}`, 400, "agent is longer than 64"},
		{"GET", "/api/agents/a*b/commands", "", 400, "agent may contain only"},
		{"POST", "/api/agents/w1/%2e%2e/claim", `{}`, 404, "there is nothing at"},
		{"POST", "/api/agents/w1/dance", `{}`, 404, "there is nothing at"},
		{"GET", "/api/agents/w1/claim", "", 405, "takes POST"},
		{"POST", "/api/agents/w1/commands", `{}`, 405, "takes GET, HEAD"},
		{"POST", "/api/agents/w1/register", `{"name":"x","types":[],"capacity":1}`, 400, "types"},
		{"POST", "/api/agents/w1/heartbeat", `{"agent":"w2"}`, 400, "agent"},
		{"POST", "/api/agents/w1/heartbeat", `[`, 400, "body"},
		{"POST", "/api/agents/w1/claim", `{"max":1}`, 404, "there is no registered agent"},
		{"POST", "/api/agents/w1/claim", `{"max":1,"wait_seconds":61}`, 400, "wait_seconds"},
	} {
		status, body, _ := call(t, c.method, strings.TrimSuffix(url, "/api/agents/w1/")+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
}
