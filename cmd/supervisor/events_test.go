package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// publish stores events in the stream and waits until they are stored.
func (h *testbed) publish(t *testing.T, events ...charter.Event) {
	t.Helper()
	stream, err := eventstream.Open(eventstream.Config{URL: h.url})
	must(t, err)
	defer func() { must(t, stream.Close(t.Context())) }()
	deadline := time.After(testTimeout)
	for {
		changed := stream.Changed()
		if stream.Status().State == eventstream.Connected {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the event stream is not there: %s", stream.Status().Reason)
		}
	}
	_, err = stream.PublishBatch(t.Context(), events)
	must(t, err)
}

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// created returns the event of a mission's creation.
func created(id string) charter.Event {
	return charter.New(charter.MissionCreated{
		MissionID: id, Name: "job " + id, Type: "build", Priority: "HIGH", Status: "PENDING", CreatedAt: noon,
	}, noon)
}

// After a reconnect the broker may refuse another consumer, here since the one before is
// still there.
func TestFollowSaysThatTheBrokerRefusesItsConsumer(t *testing.T) {
	t.Parallel()
	url := guardedBroker(t, &server.Options{JetStream: true, StoreDir: t.TempDir()})
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, AllowDirect: true, MaxConsumers: 1,
	})
	must(t, err)
	(&testbed{url: url}).publish(t, created("m1"))
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(url, "nats://"))
	c := newCall(map[string]string{"NATS_URL": proxy.URL()}).start(t, "events", "--follow", "--since", "1h")
	c.out.await(t, "m1", 1)
	proxy.Cut()
	c.err.await(t, "supervisor: the broker refuses the consumer that reads events: maximum consumers limit reached", 1)
	for name := range stream.ConsumerNames(t.Context()).Name() {
		must(t, stream.DeleteConsumer(t.Context(), name))
	}
	c.err.await(t, "supervisor: reading events again\n", 1)
	(&testbed{url: url}).publish(t, created("m2"))
	c.out.await(t, "m2", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "reports of one trouble", strings.Count(c.err.String(), "refuses the consumer"), 1)

	_, err = stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "theirs", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil { // the follower's own is not deleted yet
		for name := range stream.ConsumerNames(t.Context()).Name() {
			must(t, stream.DeleteConsumer(t.Context(), name))
		}
		_, err = stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "theirs", AckPolicy: jetstream.AckExplicitPolicy})
		must(t, err)
	}
	code, _, stderr := runIn(t, nil, "events", "--follow", "-s", url)
	equal(t, "exit code when it cannot begin", code, 1)
	contains(t, stderr, "supervisor: cannot read the events: reading the event stream: the broker refuses the consumer")
}

