package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
)

// answering answers every request on a subject with the same reply.
func answering(t *testing.T, nc *nats.Conn, subject, reply string) {
	t.Helper()
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(reply)) })
	must(t, err)
	must(t, nc.Flush())
	t.Cleanup(func() { must(t, sub.Unsubscribe()) })
}

// newFake starts a broker on which a test answers in place of the supervisor.
func newFake(t *testing.T) *testbed {
	t.Helper()
	url := guardedBroker(t, emptyBroker())
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	return &testbed{url: url, nc: nc}
}

const statusReply = `{"status":"degraded","timestamp":1769871845.25,"total_missions":1234567,"running_missions":3,` +
	`"pending_missions":1234000,"completed_missions":500,"failed_missions":60,"cancelled_missions":4,"agent_count":2,` +
	`"success_rate":0.8929,"average_duration_seconds":83.2,"utilization":null}`

func TestStatus(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	equal(t, "status", b.ok(t, "status"), `Mission Control at 2026-01-31 15:04:05

            Status: degraded
          Missions: 1,234,567
           Pending: 1,234,000
           Running: 3
         Completed: 500
            Failed: 60
         Cancelled: 4
            Agents: 2
      Success rate: 89.3 %
  Average duration: 1m23s
       Utilization: -
`)
	equal(t, "JSON", b.ok(t, "status", "--json"), statusReply+"\n")
}

// The supervisor can tell which client sends a request.
func TestCommandsSayWhoAsks(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	asked, err := b.nc.SubscribeSync(api.SubjectStatus)
	must(t, err)
	must(t, b.nc.Flush())
	b.ok(t, "status")
	request, err := asked.NextMsg(testTimeout)
	must(t, err)
	equal(t, "who asks", request.Header.Get(api.HeaderClient), "supervisor-cli")
}

func TestJSONIsIndentedOnATerminal(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, "{\"status\":\"ok\u009b\",\"more\":[1]}")
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Out.Terminal = true
	equal(t, "exit code", c.start(t, "status", "--json").wait(t), 0)
	equal(t, "JSON", c.out.String(), "{\n  \"status\": \"ok\\u009b\",\n  \"more\": [\n    1\n  ]\n}\n")
}

func healthReply(status, store string) string {
	return fmt.Sprintf(`{"status":%q,"timestamp":1769871845,"version":"1.2.3","uptime_seconds":90061,"checks":{"store":{"status":"ok","message":%q},`+
		`"event_stream":{"status":"degraded","message":"no broker","published":12345,"dropped":2,"duplicates":1,"waiting":7}}}`, status, store)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectHealth, healthReply("degraded", ""))
	equal(t, "health", b.ok(t, "health"), `Supervisor health at 2026-01-31 15:04:05

        Status: degraded
       Version: 1.2.3
        Uptime: 1d1h
         Store: ok
  Event stream: degraded: no broker
     Published: 12,345
    Duplicates: 1
       Dropped: 2
       Waiting: 7
`)
	sick := newFake(t)
	answering(t, sick.nc, api.SubjectHealth, healthReply("error", "disk full"))
	code, stdout, stderr := sick.run(t, "health")
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr, "")
	contains(t, stdout, "Status: error", "Store: ok: disk full")
}

// Over HTTP, the supervisor at the address answers, without a broker.
func TestHealthOverHTTP(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		healthReply("degraded", ""):       {0, "Status: degraded", ""},
		healthReply("error", "disk full"): {1, "Status: error", ""},
		"<html>":                          {1, "", "is not a supervisor"},
		"":                                {1, "", "is not a supervisor: 404 Not Found"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if reply == "" || r.URL.Path != "/api/supervisor/health" {
				http.NotFound(w, r)
				return
			}
			_, _ = io.WriteString(w, reply)
		}))
		code, stdout, stderr := runIn(t, nil, "health", "--http", server.Listener.Addr().String())
		server.Close()
		equal(t, "exit code", code, want.code)
		contains(t, stdout, want.stdout)
		contains(t, stderr, want.stderr)
		code, _, stderr = runIn(t, nil, "health", "--http", server.Listener.Addr().String())
		equal(t, "exit code when nobody listens", code, 1)
		contains(t, stderr, "no supervisor answers over HTTP")
	}
	code, _, _ := runIn(t, nil, "health", "--http", "http://127.0.0.1:8080")
	equal(t, "exit code for what is no address", code, 2)
}

func TestNoAgents(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stdout, stderr := b.run(t, "agents")
	equal(t, "what a program reads", stdout, "")
	equal(t, "agents", stderr, "No agents. Start one with: supervisor agent run --type TYPE -- COMMAND\n")
	equal(t, "JSON", b.ok(t, "agents", "--json"), `{"agents":[],"agent_count":0}`+"\n")
}

