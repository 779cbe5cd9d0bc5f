package supervisor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/test/eventually"
)

// noAgent raises an alert soon after a mission waits for an agent that does not exist.
func noAgent() alerts.Rule {
	return alerts.Rule{Name: "no-agent", Metric: "missions.pending_without_agent", Comparison: ">", For: 60 * time.Millisecond}
}

// alertEvents returns the alert events in the stream, one after the other.
func (f *fleet) alertEvents() func() map[string]any {
	f.t.Helper()
	js, err := jetstream.New(f.connect())
	must(f.t, err)
	events := func() jetstream.Consumer {
		f.t.Helper()
		var consumer jetstream.Consumer
		eventually.Holds(f.t, func() bool {
			var err error
			consumer, err = js.OrderedConsumer(f.t.Context(), "EVENTS", jetstream.OrderedConsumerConfig{
				FilterSubjects: []string{"events." + charter.TypeAlertRaised, "events." + charter.TypeAlertResolved}})
			if !errors.Is(err, jetstream.ErrStreamNotFound) {
				must(f.t, err)
			}
			return err == nil
		}, func() string { return "there is no stream" })
		return consumer
	}
	events = sync.OnceValue(events)
	return func() map[string]any {
		f.t.Helper()
		msg, err := events().Next(jetstream.FetchMaxWait(testTimeout))
		must(f.t, err)
		var envelope map[string]any
		must(f.t, json.Unmarshal(msg.Data(), &envelope))
		return envelope
	}
}

// wantAlertEvent checks the next alert event and returns its payload.
func wantAlertEvent(t *testing.T, event map[string]any, kind, rule string) map[string]any {
	t.Helper()
	payload, _ := event["payload"].(map[string]any)
	if event["type"] != "supervisor."+kind || payload["rule"] != rule {
		t.Fatalf("the event is %v, want a %s of %s", event, kind, rule)
	}
	return payload
}

// awaitAlert waits until a rule has the wanted state, and returns its alert.
func awaitAlert(t *testing.T, c *client.Client, rule string, want missions.AlertState) api.Alert {
	t.Helper()
	var all []api.Alert
	at := -1
	eventually.Holds(t, func() bool {
		var err error
		all, err = c.Alerts(t.Context())
		must(t, err)
		at = slices.IndexFunc(all, func(a api.Alert) bool { return a.Rule == rule && a.State == want })
		return at >= 0
	}, func() string { return fmt.Sprintf("%s is not %s: %+v", rule, want, all) })
	return all[at]
}

func TestAnAlertIsRaisedAndResolved(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	next := f.alertEvents()
	failing := alerts.Rule{Name: "failing", Metric: "missions.windows.1h.success_rate", Comparison: "<", Threshold: 0.5, MinSamples: 2, Type: "t"}
	m := f.start(memberOptions{alerts: []alerts.Rule{noAgent(), failing}})
	c := client.New(f.listen(m))
	before := awaitAlert(t, c, "no-agent", missions.AlertOK)
	if *before.Value != 0 || before.Since != 0 || before.RaisedAt != 0 || before.ForSeconds != 0.06 || before.Comparison != ">" {
		t.Errorf("before: %+v", before)
	}
	if before.Types != nil || !strings.Contains(before.Advice, "supervisor agent run") {
		t.Errorf("before: %+v", before)
	}
	if none := awaitAlert(t, c, "failing", missions.AlertOK); none.Value != nil || none.MinSamples != 2 || none.Type != "t" {
		t.Errorf("without missions: %+v", none)
	}

	m.create(t, api.MissionSpec{Type: "t"})
	m.create(t, api.MissionSpec{Type: "t"})
	raised := wantAlertEvent(t, next(), "alert_raised", "no-agent")
	alert := awaitAlert(t, c, "no-agent", missions.AlertFiring)
	if raised["metric"] != "missions.pending_without_agent" || raised["value"] != 2.0 || raised["threshold"] != 0.0 ||
		raised["since"] != alert.Since.Seconds() || raised["raised_at"] != alert.RaisedAt.Seconds() ||
		alert.RaisedAt.Sub(alert.Since) < 60*time.Millisecond || *alert.Value != 2 {
		t.Errorf("the event tells %v, the alert %+v", raised, alert)
	}
	if !slices.Equal(alert.Types, []string{"t"}) {
		t.Errorf("the alert names the types %q", alert.Types)
	}

	m.register(t, "a", "t")
	resolved := wantAlertEvent(t, next(), "alert_resolved", "no-agent")
	if resolved["since"] != raised["since"] || resolved["value"] != 0.0 || resolved["resolved_at"].(float64) <= raised["raised_at"].(float64) {
		t.Errorf("the event tells %v", resolved)
	}
	awaitAlert(t, c, "no-agent", missions.AlertOK)

	claimed, err := m.Claim(t.Context(), "a", api.ClaimRequest{Max: 2})
	must(t, err)
	never := false
	for _, mission := range claimed.Missions {
		_, err := m.Fail(t.Context(), "a", api.FailRequest{Failure: api.Failure{
			LeaseRef: api.LeaseRef{MissionID: mission.ID, Lease: mission.Lease}, Error: "x", Retryable: &never}})
		must(t, err)
	}
	if payload := wantAlertEvent(t, next(), "alert_raised", "failing"); payload["value"] != 0.0 || payload["threshold"] != 0.5 {
		t.Errorf("of missions that fail: %v", payload)
	}
}

