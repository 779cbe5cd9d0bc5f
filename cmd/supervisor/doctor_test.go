package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// verdict and finding are what doctor --json prints.
type verdict string

const (
	fine    verdict = "ok"
	unknown verdict = "unknown"
	warned  verdict = "warning"
	wrong   verdict = "error"
)

type finding struct {
	Check   string  `json:"check"`
	Status  verdict `json:"status"`
	Message string  `json:"message"`
	Advice  string  `json:"advice"`
}

// diagnosis runs the doctor and returns its findings by check, and the exit code.
func diagnosis(t *testing.T, url string, args ...string) (map[string]finding, int) {
	t.Helper()
	code, stdout, stderr := runIn(t, map[string]string{"NATS_URL": url}, append([]string{"doctor", "--json"}, args...)...)
	equal(t, "stderr", stderr, "")
	var report struct {
		Status   string    `json:"status"`
		Findings []finding `json:"findings"`
	}
	must(t, json.Unmarshal([]byte(stdout), &report))
	if (report.Status == "error") != (code == 1) {
		t.Errorf("exit code %d of a report that is %q", code, report.Status)
	}
	found := map[string]finding{}
	for _, f := range report.Findings {
		if f.Status != fine && f.Status != unknown && f.Advice == "" && !strings.Contains(f.Message, "; ") {
			t.Errorf("no advice on %+v", f)
		}
		found[f.Check] = f
	}
	return found, code
}

// wants compares a finding's verdict and parts of its text.
func wants(t *testing.T, found map[string]finding, check string, status verdict, parts ...string) {
	t.Helper()
	f, there := found[check]
	if !there || f.Status != status {
		t.Errorf("%s is %+v, want it to be %s", check, f, status)
	}
	contains(t, f.Message+" → "+f.Advice, parts...)
}

func TestTheDoctorFindsNothingWrong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	b.ok(t, "missions", "create", "n", "--id", "m1", "--type", "t")
	b.taken(t)
	b.ok(t, "missions", "create", "n", "--id", "m2", "--type", "t")
	found, code := diagnosis(t, b.url, "--role", "operator")
	equal(t, "exit code", code, 0)
	for _, check := range []string{"broker", "max_payload", "permissions", "jetstream", "foreign_streams", "stream", "stream_settings", "stream_copies",
		"supervisor", "store", "event_stream", "agent_deaths", "clock", "broker_clock", "alerts", "agents", "limits", "schedules"} {
		wants(t, found, check, fine)
		delete(found, check)
	}
	if len(found) > 0 {
		t.Errorf("more was found: %v", found)
	}
	js, err := jetstream.New(b.nc)
	must(t, err)
	stream, err := js.Stream(t.Context(), "EVENTS")
	must(t, err)
	equal(t, "consumers left behind", stream.CachedInfo().State.Consumers, 0)
	status, err := b.client.Status(t.Context())
	must(t, err)
	equal(t, "missions", status.TotalMissions, 2)
	found, code = diagnosis(t, b.url, "--agent", "w1")
	equal(t, "exit code", code, 0)
	wants(t, found, "permissions", fine, "everything that the agent w1 needs")
	agents, err := b.client.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	if len(agents.Agents) != 1 || agents.Agents[0].State != missions.Online || agents.Agents[0].MissionsRunning != 1 {
		t.Errorf("looking has changed the agent: %+v", agents.Agents)
	}

	text := b.ok(t, "doctor")
	contains(t, text, "✔ stream_settings  covers events.>, in files, for 7 days, recognizes duplicates for 30 seconds\n",
		"✔ permissions      everything an operator may do", "\n0 errors, 0 warnings, 0 unknown, 18 fine.\n")
}

func TestTheDoctorFindsMissionsWithoutAgents(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	b.ok(t, "missions", "create", "n", "--type", "resize")
	code, stdout, stderr := b.run(t, "doctor")
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr, "")
	contains(t, stdout, "✘ agents           no agent is online for the type resize, of which 1 mission is pending\n"+
		"                   → start one: supervisor agent run --type resize -- COMMAND\n", "\n1 error, 0 warnings,")
}

func TestTheDoctorWithoutBrokerOrSupervisor(t *testing.T) {
	t.Parallel()
	found, code := diagnosis(t, "nats://127.0.0.1:1")
	equal(t, "exit code", code, 1)
	wants(t, found, "broker", wrong, "cannot reach a broker at nats://127.0.0.1:1; ")
	equal(t, "findings", len(found), 1)

	found, code = diagnosis(t, newFake(t).url)
	equal(t, "exit code", code, 1)
	wants(t, found, "max_payload", warned, "1.0 MiB", "set max_payload: 8MB")
	wants(t, found, "jetstream", wrong, "has no JetStream", "enable it")
	wants(t, found, "stream", wrong, "has no JetStream")
	wants(t, found, "supervisor", wrong, "no supervisor answers", "supervisor serve --server nats://127.0.0.1:")
	wants(t, found, "permissions", fine, "an operator")
}

