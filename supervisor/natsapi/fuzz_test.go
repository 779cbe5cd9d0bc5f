package natsapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// FuzzRequests sends any data on any subject of a running supervisor. A subject of the
// protocol is answered with a reply of its kind, or with a protocol error that blames
// the request, and then nothing has changed. Whatever is sent, two missions that the
// input cannot name stay as they are.
func FuzzRequests(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s[0], []byte(s[1]))
	}
	for _, s := range subjects {
		f.Add(strings.TrimPrefix(s.subject, "supervisor."), []byte(`{"name":`))
		f.Add(strings.TrimPrefix(s.subject, "supervisor."), []byte(`{"x":1}`))
	}
	z := newFuzzRig(f)
	f.Fuzz(func(t *testing.T, suffix string, body []byte) {
		z.t = t
		if !sendable(suffix) {
			return // the client library must refuse it; the broker never sees it
		}
		z.try("supervisor."+suffix, bytes.ReplaceAll(body, []byte(heldLease), strconv.AppendInt(nil, z.lease, 10)))
	})
}

// heldLease is a placeholder for the token of the lease that agent a1 holds on mission
// m1.
const heldLease = "7777"

// fuzzSeeds are requests that have an effect. They cover the whole protocol.
var fuzzSeeds = [][2]string{
	{"health", ``}, {"status", `{}`}, {"agents", `{"state":"online","type":"default","limit":3,"cursor":"a"}`},
	{"missions.create", `{"id":"m3","name":"n","description":"d","type":"t","data":{"a":[1,null]},"priority":"HIGH","tags":["x"],` +
		`"max_attempts":2,"timeout_seconds":1.5,"stall_seconds":60,"not_before":1703001234.567,"deadline":9000000000,"correlation_id":"c"}`},
	{"missions.create", `{"missions":[{"name":"a"},{"name":""},{"id":"m1","name":"other"}]}`},
	{"missions.get", `{"id":"m1"}`}, {"missions.cancel", `{"id":"m1","reason":"why"}`}, {"missions.retry", `{"id":"m2"}`},
	{"missions.delete", `{"id":"m2"}`}, {"missions.wait", `{"id":"m1","timeout_seconds":60}`},
	{"missions.wait_many", `{"ids":["m1","m2"],"until":"any","timeout_seconds":60}`}, {"missions.wait_many", `{"ids":["m1","m2"],"timeout_seconds":0}`},
	{"missions.list", `{"status":"RUNNING","type":"default","agent_id":"a1","tag":"x","text":"n","created_after":1,"created_before":9000000000,"limit":2,"cursor":"17"}`},
	{"missions.log", `{"id":"m1","after":"1","limit":1}`}, {"missions.stats", `{"type":"default"}`},
	{"missions.history", `{"type":"default","minutes":2,"run_times":true}`}, {"missions.queues", ``}, {"alerts", ``},
	{"agent.a2.register", `{"name":"n","role":"r","types":["t"],"capacity":2,"version":"1","host":"h","labels":{"k":"v"}}`},
	{"agent.a1.heartbeat", `{"running":[{"mission_id":"m1","lease":7777},{"mission_id":"m9","lease":1}],"cpu":0.5,"memory_bytes":1,"draining":false}`},
	{"agent.a1.claim", `{"types":["default"],"max":1,"wait_seconds":60}`}, {"agent.a1.claim", `{"types":["none"],"max":9,"wait_seconds":60}`},
	{"agent.a1.progress", `{"mission_id":"m1","lease":7777,"percent":50,"message":"half"}`},
	{"agent.a1.log", `{"mission_id":"m1","lease":7777,"level":"info","message":"line","data":{"a":1}}`},
	{"agent.a1.complete", `{"mission_id":"m1","lease":7777,"result":{"ok":true}}`},
	{"agent.a1.complete", `{"results":[{"mission_id":"m1","lease":7777},{"mission_id":"m2","lease":1}]}`},
	{"agent.a1.fail", `{"mission_id":"m1","lease":7777,"error":"e","retryable":false}`}, {"agent.a1.release", `{"mission_id":"m1","lease":7777}`},
	{"missions.create", `{"missions":[{"id":"m4","name":"n","batch":"b1"},{"id":"m5","name":"n","after":[{"mission":"m4"},{"batch":"b1","when":"ended"},` +
		`{"signal":"go","prompt":"p","choices":["y","n"]}],"after_timeout_seconds":60,"on_unmet":"run"}],"close_batch":true}`},
	{"missions.create", `{"id":"m6","name":"n","max_usage":{"usd":1},"on_exceeded":"ask","retry_policy":{"first_seconds":1,"factor":2,"max_seconds":3,"jitter":0},` +
		`"parent_id":"m1","detached":true}`},
	{"missions.retry", `{"id":"m2","fresh":true,"dependents":true}`}, {"missions.graph", `{"id":"m1"}`},
	{"missions.signal", `{"id":"m1","name":"go","data":{"a":1},"signal_id":"s1"}`},
	{"missions.bulk", `{"action":"cancel","filter":{"status":"PENDING","type":"default","text":"n"},"dry_run":true,"limit":2,"as_of":1,"reason":"r"}`},
	{"missions.bulk", `{"action":"signal","filter":{},"name":"go","data":{"a":1},"signal_id":"s1","cursor":"1-0-0-x"}`},
	{"missions.bulk", `{"action":"retry","filter":{"created_before":9000000000},"fresh":true,"dependents":true}`}, {"missions.bulk", `{"action":"delete","filter":{"tag":"x"}}`},
	{"missions.list", `{"waiting":"signal","parent_id":"m1","batch":"b1"}`}, {"batches.get", `{"id":"b1"}`}, {"batches.list", `{"limit":1,"cursor":"1"}`},
	{"batches.close", `{"id":"b1"}`}, {"agent.a1.create", `{"mission_id":"m1","lease":7777,"missions":[{"name":"child"}]}`},
	{"agent.a1.signals", `{"mission_id":"m1","lease":7777,"after":1}`}, {"agent.a1.inputs", `{"mission_id":"m1","lease":7777,"source":"m2"}`},
	{"agent.a1.heartbeat", `{"running":[{"mission_id":"m1","lease":7777,"seen":1}]}`},
	{"agent.a1.progress", `{"mission_id":"m1","lease":7777,"checkpoint":{"step":1},"usage":{"usd":0.5}}`},
	{"agent.a1.fail", `{"mission_id":"m1","lease":7777,"error":"e","retry_after_seconds":5}`},
	{"agent.a1.release", `{"mission_id":"m1","lease":7777,"after":[{"signal":"go"}],"after_timeout_seconds":60,"checkpoint":1}`},
	{"limits.set", `{"name":"l1","type":"*","total":25,"per_key":3,"rate":{"count":60,"per_seconds":60},"budget":{"unit":"usd","amount":50,"per_seconds":86400},"keys":{"k":{"weight":2.5,"paused":true}}}`},
	{"limits.get", `{"name":"l1"}`}, {"limits.list", `{"limit":1,"cursor":"a"}`}, {"limits.delete", `{"name":"l1"}`},
	{"schedules.set", `{"id":"s1","cron":"0 2 * * mon-fri","time_zone":"Europe/Berlin","mission":{"name":"n","type":"t","data":{"a":1},"batch":"b1",` +
		`"after":[{"signal":"go"}],"max_attempts":2,"timeout_seconds":1,"unique":null},"catch_up":"all","catch_up_seconds":60,"jitter_seconds":5,` +
		`"starts_at":null,"ends_at":9000000000,"paused":true}`},
	{"schedules.set", `{"id":"s1","every_seconds":1,"offset_seconds":0,"mission":{"name":"n"},"catch_up":"none"}`},
	{"schedules.get", `{"id":"s1"}`}, {"schedules.list", `{"limit":1,"cursor":"a"}`}, {"schedules.trigger", `{"id":"s1"}`},
	{"schedules.backfill", `{"id":"s1","from":1700000000,"to":1700000009.5}`}, {"schedules.preview", `{"cron":"@daily","time_zone":"UTC","count":3}`},
	{"schedules.delete", `{"id":"s1"}`},
	{"agent.a1.leave", ``}, {"agent.a1.commands", `{}`}, {"agent.*.claim", `{"max":1}`}, {"agent..leave", ``}, {"missions.create.more", `{}`}, {"", ``},
}

