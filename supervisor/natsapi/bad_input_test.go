package natsapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// subjects are all requests. The optional ones accept an empty body. For the others,
// the error names the required field that a body lacks.
var subjects = []struct {
	subject string
	lacks   string // the required field that {} lacks; "" if none is required
}{
	{"supervisor.health", ""},
	{"supervisor.status", ""},
	{"supervisor.agents", ""},
	{"supervisor.missions.create", "name"},
	{"supervisor.missions.get", "id"},
	{"supervisor.missions.cancel", "id"},
	{"supervisor.missions.retry", "id"},
	{"supervisor.missions.delete", "id"},
	{"supervisor.missions.wait", "id"},
	{"supervisor.missions.wait_many", "ids"},
	{"supervisor.missions.list", ""},
	{"supervisor.missions.log", "id"},
	{"supervisor.missions.stats", ""},
	{"supervisor.missions.history", ""},
	{"supervisor.missions.queues", ""},
	{"supervisor.alerts", ""},
	{"supervisor.missions.signal", "id"},
	{"supervisor.missions.bulk", "action"},
	{"supervisor.missions.graph", "id"},
	{"supervisor.batches.get", "id"},
	{"supervisor.batches.list", ""},
	{"supervisor.batches.close", "id"},
	{"supervisor.schedules.set", "id"},
	{"supervisor.schedules.get", "id"},
	{"supervisor.schedules.list", ""},
	{"supervisor.schedules.delete", "id"},
	{"supervisor.schedules.trigger", "id"},
	{"supervisor.schedules.backfill", "id"},
	{"supervisor.schedules.preview", "cron"},
	{"supervisor.agent.a1.register", "name"},
	{"supervisor.agent.a1.heartbeat", "running"},
	{"supervisor.agent.a1.claim", "max"},
	{"supervisor.agent.a1.progress", "mission_id"},
	{"supervisor.agent.a1.log", "mission_id"},
	{"supervisor.agent.a1.complete", "mission_id"},
	{"supervisor.agent.a1.fail", "mission_id"},
	{"supervisor.agent.a1.release", "mission_id"},
	{"supervisor.agent.a1.create", "mission_id"},
	{"supervisor.agent.a1.signals", "mission_id"},
	{"supervisor.agent.a1.inputs", "mission_id"},
}

func TestBrokenBodiesAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour}) // however long this takes, the agent stays online
	r.register("a1", "default")
	before := r.snapshot()
	bodies := map[string][]byte{
		"truncated":     []byte(`{"name":"x`),
		"deeply nested": []byte(strings.Repeat(`{"data":`, 100_000)),
		"nested array":  []byte(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)),
		"2 MiB":         bytes.Repeat([]byte("x"), 2<<20),
		"2 MiB string":  []byte(`{"name":"` + strings.Repeat("x", 2<<20) + `","id":"` + strings.Repeat("x", 100) + `"}`),
		"an array":      []byte(`[]`),
		"a string":      []byte(`"hello"`),
		"null":          []byte(`null`),
		"unknown field": []byte(`{"named":"x"}`),
		"wrong case":    []byte(`{"NAME":"x"}`),
		"given twice":   []byte(`{"name":"x","name":"y","id":"a","id":"b"}`),
		"invalid UTF-8": []byte("{\"name\":\"\xff\xfe\",\"id\":\"\xff\"}"),
		"raw NUL":       {0},
		"NUL inside":    []byte("{\"name\":\"a\x00b\"}"),
		"trailing":      []byte(`{} {}`),
	}
	for _, s := range subjects {
		for what, body := range bodies {
			msg := r.request(s.subject, body)
			if code := msg.Header.Get("Nats-Service-Error-Code"); code != "400" && code != "413" {
				t.Errorf("%s, %s: code %q, reply %.100s", s.subject, what, code, msg.Data)
			}
			checkErrorBody(t, s.subject+", "+what, msg.Data)
		}
		if s.lacks == "" {
			continue
		}
		for _, body := range [][]byte{nil, []byte("{}")} {
			msg := r.request(s.subject, body)
			if e := checkErrorBody(t, s.subject, msg.Data); e.Field != s.lacks || !strings.HasPrefix(e.Message, s.lacks) {
				t.Errorf("%s with %q: %+v", s.subject, body, e)
			}
		}
	}
	if after := r.snapshot(); after != before {
		t.Errorf("bad input changed something:\nbefore %s\nafter  %s", before, after)
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.register("a1", "default")
	before := r.snapshot()
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ subject, body, code, field string }{
		{"supervisor.health", `{"x":1}`, "400", "x"},
		{"supervisor.agents", `{"state":"asleep"}`, "400", "state"},
		{"supervisor.agents", `{"limit":1001}`, "400", "limit"},
		{"supervisor.agents", `{"cursor":"a.b"}`, "400", "cursor"},
		{"supervisor.missions.create", `{"name":7}`, "400", "name"},
		{"supervisor.missions.create", `{"name":""}`, "400", "name"},
		{"supervisor.missions.create", `{"name":"a\u0000b"}`, "400", "name"},
		{"supervisor.missions.create", `{"name":"a\u001b[2Jb"}`, "400", "name"},
		{"supervisor.missions.create", `{"name":"` + long(201) + `"}`, "413", "name"},
		{"supervisor.missions.create", `{"name":"x","id":"a.b"}`, "400", "id"},
		{"supervisor.missions.create", `{"name":"x","id":"a b"}`, "400", "id"},
		{"supervisor.missions.create", `{"name":"x","id":"` + long(65) + `"}`, "400", "id"},
		{"supervisor.missions.create", `{"name":"x","type":"a.*"}`, "400", "type"},
		{"supervisor.missions.create", `{"name":"x","type":">"}`, "400", "type"},
		{"supervisor.missions.create", `{"name":"x","tags":["ok","not ok"]}`, "400", "tags[1]"},
		{"supervisor.missions.create", `{"name":"x","tags":"a"}`, "400", "tags"},
		{"supervisor.missions.create", `{"name":"x","data":[]}`, "400", "data"},
		{"supervisor.missions.create", `{"name":"x","data":{"p":"` + long(512<<10) + `"}}`, "413", "data"},
		{"supervisor.missions.create", `{"name":"x","priority":"high"}`, "400", "priority"},
		{"supervisor.missions.create", `{"name":"x","max_attempts":0}`, "400", "max_attempts"},
		{"supervisor.missions.create", `{"name":"x","max_attempts":1.5}`, "400", "max_attempts"},
		{"supervisor.missions.create", `{"name":"x","timeout_seconds":0}`, "400", "timeout_seconds"},
		{"supervisor.missions.create", `{"name":"x","timeout_seconds":1e999}`, "400", "timeout_seconds"},
		{"supervisor.missions.create", `{"name":"x","stall_seconds":-0.1}`, "400", "stall_seconds"},
		{"supervisor.missions.create", `{"name":"x","stall_seconds":31622401}`, "400", "stall_seconds"},
		{"supervisor.missions.create", `{"name":"x","stall_seconds":"1m"}`, "400", "stall_seconds"},
		{"supervisor.missions.create", `{"name":"x","not_before":-1}`, "400", "not_before"},
		{"supervisor.missions.create", `{"name":"x","deadline":"soon"}`, "400", "deadline"},
		{"supervisor.missions.create", `{"name":"x","missions":[{"name":"y"}]}`, "400", "missions"},
		{"supervisor.missions.create", `{"missions":[]}`, "400", "missions"},
		{"supervisor.missions.create", `{"missions":[{"name":"y","typ":"z"}]}`, "400", "missions[0].typ"},
		{"supervisor.missions.create", `{"missions":[` + strings.Repeat(`{"name":"y"},`, 1000) + `{"name":"y"}]}`, "413", "missions"},
		{"supervisor.missions.get", `{"id":"*"}`, "400", "id"},
		{"supervisor.missions.wait", `{"id":"x","timeout_seconds":61}`, "400", "timeout_seconds"},
		{"supervisor.missions.wait_many", `{"ids":["a","b c"]}`, "400", "ids[1]"},
		{"supervisor.missions.wait_many", `{"ids":["a","b","a"]}`, "400", "ids[2]"},
		{"supervisor.missions.wait_many", `{"ids":["` + strings.Repeat(`a","`, 100) + `a"]}`, "413", "ids"},
		{"supervisor.missions.wait_many", `{"ids":["a"],"until":"some"}`, "400", "until"},
		{"supervisor.missions.wait_many", `{"ids":["a"],"timeout_seconds":61}`, "400", "timeout_seconds"},
		{"supervisor.missions.wait_many", `{"ids":["a"],"timeout_seconds":-1}`, "400", "timeout_seconds"},
		{"supervisor.missions.list", `{"status":"pending"}`, "400", "status"},
		{"supervisor.missions.list", `{"limit":-1}`, "400", "limit"},
		{"supervisor.missions.list", `{"cursor":"x"}`, "400", "cursor"},
		{"supervisor.missions.list", `{"tag":"a b"}`, "400", "tag"},
		{"supervisor.missions.log", `{"id":"x","after":true}`, "400", "after"},
		{"supervisor.missions.stats", `{"type":"a b"}`, "400", "type"},
		{"supervisor.missions.history", `{"type":"a b"}`, "400", "type"},
		{"supervisor.missions.history", `{"minutes":1441}`, "400", "minutes"},
		{"supervisor.missions.history", `{"minutes":-1}`, "400", "minutes"},
		{"supervisor.missions.history", `{"minutes":1.5}`, "400", "minutes"},
		{"supervisor.missions.history", `{"run_times":1}`, "400", "run_times"},
		{"supervisor.alerts", `{"rule":"x"}`, "400", "rule"},
		{"supervisor.agent.a1.register", `{"name":"n","types":[],"capacity":1}`, "400", "types"},
		{"supervisor.agent.a1.register", `{"name":"n","types":["a.b"],"capacity":1}`, "400", "types[0]"},
		{"supervisor.agent.a1.register", `{"name":"n","types":["a"],"capacity":0}`, "400", "capacity"},
		{"supervisor.agent.a1.register", `{"name":"n","types":["a"],"capacity":"1"}`, "400", "capacity"},
		{"supervisor.agent.a1.heartbeat", `{"running":[{"mission_id":"m"}]}`, "400", "lease"},
		{"supervisor.agent.a1.heartbeat", `{"running":[],"cpu":-1}`, "400", "cpu"},
		{"supervisor.agent.a1.claim", `{"max":1,"wait_seconds":61}`, "400", "wait_seconds"},
		{"supervisor.agent.a1.claim", `{"max":1001}`, "400", "max"},
		{"supervisor.agent.a1.progress", `{"mission_id":"m","lease":1,"percent":101}`, "400", "percent"},
		{"supervisor.agent.a1.log", `{"mission_id":"m","lease":1}`, "400", "message"},
		{"supervisor.agent.a1.log", `{"mission_id":"m","lease":1,"message":"` + long(8<<10+1) + `"}`, "413", "message"},
		{"supervisor.agent.a1.complete", `{"mission_id":"m","lease":"1"}`, "400", "lease"},
		{"supervisor.agent.a1.complete", `{"mission_id":"m","lease":1,"result":"` + long(512<<10) + `"}`, "413", "result"},
		{"supervisor.agent.a1.fail", `{"mission_id":"m","lease":1}`, "400", "error"},
	} {
		msg := r.request(c.subject, []byte(c.body))
		e := checkErrorBody(t, c.subject, msg.Data)
		if code := msg.Header.Get("Nats-Service-Error-Code"); code != c.code || e.Field != c.field {
			t.Errorf("%s %.80s\n  got %s, field %q (%s)\n want %s, field %q", c.subject, c.body, code, e.Field, e.Message, c.code, c.field)
		}
	}
	if after := r.snapshot(); after != before {
		t.Errorf("bad input changed something:\nbefore %s\nafter  %s", before, after)
	}
}

func TestAgentIDsInSubjectsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for _, id := range []string{"a$b", "ä", strings.Repeat("x", 65), "a%2e"} {
		msg := r.request("supervisor.agent."+id+".leave", nil)
		if e := checkErrorBody(t, id, msg.Data); e.Code != missions.CodeInvalid || e.Field != "agent" {
			t.Errorf("%q: %+v", id, e)
		}
	}
}

func checkErrorBody(t testing.TB, what string, body []byte) api.Error {
	t.Helper()
	var reply struct {
		Error *api.Error `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Error == nil || reply.Error.Code == "" || reply.Error.Message == "" {
		t.Errorf("%s: not an error reply: %.200s", what, body)
		return api.Error{}
	}
	return *reply.Error
}

// snapshot returns everything that bad input could change.
func (r *rig) snapshot() string {
	r.t.Helper()
	counts, err := r.store.Counts(r.t.Context())
	must(r.t, err)
	page, err := r.store.List(r.t.Context(), missions.Filter{Limit: 1000})
	must(r.t, err)
	agents, err := r.store.ListAgents(r.t.Context(), missions.AgentFilter{Limit: 1000})
	must(r.t, err)
	for i := range agents.Agents {
		agents.Agents[i].LastHeartbeat = 0 // any well-formed claim counts as a heartbeat
	}
	text, err := json.Marshal(page)
	must(r.t, err)
	return fmt.Sprintf("%v %s %v", counts, text, agents.Agents)
}
