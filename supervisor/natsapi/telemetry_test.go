package natsapi_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// Each of the three requests leaves exactly one event in the stream, with exactly the
// fields of the report that the project was created from.
func TestRequestsLeaveTheirEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	ctx := t.Context()
	_, _, err := r.client.Create(ctx, api.MissionSpec{Name: "pending"})
	must(t, err)
	r.register("a1", "default")
	for _, subject := range []string{"supervisor.health", "supervisor.status", "supervisor.agents"} {
		r.request(subject, nil)
	}
	js, err := jetstream.New(r.nc)
	must(t, err)
	consumer, err := js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"events.supervisor.>"}})
	must(t, err)
	messages, err := consumer.Messages()
	must(t, err)
	defer messages.Stop()
	for _, want := range []struct {
		eventType string
		payload   map[string]any // without values that are numbers of seconds
		at        string
	}{
		{"supervisor.health_checked", map[string]any{"status": "ok"}, "checked_at"},
		{"supervisor.status_queried", map[string]any{
			"total_missions": 1.0, "running_missions": 0.0, "pending_missions": 1.0, "completed_missions": 0.0,
			"failed_missions": 0.0, "cancelled_missions": 0.0, "agent_count": 1.0,
		}, "queried_at"},
		{"supervisor.agents_listed", map[string]any{"agent_count": 1.0}, "queried_at"},
	} {
		msg, err := messages.Next(jetstream.NextMaxWait(testTimeout))
		must(t, err)
		var envelope map[string]any
		must(t, json.Unmarshal(msg.Data(), &envelope))
		payload := envelope["payload"].(map[string]any)
		at, isNumber := payload[want.at].(float64)
		delete(payload, want.at)
		if envelope["type"] != want.eventType || envelope["source"] != "supervisor_service" ||
			!isNumber || at < float64(time.Now().Add(-time.Minute).Unix()) || !maps.Equal(payload, want.payload) {
			t.Errorf("want %+v\ngot  %s", want, msg.Data())
		}
		if target, there := envelope["target"]; !there || target != nil {
			t.Errorf("target must be null: %s", msg.Data())
		}
		checkCloudEvent(t, msg.Headers(), envelope)
	}
	stream, err := js.Stream(ctx, "EVENTS")
	must(t, err)
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("events.supervisor.>"))
	must(t, err)
	for subject, n := range info.State.Subjects {
		if n != 1 {
			t.Errorf("%d events on %s", n, subject)
		}
	}
}

// A client that has a name sends it with its requests, beside their trace. A client
// without one sends no header.
func TestANamedClientIsKnown(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	events, err := r.nc.SubscribeSync("events.supervisor.>")
	must(t, err)
	for _, c := range []struct {
		client  *client.Client
		askedBy string
	}{{client.New(r.nc, client.Name("nightly-report/2.1")), "nightly-report"}, {client.New(r.nc), ""}} {
		_, err := c.client.Status(api.WithTrace(t.Context(), trace))
		must(t, err)
		msg, err := events.NextMsg(testTimeout)
		must(t, err)
		var e struct {
			Meta struct {
				AskedBy     string `json:"asked_by"`
				Traceparent string
			}
		}
		must(t, json.Unmarshal(msg.Data, &e))
		if e.Meta.AskedBy != c.askedBy || e.Meta.Traceparent != trace {
			t.Errorf("want it asked by %q within %s: %s", c.askedBy, trace, msg.Data)
		}
	}
}

// checkCloudEvent reads a message as a CloudEvent in binary mode.
func checkCloudEvent(t *testing.T, headers nats.Header, envelope map[string]any) {
	t.Helper()
	e := cloudevents.New(headers.Get("ce-specversion"))
	e.SetID(headers.Get("ce-id"))
	e.SetType(headers.Get("ce-type"))
	e.SetSource(headers.Get("ce-source"))
	at, err := time.Parse(time.RFC3339Nano, headers.Get("ce-time"))
	must(t, err)
	e.SetTime(at)
	if err := e.Validate(); err != nil {
		t.Errorf("not a CloudEvent: %v", err)
	}
	if e.ID() != envelope["id"] || e.Type() != envelope["type"] || headers.Get("Nats-Msg-Id") != envelope["id"] ||
		headers.Get("content-type") != "application/json" {
		t.Errorf("headers %v do not belong to %v", headers, envelope)
	}
	if _, there := headers["ce-subject"]; there {
		t.Errorf("a broadcast has no ce-subject: %v", headers)
	}
}

func TestMicroKnowsTheService(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	var info struct {
		Name, Version string
		Endpoints     []struct {
			Subject string
			Queue   string `json:"queue_group"`
		}
	}
	must(t, json.Unmarshal(r.request("$SRV.INFO.supervisor", nil).Data, &info))
	if info.Name != "supervisor" || info.Version != "1.2.3" || len(info.Endpoints) != 44 {
		t.Fatalf("%+v", info)
	}
	var subjects []string
	for _, e := range info.Endpoints {
		subjects = append(subjects, e.Subject)
		if e.Queue != "supervisor" {
			t.Errorf("%s is in queue group %q", e.Subject, e.Queue)
		}
	}
	for _, want := range []string{"supervisor.health", "supervisor.missions.create", "supervisor.agent.*.claim"} {
		if !slices.Contains(subjects, want) {
			t.Errorf("no endpoint %s", want)
		}
	}
}

// Parked requests block nothing: while claims and waits are parked, the same and other
// endpoints answer.
func TestParkedRequestsHoldUpNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("a1", "rare")
	m, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "slow", Type: "other"})
	must(t, err)
	for range 50 {
		must(t, r.nc.PublishRequest("supervisor.agent.a1.claim", r.nc.NewInbox(), []byte(`{"max":1,"wait_seconds":60}`)))
		must(t, r.nc.PublishRequest("supervisor.missions.wait", r.nc.NewInbox(), []byte(`{"id":"`+m.ID+`","timeout_seconds":60}`)))
		must(t, r.nc.PublishRequest("supervisor.missions.wait_many", r.nc.NewInbox(), []byte(`{"ids":["`+m.ID+`"],"timeout_seconds":60}`)))
	}
	if claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1}); err != nil || len(claimed.Missions) != 0 {
		t.Fatalf("%v %v", claimed, err)
	}
	_, err = r.client.Status(t.Context())
	must(t, err)
}

func TestCancelIsPushedAndRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("a1", "default")
	commands, err := r.nc.SubscribeSync("supervisor.agent.a1.commands")
	must(t, err)
	must(t, r.nc.Flush())
	m, _, err := r.client.Create(t.Context(), api.MissionSpec{Name: "x"})
	must(t, err)
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	_, err = r.client.Cancel(t.Context(), m.ID, "")
	must(t, err)
	push, err := commands.NextMsg(testTimeout)
	must(t, err)
	if want := `{"command":"cancel","mission_id":"` + m.ID + `"}`; string(push.Data) != want {
		t.Fatalf("pushed %s", push.Data)
	}
	for range 2 { // as long as the agent lists it
		beat, err := agent.Heartbeat(t.Context(), api.HeartbeatRequest{
			Running: &[]api.Held{{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: claimed.Missions[0].Lease}}},
		})
		must(t, err)
		if !slices.Equal(beat.Cancel, []string{m.ID}) || len(beat.Lost) != 0 {
			t.Fatalf("%+v", beat)
		}
	}
}
