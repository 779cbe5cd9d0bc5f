package supervisor_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/supervisor"
	"missioncontrol/test/eventually"
)

// jetStream connects to the broker as the stream's owner does.
func (r *relayRig) jetStream(url string) jetstream.JetStream {
	r.t.Helper()
	nc, err := nats.Connect(url)
	must(r.t, err)
	r.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(r.t, err)
	return js
}

// events returns the event stream.
func (r *relayRig) events(url string) jetstream.Stream {
	r.t.Helper()
	stream, err := r.jetStream(url).Stream(r.t.Context(), "EVENTS")
	must(r.t, err)
	return stream
}

// limit changes the stream's settings.
func (r *relayRig) limit(url string, change func(*jetstream.StreamConfig)) {
	r.t.Helper()
	js := r.jetStream(url)
	stream, err := js.Stream(r.t.Context(), "EVENTS")
	must(r.t, err)
	cfg := stream.CachedInfo().Config
	change(&cfg)
	_, err = js.UpdateStream(r.t.Context(), cfg)
	must(r.t, err)
}

// state returns the stream's state once a condition holds.
func (r *relayRig) state(url string, is func(jetstream.StreamState) bool) jetstream.StreamState {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), testTimeout)
	defer cancel()
	stream := r.events(url)
	var info *jetstream.StreamInfo
	eventually.Holds(r.t, func() bool {
		var err error
		info, err = stream.Info(ctx)
		must(r.t, err)
		return is(info.State)
	}, func() string { return fmt.Sprintf("the stream has %+v", info.State) })
	return info.State
}

// createdMetric returns missioncontrol_missions_created_total.
func (r *relayRig) createdMetric(service *supervisor.Service) float64 {
	r.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	must(r.t, registry.Register(service.Metrics()))
	families, err := registry.Gather()
	must(r.t, err)
	for _, family := range families {
		if family.GetName() == "missioncontrol_missions_created_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	r.t.Fatal("there is no such metric")
	return 0
}

// removals are the ways in which events leave a stream that has not lost any. All of them
// leave at most one event.
var removals = map[string]func(t *testing.T, r *relayRig, url string){
	"a purge": func(t *testing.T, r *relayRig, url string) {
		must(t, r.events(url).Purge(t.Context()))
	},
	"the newest events are deleted": func(t *testing.T, r *relayRig, url string) {
		stream := r.events(url)
		for seq := uint64(20); seq > 1; seq-- {
			must(t, stream.DeleteMsg(t.Context(), seq))
		}
	},
	"a small age": func(_ *testing.T, r *relayRig, url string) {
		r.limit(url, func(cfg *jetstream.StreamConfig) {
			cfg.MaxAge, cfg.Duplicates = 100*time.Millisecond, 100*time.Millisecond
		})
		r.state(url, func(s jetstream.StreamState) bool { return s.Msgs == 0 })
	},
	"a small count, taken by others": func(t *testing.T, r *relayRig, url string) {
		r.limit(url, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs = 1 })
		r.telemetry(url)
	},
	"a small size, taken by others": func(t *testing.T, r *relayRig, url string) {
		r.limit(url, func(cfg *jetstream.StreamConfig) { cfg.MaxBytes = 1000 })
		r.telemetry(url)
	},
}

// telemetry stores an event that is not durable.
func (r *relayRig) telemetry(url string) {
	r.t.Helper()
	_, err := r.jetStream(url).Publish(r.t.Context(), "events.test.telemetry", make([]byte, 800))
	must(r.t, err)
}

// What is taken out of the stream, by its owner or its limits, does not come back when the
// relay looks at the stream's end again. Nothing is counted twice.
func TestWhatIsTakenOutOfTheStreamStaysOut(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelayRig(t)
			broker := r.startBroker()
			url := broker.ClientURL()
			service, stop := r.startRelay(url)
			defer stop()
			r.create(service, 0, 20)
			r.awaitEmptyOutbox()
			remove(t, r, url)
			before := r.state(url, func(jetstream.StreamState) bool { return true })
			if before.Msgs > 1 {
				t.Fatalf("the stream has %d events", before.Msgs)
			}
			must(t, broker.Shutdown(context.Background()))
			r.startBroker()
			r.create(service, 20, 5)
			r.awaitEmptyOutbox()
			state := r.state(url, func(s jetstream.StreamState) bool { return s.LastSeq >= before.LastSeq+5 })
			if state.LastSeq != before.LastSeq+5 {
				t.Fatalf("5 missions were created, and the stream went from %+v to %+v", before, state)
			}
			if got := r.createdMetric(service); got != 25 {
				t.Fatalf("25 missions were created, and %v counted", got)
			}
		})
	}
}

// A new supervisor knows from the store what the stream had, also if the broker, restarted
// as well, no longer recognises the ids of what was removed.
func TestATakeoverSendsNothingAgainThatWasRemoved(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the broker restarted %t", name, restarted), func(t *testing.T) {
				t.Parallel()
				r := newRelayRig(t)
				broker := r.startBroker()
				url := broker.ClientURL()
				service, stop := r.startRelay(url)
				r.create(service, 0, 20)
				r.awaitEmptyOutbox()
				remove(t, r, url)
				before := r.state(url, func(jetstream.StreamState) bool { return true })
				stop()
				if restarted {
					must(t, broker.Shutdown(context.Background()))
					r.startBroker()
				}
				service, stop = r.startRelay(url)
				defer stop()
				r.create(service, 20, 5)
				r.awaitEmptyOutbox()
				want := before.LastSeq + 5
				if state := r.state(url, func(s jetstream.StreamState) bool { return s.LastSeq >= want }); state.LastSeq != want {
					t.Fatalf("5 missions were created, and the stream's last sequence is %d instead of %d", state.LastSeq, want)
				}
			})
		}
	}
}

// What is counted when lost events are sent again is counted once.
func TestALossIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	broker := r.startBroker()
	url := broker.ClientURL()
	service, stop := r.startRelay(url)
	defer stop()
	want := r.create(service, 0, 20)
	r.awaitEmptyOutbox()
	broker, earlier := r.snapshot(broker)
	want = append(want, r.create(service, 20, 30)...)
	r.awaitEmptyOutbox()
	r.setBack(broker, earlier, func() {})
	if got := r.created(url, len(want)); !slices.Equal(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
	if got := r.createdMetric(service); got != 50 {
		t.Fatalf("50 missions were created, and %v counted", got)
	}
}
