package supervisor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
	"missioncontrol/test/output"
)

// states is a watcher that passes on the states of the stream and the events' numbers.
type states struct {
	states chan api.StreamState
	events chan uint64
}

func (w *states) Event(e eventstream.Stored) error  { w.events <- e.Seq; return nil }
func (w *states) Gap(api.Gap) error                 { return nil }
func (w *states) State(state api.StreamState) error { w.states <- state; return nil }
func (w *states) Idle() error                       { return nil }

// Whoever waits for events is told that the broker refuses the consumer to read them with,
// and why, and so are health and the log. Missions and their events go on meanwhile. When
// there is room again, everything arrives.
func TestARefusedConsumerIsTold(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	url := r.startBroker().ClientURL()
	js := r.jetStream(url)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, AllowDirect: true, MaxConsumers: 3,
	})
	must(t, err)
	theirs := []string{"a", "b", "c"}
	for _, name := range theirs {
		_, err = stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy})
		must(t, err)
	}

	var logged output.Buffer
	timing := eventstream.Timing{ProbeWait: 5 * time.Millisecond, ProbeMaxWait: 20 * time.Millisecond}
	events, err := eventstream.Open(eventstream.Config{URL: url, Timing: timing, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	must(t, err)
	service, err := supervisor.New(supervisor.Config{Store: r.store, Stream: events})
	must(t, err)
	defer r.run(service, events)()
	r.create(service, 0, 3)
	r.awaitEmptyOutbox()

	const reason = "maximum consumers limit reached"
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	w := &states{make(chan api.StreamState, 100), make(chan uint64, 100)}
	go func() { _ = service.Watch(ctx, api.EventsRequest{Type: "mission.>", Since: 1}, w) }()
	awaitStreamState(t, ctx, w, func(s api.StreamState) bool { return s.State == "degraded" && strings.Contains(s.Reason, reason) })
	var health api.Health
	eventually.Holds(t, func() bool { // a watcher's own consumer may be refused a moment before the one that all share
		health, err = service.Health(ctx, api.Empty{})
		must(t, err)
		return health.Status == api.HealthDegraded && strings.Contains(health.Checks.EventStream.Message, reason)
	}, func() string { return fmt.Sprintf("%+v", health) })
	queries, err := service.Queries(ctx, api.Empty{})
	must(t, err)
	if queries.State != "degraded" || !strings.Contains(queries.Reason, reason) {
		t.Errorf("queries: %s, %q", queries.State, queries.Reason)
	}
	if !strings.Contains(logged.String(), reason) {
		t.Errorf("the log: %s", logged.String())
	}
	status, err := service.Status(ctx, api.Empty{})
	must(t, err)
	if status.Status != api.HealthOK {
		t.Errorf("the status of missions is %s", status.Status)
	}

	for _, name := range theirs {
		must(t, stream.DeleteConsumer(ctx, name))
	}
	awaitStreamState(t, ctx, w, func(s api.StreamState) bool { return s == api.StreamState{State: "connected"} })
	for range 3 {
		select {
		case <-w.events:
		case <-ctx.Done():
			t.Fatal("what was stored meanwhile does not arrive")
		}
	}
}

// awaitStreamState returns when a watcher gets a state.
func awaitStreamState(t *testing.T, ctx context.Context, w *states, is func(api.StreamState) bool) {
	t.Helper()
	for {
		select {
		case state := <-w.states:
			if is(state) {
				return
			}
		case <-ctx.Done():
			t.Fatal("the state does not come")
		}
	}
}