// replies are the reply types by subject; AGENT stands for any agent.
var replies = map[string]func() any{
	"health": reply[api.Health], "status": reply[api.Status], "agents": reply[api.Agents],
	"missions.create": reply[api.CreateReply], "missions.get": reply[api.Mission], "missions.cancel": reply[api.Mission],
	"missions.retry": reply[api.Mission], "missions.delete": reply[api.Mission], "missions.wait": reply[api.Mission],
	"missions.wait_many": reply[api.Waited], "missions.list": reply[api.MissionList], "missions.log": reply[api.MissionLog], "missions.stats": reply[api.StatsReply],
	"missions.history": reply[api.History], "missions.queues": reply[missions.Queues], "alerts": reply[api.Alerts], "missions.bulk": reply[api.BulkReply], "missions.signal": reply[api.Signalled], "missions.graph": reply[api.Graph],
	"batches.get": reply[missions.Batch], "batches.list": reply[api.BatchList], "batches.close": reply[missions.Batch],
	"limits.set": reply[missions.LimitStatus], "limits.get": reply[missions.LimitStatus], "limits.list": reply[api.LimitList], "limits.delete": reply[missions.LimitStatus],
	"schedules.set": reply[api.Schedule], "schedules.get": reply[api.Schedule], "schedules.list": reply[api.ScheduleList],
	"schedules.delete": reply[missions.Schedule], "schedules.trigger": reply[api.Triggered], "schedules.backfill": reply[api.Backfilled],
	"schedules.preview":    reply[api.Preview],
	"agent.AGENT.register": reply[api.Registered], "agent.AGENT.heartbeat": reply[api.HeartbeatReply],
	"agent.AGENT.claim": reply[api.Claimed], "agent.AGENT.progress": reply[api.Empty], "agent.AGENT.log": reply[api.Empty],
	"agent.AGENT.complete": reply[api.FinishReply], "agent.AGENT.fail": reply[api.FinishReply],
	"agent.AGENT.release": reply[api.FinishReply], "agent.AGENT.leave": reply[api.Empty],
	"agent.AGENT.create": reply[api.CreateReply], "agent.AGENT.signals": reply[api.Signals], "agent.AGENT.inputs": reply[api.InputReply],
}