// The next leader does not raise an alert again that one leader has raised, and it
// resolves that alert. An alert whose rule no longer exists is resolved, too.
func TestAlertsOutliveTheirLeader(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	next := f.alertEvents()
	gone := noAgent()
	gone.Name = "gone"
	first := f.start(memberOptions{id: "first", alerts: []alerts.Rule{noAgent(), gone}})
	first.create(t, api.MissionSpec{Type: "t"})
	seen := map[any]any{}
	for range 2 {
		payload, _ := next()["payload"].(map[string]any)
		seen[payload["rule"]] = payload["since"]
	}
	first.stop()

	second := f.start(memberOptions{id: "second", alerts: []alerts.Rule{noAgent()}})
	if payload := wantAlertEvent(t, next(), "alert_resolved", "gone"); payload["since"] != seen["gone"] || payload["value"] != nil {
		t.Errorf("of a rule that is gone: %v", payload)
	}
	c := client.New(f.listen(second))
	if alert := awaitAlert(t, c, "no-agent", missions.AlertFiring); alert.Since.Seconds() != seen["no-agent"] {
		t.Errorf("after the change of leaders: %+v, want one since %v", alert, seen["no-agent"])
	}
	second.register(t, "a", "t")
	wantAlertEvent(t, next(), "alert_resolved", "no-agent")
}

// receiver receives alerts: an HTTP server that refuses them for as long as the test
// wants.
type receiver struct {
	*httptest.Server
	refuses  atomic.Int64
	refused  chan struct{}
	accepted chan received
}

type received struct {
	header http.Header
	body   map[string]any
}

func newReceiver(t *testing.T, refuses int64) *receiver {
	t.Helper()
	r := &receiver{refused: make(chan struct{}, 1000), accepted: make(chan received, 1000)}
	r.refuses.Store(refuses)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.refuses.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			r.refused <- struct{}{}
			return
		}
		text, _ := io.ReadAll(request.Body)
		got := received{header: request.Header}
		if json.Unmarshal(text, &got.body) == nil {
			r.accepted <- got
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) webhook(t *testing.T) *alerts.Webhook {
	t.Helper()
	w, err := alerts.NewWebhook(r.URL, "secret", "test")
	must(t, err)
	return w
}

func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case got := <-r.accepted:
		return got
	case <-time.After(testTimeout):
		t.Fatal("nobody is told")
		return received{}
	}
}