func TestEventsAreALineEach(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t,
		created("m1"),
		charter.New(charter.MissionStatusChanged{MissionID: "m1", OldStatus: "PENDING", NewStatus: "RUNNING", Attempt: 1, AgentID: "a1", ChangedAt: noon}, noon),
		charter.New(charter.MissionLogAppended{MissionID: "m1", LogLevel: "warn", Message: "two\nlines \x1b[31mred", AppendedAt: noon}, noon),
		charter.New(charter.MissionProgressed{MissionID: "m1", Percent: 40, Message: "halfway", ProgressedAt: noon}, noon),
		charter.New(charter.MissionStatusChanged{MissionID: "m1", OldStatus: "RUNNING", NewStatus: "FAILED", Attempt: 1, AgentID: "a1", Reason: "broken", ChangedAt: noon}, noon),
		charter.New(charter.MissionWaiting{MissionID: "m1", Conditions: []charter.Condition{{Mission: "build"}, {Batch: "tests"}, {Signal: "ok"}, {}}, Until: noon, ChangedAt: noon}, noon),
		charter.New(charter.MissionWaiting{MissionID: "m1", ChangedAt: noon}, noon),
		charter.New(charter.MissionReady{MissionID: "m1", Reason: "the signal ok has come", ChangedAt: noon}, noon),
		charter.New(charter.MissionSignalled{MissionID: "m1", Seq: 2, Name: "ok", By: "ada", SignalledAt: noon}, noon),
		charter.New(charter.MissionSignalled{MissionID: "m1", Seq: 3, Name: "ok", SignalledAt: noon}, noon),
		charter.New(charter.MissionSignalSeen{MissionID: "m1", Seq: 2, AgentID: "w1", SeenAt: noon}, noon),
		charter.New(charter.ScheduleChanged{ScheduleID: "nightly", By: "ada", ChangedAt: noon}, noon),
		charter.New(charter.ScheduleChanged{ScheduleID: "nightly", ChangedAt: noon}, noon),
		charter.New(charter.ScheduleMissed{ScheduleID: "nightly", Count: 1, From: noon, To: noon}, noon),
		charter.New(charter.ScheduleMissed{ScheduleID: "nightly", Count: 3, From: noon, To: noon.Add(time.Hour)}, noon),
		charter.New(charter.AgentOnline{AgentID: "a1", Name: "Anna", Role: "builder", Types: []string{"build", "test"}, Reason: "registered", ChangedAt: noon}, noon),
		charter.New(charter.AlertRaised{Rule: "slow", Metric: "queue", Value: 3, Threshold: 2, Since: noon, RaisedAt: noon}, noon),
		charter.Event{ID: uuid.New(), Type: "other.thing", Source: "elsewhere", Target: "x", Timestamp: noon, Payload: json.RawMessage(`{"k":1}`)},
	)
	at := "2026-01-31 12:00:00  "
	equal(t, "events", b.ok(t, "events"), at+`mission.created             m1  "job m1" build HIGH
`+at+`mission.status_changed      m1  PENDING → RUNNING, attempt 1, agent a1
`+at+`mission.log_appended        m1  warn: two lines red
`+at+`mission.progressed          m1  40 % halfway
`+at+`mission.status_changed      m1  RUNNING → FAILED, attempt 1, agent a1: broken
`+at+`mission.waiting             m1  waits for mission build, batch tests, signal ok, something else until 2026-01-31 12:00:00
`+at+`mission.waiting             m1  waits
`+at+`mission.ready               m1  can be claimed: the signal ok has come
`+at+`mission.signalled           m1  signal 2: ok, from ada
`+at+`mission.signalled           m1  signal 3: ok
`+at+`mission.signal_seen         m1  signal 2 was seen by agent w1
`+at+`schedule.changed            nightly  schedule changed by ada
`+at+`schedule.changed            nightly  schedule changed
`+at+`schedule.missed             nightly  missed 1 occurrence: 2026-01-31 12:00:00
`+at+`schedule.missed             nightly  missed 3 occurrences: 2026-01-31 12:00:00 to 2026-01-31 13:00:00
`+at+`agent.online                a1  "Anna" builder [build, test]: registered
`+at+`supervisor.alert_raised     slow: queue is 3, past the threshold of 2 since 12:00:00
`+at+`other.thing                 x {"k":1}
`)
	equal(t, "agents'", strings.Count(b.ok(t, "events", "--type", "agent.*", "--type", "other.>"), "\n"), 2)
	for _, args := range [][]string{{"events", "--type", "mission.deleted"}, {"events", "--since", "2096-01-01"}} {
		code, stdout, stderr := b.run(t, args...)
		equal(t, "exit code", code, 0)
		equal(t, "none", stdout, "")
		equal(t, "stderr", stderr, "No events. Look further back with --since 7d, or wait for new ones with --follow.\n")
		equal(t, "none for a program", b.ok(t, append(args, "--json")...), "")
	}

	js, err := jetstream.New(b.nc)
	must(t, err)
	stream, err := js.Stream(t.Context(), eventstream.DefaultStreamName)
	must(t, err)
	equal(t, "consumers left behind", stream.CachedInfo().State.Consumers, 0)

	lines := strings.Split(strings.TrimSpace(b.ok(t, "events", "--json", "--since", "1h")), "\n")
	equal(t, "envelopes", len(lines), 18)
	for _, line := range lines {
		if _, err := charter.Decode([]byte(line)); err != nil {
			t.Errorf("not an envelope: %v in %s", err, line)
		}
	}
}