func reply[T any]() any { return new(T) }

var anyAgent = regexp.MustCompile(`^supervisor\.agent\.[^.]+\.`)

// requestOf names the request of a subject. If there is such a request, it is in
// replies.
func requestOf(subject string) string {
	return strings.TrimPrefix(anyAgent.ReplaceAllString(subject, "agent.AGENT."), "supervisor.")
}

// sendable reports whether a subject survives the broker's text protocol.
func sendable(suffix string) bool {
	return len(suffix) <= 1000 && !strings.ContainsFunc(suffix, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0x85 || r == 0xa0 })
}

// statusOf is the table in section "Errors" of docs/PROTOCOL.md, without the errors
// that are the supervisor's own fault.
var statusOf = map[string]string{
	"invalid_request": "400", "not_found": "404", "timeout": "408", "conflict": "409", "lease_lost": "409",
	"too_large": "413", "overloaded": "429",
}

// fuzzRig is a supervisor with an agent a1 that holds mission m1, a mission m2 that
// waits, and two missions that the input cannot name.
type fuzzRig struct {
	*rig
	canaries map[string]string // by id, as they must stay
	guard    string            // the agent that holds one of them
	lease    int64
	before   string
}

func newFuzzRig(f *testing.F) *fuzzRig {
	z := &fuzzRig{rig: newRig(f, rigOptions{lease: time.Hour}), canaries: map[string]string{}, guard: "guard-" + uuid.NewString()}
	z.register(z.guard, z.guard)
	for _, id := range []string{uuid.NewString(), uuid.NewString()} {
		_, _, err := z.client.Create(f.Context(), api.MissionSpec{ID: id, Name: "canary", Type: z.guard})
		must(f, err)
		z.canaries[id] = ""
	}
	_, err := z.client.Agent(z.guard).Claim(f.Context(), api.ClaimRequest{Max: 1})
	must(f, err)
	for id := range z.canaries {
		z.canaries[id] = z.mission(id)
	}
	z.reset()
	return z
}

func (z *fuzzRig) mission(id string) string {
	z.t.Helper()
	m, err := z.store.Get(context.Background(), id)
	must(z.t, err)
	text, err := json.Marshal(m)
	must(z.t, err)
	return string(text)
}

// reset undoes what requests have done.
func (z *fuzzRig) reset() {
	z.t.Helper()
	ctx := context.Background()
	agents, err := z.store.ListAgents(ctx, missions.AgentFilter{Limit: 1000})
	must(z.t, err)
	for _, a := range agents.Agents {
		if a.ID != z.guard {
			_, err := z.store.Leave(ctx, a.ID, "")
			must(z.t, err)
		}
	}
	for _, status := range []missions.Status{missions.Pending, missions.Running} {
		page, err := z.store.List(ctx, missions.Filter{Status: status, Limit: 10_000})
		must(z.t, err)
		var batch []missions.CancelRequest
		for _, m := range page.Missions {
			if _, canary := z.canaries[m.ID]; !canary {
				batch = append(batch, missions.CancelRequest{ID: m.ID})
			}
		}
		_, err = z.store.Cancel(ctx, batch)
		must(z.t, err)
	}
	_, err = z.store.Retain(ctx, 0, 10_000)
	must(z.t, err)

	agent := z.register("a1", "default")
	for _, id := range []string{"m1", "m2"} {
		_, _, err := z.client.Create(ctx, api.MissionSpec{ID: id, Name: "n"})
		must(z.t, err)
	}
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 1})
	must(z.t, err)
	z.lease = claimed.Missions[0].Lease
	z.before = z.snapshot()
}