func TestTheDoctorKnowsTheStreamsSettings(t *testing.T) {
	t.Parallel()
	options := emptyBroker()
	options.JetStream, options.StoreDir, options.MaxPayload = true, t.TempDir(), 8<<20
	url := guardedBroker(t, options)
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	found, _ := diagnosis(t, url)
	wants(t, found, "stream", wrong, "there is no stream EVENTS", "start a supervisor")
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.mission.>"}, Storage: jetstream.MemoryStorage,
		Retention: jetstream.InterestPolicy, Discard: jetstream.DiscardNew, Duplicates: time.Second, MaxAge: time.Minute, NoAck: true, MaxConsumers: 1})
	must(t, err)
	_, err = js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "theirs", AckPolicy: jetstream.AckExplicitPolicy})
	must(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GREEDY", Subjects: []string{"supervisor.missions.*"}, NoAck: true})
	must(t, err)
	found, code := diagnosis(t, url)
	equal(t, "exit code", code, 1)
	wants(t, found, "foreign_streams", wrong, "GREEDY", "nats stream edit GREEDY --subjects")
	wants(t, found, "stream_subjects", wrong, "covers events.mission.> instead of events.>", "nats stream edit EVENTS --subjects 'events.>'")
	wants(t, found, "stream_storage", wrong, "in memory", "nats stream rm EVENTS")
	wants(t, found, "stream_retention", wrong, "Interest")
	wants(t, found, "stream_discard", warned, "--discard old")
	wants(t, found, "stream_duplicates", warned, "for only 1 second; it should for 30 seconds", "--dupe-window 30s")
	wants(t, found, "stream_max_age", warned, "1 minute")
	wants(t, found, "stream_ack", wrong)
	wants(t, found, "stream_consumers", wrong, "EVENTS has reached its limit of 1 consumer", "nats consumer rm EVENTS")
	if f, there := found["stream_settings"]; there {
		t.Errorf("all the same: %+v", f)
	}
}

// A stream of an earlier version has a longer duplicate window than is needed. That is no
// fault.
func TestTheDoctorKnowsALongDuplicateWindow(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	nc, err := nats.Connect(b.url)
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.Stream(t.Context(), "EVENTS")
	must(t, err)
	cfg := stream.CachedInfo().Config
	equal(t, "the window of a new stream", cfg.Duplicates, 30*time.Second)
	cfg.Duplicates = 2 * time.Minute
	_, err = js.UpdateStream(t.Context(), cfg)
	must(t, err)
	found, code := diagnosis(t, b.url)
	equal(t, "exit code", code, 0)
	wants(t, found, "stream_duplicates", fine, "for 2 minutes", "30 seconds are enough", "nats stream edit EVENTS --dupe-window 30s")
	wants(t, found, "stream_settings", fine, "recognizes duplicates for 2 minutes")
}

func TestTheDoctorReadsClocksAndHealth(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	behind := float64(time.Now().Add(-time.Hour).Unix())
	answering(t, b.nc, api.SubjectHealth, fmt.Sprintf(`{"status":"error","timestamp":%f,"version":"0.0.1","checks":{"store":{"status":"error","message":"disk full"},`+
		`"event_stream":{"status":"degraded","message":"no broker"},"agent_deaths":{"status":"ok","message":"only when leases end"},"clock":{"status":"ok","message":"the store's clock was set 1h0m0s back"}}}`, behind))
	answering(t, b.nc, api.SubjectAlerts, `{"alerts":[{"rule":"failing","state":"firing"},{"rule":"quiet","state":"ok"}]}`)
	found, code := diagnosis(t, b.url)
	equal(t, "exit code", code, 1)
	wants(t, found, "supervisor", warned, "the supervisor has version 0.0.1")
	wants(t, found, "store", wrong, "error: disk full", "disk of the store's file is not full")
	wants(t, found, "event_stream", wrong, "degraded: no broker")
	wants(t, found, "agent_deaths", warned, "only when leases end", "--system-creds")
	wants(t, found, "clock", wrong, "the supervisor's clock is 1h00m behind this machine's", "timedatectl")
	wants(t, found, "clock_steps", warned, "set 1h0m0s back", "corrected gradually")
	wants(t, found, "alerts", warned, "firing: failing")
}