func TestEventsAreFollowed(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("old"))
	c := b.start(t, "events", "--follow", "--since", "1h", "--type", "mission.created")
	c.out.await(t, "job old", 1)
	b.publish(t, created("new"))
	c.out.await(t, "job new", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "lines", strings.Count(c.out.String(), "\n"), 2)
	equal(t, "stderr", c.err.String(), "")
}

func TestADurableGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"), created("m2"), charter.New(charter.HealthChecked{Status: "ok", CheckedAt: noon}, noon))
	run := func(extra ...string) string {
		t.Helper()
		return b.ok(t, append([]string{"events", "--durable", "billing", "--type", "mission"}, extra...)...)
	}
	first := run()
	contains(t, first, "job m1", "job m2")
	equal(t, "lines of the first run", strings.Count(first, "\n"), 2)
	nothing := func() {
		t.Helper()
		code, stdout, stderr := b.run(t, "events", "--durable", "billing", "--type", "mission")
		equal(t, "exit code", code, 0)
		equal(t, "nothing new", stdout, "")
		equal(t, "stderr", stderr, "No events. All events have been shown; wait for new ones with --follow.\n")
	}
	nothing()
	b.publish(t, created("m3"))
	third := run("--json")
	contains(t, third, `"name":"job m3"`)
	equal(t, "lines of the third run", strings.Count(third, "\n"), 1)

	c := b.start(t, "events", "--durable", "billing", "--type", "mission", "--follow")
	b.publish(t, created("m4"))
	c.out.await(t, "job m4", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	nothing()
	equal(t, "nothing new for a program", run("--json"), "")
	contains(t, b.ok(t, "events", "--durable", "another"), "job m1", "job m2", "ok\n", "job m3", "job m4")
}

// TestADurableIsNotBentToOtherWishes reuses a durable consumer with settings that would
// make it skip or repeat events.
func TestADurableIsNotBentToOtherWishes(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"))
	b.ok(t, "events", "--durable", "two", "--type", "mission", "--type", "agent.>")
	b.ok(t, "events", "--durable", "every")
	js, err := jetstream.New(b.nc)
	must(t, err)
	before, err := js.Consumer(t.Context(), eventstream.DefaultStreamName, "two")
	must(t, err)

	other := ", choose another --durable, or remove this one with: nats consumer rm EVENTS "
	has := "the durable consumer two already exists, for --type 'mission.>' --type 'agent.>'; use the same filters"
	b.refused(t, 2, has+other+"two", "events", "--durable", "two", "--type", "mission")
	b.refused(t, 2, has+other+"two", "events", "--durable", "two", "--follow")
	b.refused(t, 2, "the durable consumer every already exists, for events of every type, without --type; use the same filters"+other+"every",
		"events", "--durable", "every", "--type", "mission")
	b.refused(t, 2, "--since cannot move the durable consumer two, which exists and continues where it stopped; omit --since"+other+"two",
		"events", "--durable", "two", "--type", "mission", "--type", "agent.>", "--since", "1h")
	equal(t, "in another order", b.ok(t, "events", "--durable", "two", "--type", "agent.>", "--type", "mission", "--json"), "")

	after, err := js.Consumer(t.Context(), eventstream.DefaultStreamName, "two")
	must(t, err)
	equal(t, "the consumer", fmt.Sprint(after.CachedInfo().Config), fmt.Sprint(before.CachedInfo().Config))
	equal(t, "how far it came", after.CachedInfo().AckFloor.Stream, before.CachedInfo().AckFloor.Stream)
}