// try sends one request, and checks the answer and its effect on the store.
func (z *fuzzRig) try(subject string, body []byte) {
	z.t.Helper()
	answer := make(chan *nats.Msg, 1)
	inbox, err := z.nc.ChanSubscribe(nats.NewInbox(), answer)
	must(z.t, err)
	defer func() { must(z.t, inbox.Unsubscribe()) }()
	known := replies[requestOf(subject)] != nil
	if err := z.nc.PublishRequest(subject, inbox.Subject, body); err != nil {
		if known || !errors.Is(err, nats.ErrBadSubject) {
			z.t.Fatalf("it cannot be sent: %v", err)
		}
		return
	}
	parked := z.unpark(subject, body)
	var msg *nats.Msg
	select {
	case msg = <-answer:
	case <-time.After(testTimeout):
		z.t.Fatalf("%s is not answered", subject)
	}
	if !known {
		if len(msg.Data) > 0 || msg.Header.Get("Status") != "503" {
			z.t.Fatalf("nobody should answer %s: %v %s", subject, msg.Header, msg.Data)
		}
	} else if refused := z.judge(subject, msg); refused && !parked && z.snapshot() != z.before {
		z.t.Fatalf("it was refused and changed something:\nbefore %s\nafter  %s", z.before, z.snapshot())
	}
	for id, want := range z.canaries {
		if got := z.mission(id); got != want {
			z.t.Fatalf("a mission that it could not name was\n%s and is\n%s", want, got)
		}
	}
	if z.snapshot() != z.before {
		z.reset()
	}
}

// unpark ends a request that would wait: a claim when its agent leaves, a wait when its
// mission ends.
func (z *fuzzRig) unpark(subject string, body []byte) bool {
	z.t.Helper()
	switch requestOf(subject) {
	case "agent.AGENT.claim":
		if q, err := api.Decode[api.ClaimRequest](body); err == nil && q.WaitSeconds > 0 {
			_ = z.client.Agent(api.AgentOf(subject)).Leave(z.t.Context()) // refused if there is no such agent
			return true
		}
	case "missions.wait":
		if q, err := api.Decode[api.WaitRequest](body); err == nil {
			_, _ = z.service.Cancel(z.t.Context(), api.CancelRequest{ID: q.ID}) // refused if there is nothing to end
			return true
		}
	case "missions.wait_many":
		if q, err := api.Decode[api.WaitManyRequest](body); err == nil {
			for _, id := range q.IDs {
				_, _ = z.service.Cancel(z.t.Context(), api.CancelRequest{ID: id})
			}
			return true
		}
	}
	return false
}

// judge checks a reply against the protocol and reports whether it is a refusal.
func (z *fuzzRig) judge(subject string, msg *nats.Msg) (refused bool) {
	z.t.Helper()
	var e struct{ Error *api.Error }
	if err := json.Unmarshal(msg.Data, &e); err != nil {
		z.t.Fatalf("the reply is no JSON object: %v\n%s", err, msg.Data)
	}
	code := msg.Header.Get(api.HeaderErrorCode)
	if e.Error != nil || code != "" {
		if e.Error == nil || e.Error.Message == "" || code == "" || statusOf[string(e.Error.Code)] != code {
			z.t.Fatalf("this is no refusal of the protocol: %v %s", msg.Header, msg.Data)
		}
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader(msg.Data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(replies[requestOf(subject)]()); err != nil {
		z.t.Fatalf("this is no reply of %s: %v\n%s", subject, err, msg.Data)
	}
	var batch struct {
		Results []struct{ Error *api.Error }
	}
	must(z.t, json.Unmarshal(msg.Data, &batch))
	for _, item := range batch.Results {
		if item.Error != nil && statusOf[string(item.Error.Code)] == "" {
			z.t.Fatalf("an item of a batch failed for no fault of its own: %s", msg.Data)
		}
	}
	return false
}