func TestAWebhookIsToldUntilItAccepts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	next := f.alertEvents()
	to := newReceiver(t, 3)
	m := f.start(memberOptions{alerts: []alerts.Rule{noAgent()}, webhook: to.webhook(t)})
	m.create(t, api.MissionSpec{Type: "t"})
	raised, got := next(), to.next(t)
	if got.body["id"] != raised["id"] || got.header.Get("webhook-id") != raised["id"] || got.header.Get("webhook-signature") == "" {
		t.Errorf("the webhook was told %v %v, the stream %v", got.header, got.body, raised)
	}
	wantAlertEvent(t, got.body, "alert_raised", "no-agent")
	m.register(t, "a", "t")
	wantAlertEvent(t, to.next(t).body, "alert_resolved", "no-agent")
	if n := len(to.refused); n != 3 {
		t.Errorf("it refused %d times, want 3", n)
	}
	if left, err := f.store.Notices(t.Context(), 10); err != nil || len(to.accepted) > 0 {
		t.Errorf("more was told than happened: %d, %v, %v", len(to.accepted), left, err)
	}
}

// While a receiver refuses alerts, the rules are still checked. The next supervisor
// sends the alerts that the receiver has not accepted.
func TestWhatAWebhookWasNotToldOfOutlivesARestart(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	next := f.alertEvents()
	const always = 1 << 40
	to := newReceiver(t, always)
	first := f.start(memberOptions{id: "first", alerts: []alerts.Rule{noAgent()}, webhook: to.webhook(t)})
	first.create(t, api.MissionSpec{Type: "t"})
	raised := next()
	await(t, to.refused)
	first.register(t, "a", "t")
	resolved := next()
	first.stop()

	to.refuses.Store(0)
	f.start(memberOptions{id: "second", alerts: []alerts.Rule{noAgent()}, webhook: to.webhook(t)})
	got := to.next(t)
	if got.body["id"] != raised["id"] {
		t.Errorf("the webhook was told %v, want %v", got.body, raised)
	}
	// The receiver may also have accepted the last request of the first supervisor, which
	// did not wait for the answer: each alert is sent at least once.
	for got.body["id"] == raised["id"] {
		got = to.next(t)
	}
	if got.body["id"] != resolved["id"] {
		t.Errorf("the webhook was told %v, want %v", got.body, resolved)
	}
}

// The leader samples the statistics, and the samples can be queried.
func TestStatisticsAreSampled(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.start(memberOptions{})
	c := client.New(f.listen(m))
	eventually.Holds(t, func() bool {
		stats, err := c.Stats(t.Context(), "")
		must(t, err)
		return stats.Windows.Hour.Since != 0
	}, func() string { return "no sample is taken" })
	m.create(t, api.MissionSpec{Type: "t"})
	stats, err := c.Stats(t.Context(), "t")
	must(t, err)
	if stats.Windows.Day.Created != 1 || stats.Windows.FiveMinutes.Created != 1 {
		t.Errorf("windows: %+v", stats.Windows)
	}
	history, err := c.History(t.Context(), "t", 2)
	must(t, err)
	if len(history) != 2 || history[0].Created+history[1].Created != 1 || *history[1].Pending != 1 {
		t.Errorf("history: %+v", history)
	}
	hour, err := c.History(t.Context(), "", 0)
	must(t, err)
	if len(hour) != 60 {
		t.Errorf("%d minutes for who does not say how many, want 60", len(hour))
	}
	if n := steps(t, m.Metrics(), "history"); n != 2 {
		t.Errorf("%d steps of the store for two histories", n)
	}
}

// steps returns how many store steps of one kind were measured.
func steps(t *testing.T, metrics prometheus.Collector, step string) uint64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	must(t, registry.Register(metrics))
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "missioncontrol_store_step_duration_seconds" && metric.GetLabel()[0].GetValue() == step {
				return metric.GetHistogram().GetSampleCount()
			}
		}
	}
	return 0
}

// listen serves a member's requests over NATS and returns a user's connection.
func (f *fleet) listen(m *member) *nats.Conn {
	f.t.Helper()
	endpoints, err := natsapi.Listen(m.nc, m.Service, quiet)
	must(f.t, err)
	f.t.Cleanup(func() { m.stop(); must(f.t, endpoints.Stop(context.Background())) })
	must(f.t, m.nc.Flush())
	return f.connect()
}