// TestAHostileReplyCannotReachTheTerminal sends terminal commands in every text field of
// a reply.
func TestAHostileReplyCannotReachTheTerminal(t *testing.T) {
	t.Parallel()
	evil := "\x1b[2J\x1b]0;owned\a\u009b31m\u202e\r\x7fEVIL"
	quoted, err := json.Marshal(evil)
	must(t, err)
	q := string(quoted)
	mission := fmt.Sprintf(`{"id":%[1]s,"name":%[1]s,"description":%[1]s,"type":%[1]s,"data":{"k":%[1]s},"priority":%[1]s,"status":%[1]s,`+
		`"tags":[%[1]s],"max_attempts":3,"correlation_id":%[1]s,"attempt":1,"agent_id":%[1]s,"progress":{"percent":1,"message":%[1]s},`+
		`"result":%[1]s,"error":%[1]s,"created_at":1}`, q)
	b := newFake(t)
	answering(t, b.nc, "supervisor.missions.get", `{"mission":`+mission+`}`)
	answering(t, b.nc, "supervisor.missions.cancel", `{"mission":`+mission+`}`)
	answering(t, b.nc, "supervisor.missions.create", `{"mission":`+mission+`,"created":true}`)
	answering(t, b.nc, "supervisor.missions.list", `{"missions":[`+mission+`]}`)
	answering(t, b.nc, "supervisor.missions.log", `{"log":[{"timestamp":1,"level":`+q+`,"message":`+q+`,"data":`+q+`}]}`)
	answering(t, b.nc, "supervisor.missions.stats", `{"stats":{"by_type":{`+q+`:1}}}`)
	answering(t, b.nc, "supervisor.health", `{"status":`+q+`,"version":`+q+`,"checks":{"store":{"status":"ok","message":`+q+`},"event_stream":{"status":`+q+`}}}`)
	answering(t, b.nc, "supervisor.status", `{"status":`+q+`}`)
	answering(t, b.nc, "supervisor.agents", `{"next_cursor":`+q+`,"agents":[{"id":`+q+`,"name":`+q+`,"role":`+q+`,"state":`+q+`,"types":[`+q+`],"version":`+q+`,"host":`+q+`}]}`)
	refuse := func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "409")
		reply.Data = []byte(`{"error":{"code":"conflict","message":` + q + `}}`)
		_ = b.nc.PublishMsg(reply)
	}
	_, err = b.nc.Subscribe("supervisor.missions.retry", refuse)
	must(t, err)
	must(t, b.nc.Flush())

	for _, args := range [][]string{
		{"health"}, {"status"}, {"agents"}, {"missions", "get", "m"}, {"missions", "list"}, {"missions", "log", "m"}, {"missions", "stats"},
		{"missions", "cancel", "m"}, {"missions", "create", "n"}, {"missions", "retry", "m"}, {"doctor"}, {"doctor", "--json"},
		{"missions", "get", "m", "--json"}, {"missions", "list", "--json"}, {"missions", "log", "m", "--json"}, {"agents", "--json"},
	} {
		c := newCall(map[string]string{"NATS_URL": b.url})
		c.cli.Out.Terminal, c.cli.Err.Terminal = true, true
		c.start(t, args...).wait(t)
		if text := c.out.String() + c.err.String(); !strings.Contains(text, "EVIL") || strings.ContainsAny(text, "\x1b\a\r\x7f\u009b\u202e") {
			t.Errorf("%v: %q", args, text)
		}
	}
}

func TestAStreamThatAnswersInTheSupervisorsPlaceIsNoticed(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectHealth, `{"stream":"ALL", "seq":1}`)
	b.refused(t, 1, "a stream that covers supervisor.> answered instead of the supervisor; remove that subject from the stream", "health")
}

func TestStats(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"total":3,"by_status":{"PENDING":1,"RUNNING":0,"COMPLETED":2,"FAILED":0,"CANCELLED":0},`+
		`"by_type":{"resize":2,"build":1},"success_rate":1,"duration_seconds":{"average":1.5,"p50":1,"p95":2,"p99":2.5},`+
		`"queue_seconds":{"average":null,"p50":null,"p95":null,"p99":null},"oldest_pending_seconds":61,"oldest_claimable_seconds":2,"per_minute":{"created":3},"last_updated":1769871845,`+
		`"windows":{"5m":{"since":1769871600,"created":12345,"started":11,"completed":9,"failed":1,"cancelled":0,"success_rate":0.9,`+
		`"duration_seconds":{"average":1.5,"p50":1,"p95":2,"p99":2.5},"queue_seconds":{"average":0.01,"p50":0.02,"p95":0.03,"p99":0.04}},`+
		`"1h":{"since":1769868245,"created":20000,"success_rate":null},"24h":{"since":1769868245,"created":20000}}}}`)
	equal(t, "stats", b.ok(t, "missions", "stats"), `Missions at 2026-01-31 15:04:05

              Total: 3
            Pending: 1
            Running: 0
          Completed: 2
             Failed: 0
          Cancelled: 0
       Success rate: 100.0 %
     Oldest pending: 1m01s
  Longest claimable: 2.00s