// A supervisor that has just started is asked again until it is what it will be.
func TestTheDoctorWaitsForASupervisorThatStarts(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answers := []string{
		`"status":"degraded","uptime_seconds":0.1,"checks":{"store":{"status":"ok"},"event_stream":{"status":"degraded","message":"no connection has been made yet"},` +
			`"agent_deaths":{"status":"ok","message":"deaths of agents are noticed when their leases end: ` + api.Starting + `"}}`,
		`"status":"ok","uptime_seconds":0.2,"checks":{"store":{"status":"ok"},"event_stream":{"status":"ok"},` +
			`"agent_deaths":{"status":"ok","message":"deaths of agents are noticed when their leases end: ` + api.Starting + `"}}`,
		`"status":"ok","uptime_seconds":0.3,"checks":{"store":{"status":"ok"},"event_stream":{"status":"ok"},"agent_deaths":{"status":"ok"}}`,
	}
	var asked atomic.Int64
	_, err := b.nc.Subscribe(api.SubjectHealth, func(msg *nats.Msg) {
		n := min(int(asked.Add(1)), len(answers)) - 1
		_ = msg.Respond([]byte(`{"timestamp":1,"version":"` + version() + `",` + answers[n] + `}`)) // a lost one fails the test
	})
	must(t, err)
	must(t, b.nc.Flush())
	found, _ := diagnosis(t, b.url)
	wants(t, found, "event_stream", fine)
	wants(t, found, "agent_deaths", fine)
}

func TestTheDoctorKnowsWhatAUserMay(t *testing.T) {
	t.Parallel()
	user := func(name string, p roles.Permissions) *server.User {
		return &server.User{Username: name, Password: "x", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: p.Publish}, Subscribe: &server.SubjectPermission{Allow: p.Subscribe}}}
	}
	options := emptyBroker()
	options.JetStream, options.StoreDir = true, t.TempDir()
	half := roles.Viewer.Permissions("")
	half.Publish = append(half.Publish, api.SubjectMissionsCreate)
	less := roles.Permissions{Publish: []string{api.SubjectHealth}, Subscribe: []string{"_INBOX.>"}}
	options.Users = []*server.User{
		user("viewer", roles.Viewer.Permissions("")), user("operator", roles.Operator.Permissions("")), user("half", half), user("less", less),
		user("w1", roles.Agent.Permissions("w1")),
	}
	url := guardedBroker(t, options)
	as := func(name string, args ...string) map[string]finding {
		found, _ := diagnosis(t, url, append([]string{"--user", name, "--password", "x"}, args...)...)
		return found
	}
	wants(t, as("operator"), "permissions", fine, "everything an operator may do")
	wants(t, as("operator", "--role", "operator"), "permissions", fine)
	wants(t, as("viewer"), "permissions", fine, "everything a viewer may do: read, and follow events")
	wants(t, as("viewer", "--role", "operator"), "permissions", wrong,
		"this user may not use supervisor.batches.close, supervisor.limits.delete, supervisor.limits.set, supervisor.missions.bulk, supervisor.missions.cancel, supervisor.missions.create, supervisor.missions.delete, supervisor.missions.retry, supervisor.missions.signal, supervisor.schedules.backfill, supervisor.schedules.delete, supervisor.schedules.set, supervisor.schedules.trigger → ", "supervisor auth add operator NAME")
	wants(t, as("half"), "permissions", fine, "except supervisor.batches.close, supervisor.limits.delete, supervisor.limits.set, supervisor.missions.bulk, supervisor.missions.cancel, supervisor.missions.delete, supervisor.missions.retry, supervisor.missions.signal, supervisor.schedules.backfill, supervisor.schedules.delete, supervisor.schedules.set, supervisor.schedules.trigger")
	found := as("less")
	wants(t, found, "permissions", wrong, "$JS.API.INFO", "events.>", "supervisor.missions.list", "supervisor auth add viewer NAME")
	wants(t, found, "jetstream", unknown)
	wants(t, found, "foreign_streams", unknown)
	wants(t, found, "stream", unknown)
	wants(t, found, "supervisor", wrong, "no supervisor answers")
	wants(t, found, "agents", unknown)

	wants(t, as("w1"), "permissions", wrong, "may not receive replies on _INBOX.", "--inbox-prefix")
	wants(t, as("w1", "--agent", "w1", "--inbox-prefix", "_INBOX.w1"), "permissions", fine, "everything that the agent w1 needs")
	wants(t, as("w1", "--agent", "w2", "--inbox-prefix", "_INBOX.w1"), "permissions", wrong,
		"supervisor.agent.w2.claim", "supervisor.agent.w2.commands", "supervisor auth add agent w2")
}

func TestTheDoctorsMistakesInWhatIsTyped(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--role must be viewer or operator; for an agent, use --agent ID":    {"doctor", "--role", "agent"},
		"--agent may contain only letters, digits, _ and -":                  {"doctor", "--agent", "a.b"},
		"--creds: /does/not/exist cannot be read: no such file or directory": {"doctor", "--creds", "/does/not/exist"},
	} {
		code, stdout, stderr := runIn(t, nil, args...)
		equal(t, "exit code", code, 2)
		equal(t, "output", stdout+stderr, "supervisor: "+want+"\n")
	}
}