// TestADurableWhoseOutputFailsLosesNothing breaks the pipe after the first event.
func TestADurableWhoseOutputFailsLosesNothing(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"), created("m2"))
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Out = ui.NewScreen(brokenPipe{}, c.cli.LookupEnv)
	equal(t, "exit code", c.start(t, "events", "--durable", "d").wait(t), 1)
	contains(t, c.err.String(), "the output could not be written: no space left on device")
	out := b.ok(t, "events", "--durable", "d")
	contains(t, out, "job m1", "job m2")
}

func TestManyEventsAreReadToTheEnd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	var events []charter.Event
	for i := range 1500 {
		events = append(events, created(fmt.Sprintf("m%d", i)))
	}
	b.publish(t, events...)
	for _, args := range [][]string{{"events"}, {"events", "--durable", "all"}} {
		out := b.ok(t, args...)
		equal(t, "lines", strings.Count(out, "\n"), 1500)
		if !strings.Contains(strings.Split(out, "\n")[1499], "job m1499") {
			t.Error("the last line is not the last event's")
		}
	}
}

// While a cluster elects a leader, the first request for events may get lost.
func TestEventsAreReadAlthoughARequestGetsLost(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"))
	taken, err := b.nc.SubscribeSync("$JS.API.CONSUMER.MSG.LOST.>")
	must(t, err)
	must(t, b.nc.Flush())
	for _, args := range [][]string{{"events"}, {"events", "--follow", "--since", "1h"}} {
		proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
		proxy.Replace("$JS.API.CONSUMER.MSG.NEXT.", "$JS.API.CONSUMER.MSG.LOST.", 1)
		c := newCall(map[string]string{"NATS_URL": proxy.URL()}).start(t, args...)
		c.out.await(t, "job m1", 1)
		c.interrupt()
		c.wait(t)
		if _, err := taken.NextMsg(testTimeout); err != nil {
			t.Errorf("%v lost no request: %v", args, err)
		}
	}
}

// A consumer on a replica that lags does not know all events yet.
func TestEventsAreReadAlthoughACopyLags(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"))
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
	proxy.Replace(`"num_pending":1`, `"num_pending":0`, 9)
	c := newCall(map[string]string{"NATS_URL": proxy.URL()}).start(t, "events", "--type", "mission.created")
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.out.String(), "job m1")
	if proxy.Replaced() == 0 {
		t.Error("nothing was replaced")
	}
	none := b.start(t, "events", "--type", "mission.created", "--since", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	equal(t, "exit code", none.wait(t), 0)
	equal(t, "nothing is that new", none.out.String(), "")
}

func TestEventsWithoutAStreamOrJetStream(t *testing.T) {
	t.Parallel()
	none := newFake(t)
	none.refused(t, 1, "the broker at "+none.url+" has no JetStream for this user, so there are no events; enable JetStream, or use another broker or user", "events")
	options := emptyBroker()
	options.JetStream, options.StoreDir = true, t.TempDir()
	empty := &testbed{url: guardedBroker(t, options)}
	empty.refused(t, 1, "there is no stream EVENTS at "+empty.url+" yet; a supervisor creates it when it starts", "events", "--follow")
}

func TestAnEnvelopeThatIsNoneIsLeftOut(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.publish(t, created("m1"))
	must(t, b.nc.Publish("events.mission.broken", []byte("\x1b[31mnot an envelope")))
	must(t, b.nc.Publish("events.mission.lines", []byte("{\n \"a\": 1\n}")))
	must(t, b.nc.Flush())
	b.publish(t, created("m2"))
	_, stdout, stderr := b.run(t, "events", "--json")
	equal(t, "envelopes", strings.Count(stdout, "\n"), 3)
	contains(t, stdout, "{\"a\":1}\n")
	equal(t, "stderr", stderr, "supervisor: skipped an event: its envelope is not valid JSON\n")
	_, stdout, stderr = b.run(t, "events")
	equal(t, "lines", strings.Count(stdout, "\n"), 2)
	equal(t, "complaints", strings.Count(stderr, "supervisor: skipped an event: "), 2)
}