Last  Created  Started  Completed  Failed  Cancelled  Success
1min  3        0        0          0       0          -
5min  12345    11       9          1       0          90.0%
1h    20000    0        0          0       0          -
24h   20000    0        0          0       0          -
Data since 2026-01-31 14:04:05.

What      Last  Average  p50    p95    p99
Duration  5min  1.50s    1.00s  2.00s  2.50s
Duration  1h    -        -      -      -
Duration  24h   -        -      -      -
Duration  ever  1.50s    1.00s  2.00s  2.50s
Queue     5min  10ms     20ms   30ms   40ms
Queue     1h    -        -      -      -
Queue     24h   -        -      -      -
Queue     ever  -        -      -      -

Type    Missions
build   1
resize  2
`)
}

func TestStatsOfWhatWaitsAndSpends(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"total":3,"by_status":{},"by_type":{},"waiting":{"mission":1,"batch":0,"signal":1200,"time":0},`+
		`"usage":{"usd":12.5,"input_tokens":1234567},"per_minute":{},"last_updated":1769871845,`+
		`"windows":{"5m":{"usage":{"usd":0.30000000000000004}},"1h":{"usage":{"usd":2}},"24h":{}}}}`)
	text := b.ok(t, "missions", "stats")
	for _, want := range []string{"Waiting: 1,200 for a signal, 1 for a mission\n", `
Unit          5min  1h  24h  Ever
input_tokens  0     0   0    1234567
usd           0.3   2   0    12.5
`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\ndoes not contain %s", text, want)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsHistory, `{"minutes":[`+
		`{"at":1769871780,"created":1,"started":2,"completed":3,"failed":4,"cancelled":5,"pending":null,"running":null},`+
		`{"at":1769871840,"created":10000,"started":0,"completed":0,"failed":0,"cancelled":0,"pending":1234567,"running":8}]}`)
	equal(t, "history", b.ok(t, "missions", "history", "--type", "resize"), `Minute  Created  Started  Completed  Failed  Cancelled  Pending  Running
15:03   1        2        3          4       5          -        -
15:04   10000    0        0          0       0          1234567  8
`)
	for _, minutes := range []string{"0", "1441", "-1"} {
		b.refused(t, 2, "--minutes must be between 1 and 1440", "missions", "history", "--minutes", minutes)
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	now := time.Now().Unix()
	answering(t, b.nc, api.SubjectAlerts, fmt.Sprintf(`{"alerts":[`+
		`{"rule":"missions-failing","metric":"missions.windows.1h.success_rate","comparison":"<","threshold":0.8,"for_seconds":60,"min_samples":20,`+
		`"value":0.625,"state":"firing","since":%d,"raised_at":%d},`+
		`{"rule":"outbox-growing","metric":"events.waiting","comparison":">","threshold":10000,"for_seconds":120,"value":0,"state":"ok","since":null,"raised_at":null},`+
		`{"rule":"slow","metric":"missions.windows.5m.duration_seconds.p95","comparison":">=","threshold":90,"for_seconds":0,"type":"resize",`+
		`"value":null,"state":"pending","since":%d,"raised_at":null}]}`, now-7300, now-7205, now-3600))
	equal(t, "alerts", b.ok(t, "alerts"), `Rule              State    Since  Metric                           Type    Value  Condition
missions-failing  firing   2h00m  windows.1h.success_rate          -       62.5%  < 80.0 % for 1m
outbox-growing    ok       -      events.waiting                   -       0      > 10,000 for 2m
slow              pending  1h00m  windows.5m.duration_seconds.p95  resize  -      >= 1m30s
`)
	empty := newFake(t)
	answering(t, empty.nc, api.SubjectAlerts, `{"alerts":[]}`)
	_, stdout, stderr := empty.run(t, "alerts")
	equal(t, "no alerts", stdout+stderr, "No alert rules.\n")
	equal(t, "names", b.ok(t, "alerts", "-o", "name"), "missions-failing\noutbox-growing\nslow\n")
}
