package eventstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// guardedBroker starts a broker with three users: one with all permissions, one that
// may not publish events, and one that may only read them.
func guardedBroker(t *testing.T) string {
	t.Helper()
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "relay", Password: "right"},
			{Username: "reader", Password: "right", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"$JS.API.>", "$JS.ACK.>"}},
			}},
			{Username: "viewer", Password: "right", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.EVENTS", "$JS.API.STREAM.MSG.GET.EVENTS",
					"$JS.API.CONSUMER.CREATE.EVENTS.*", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.*"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go broker.Start()
	if !broker.ReadyForConnections(streamtest.Timeout) {
		t.Fatal("the broker is not ready")
	}
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	return broker.ClientURL()
}

// awaitReason waits until the stream is degraded and its reason contains text.
func awaitReason(ctx context.Context, t *testing.T, s *eventstream.Stream, text string) {
	t.Helper()
	for {
		changed := s.Changed()
		status := s.Status()
		if status.State == eventstream.Degraded && strings.Contains(status.Reason, text) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("waiting for %q, the status is still %+v", text, status)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	url := guardedBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
	defer cancel()
	open := func(user, password string) *eventstream.Stream {
		s, err := eventstream.Open(eventstream.Config{
			URL: url, Options: []nats.Option{nats.UserInfo(user, password)}, Timing: eventstream.Timing{DialTimeout: 500 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	awaitConnected(ctx, t, open("relay", "right"))
	awaitReason(ctx, t, open("relay", "wrong"), "does not accept the credentials")
	awaitReason(ctx, t, open("reader", "right"), `does not permit what the event stream needs`)
}

// A client that may not write events can read them. It neither waits for permission
// to publish nor creates a stream.
func TestConsumeOnly(t *testing.T) {
	t.Parallel()
	url := guardedBroker(t)
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
	defer cancel()
	open := func(user string, consumeOnly bool) *eventstream.Stream {
		s, err := eventstream.Open(eventstream.Config{
			URL: url, Options: []nats.Option{nats.UserInfo(user, "right")}, ConsumeOnly: consumeOnly, Timing: eventstream.Timing{ProbeMaxWait: 300 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	reader := open("reader", true)
	awaitReason(ctx, t, reader, "has no stream EVENTS")
	relay := open("relay", false)
	awaitConnected(ctx, t, relay)
	now := time.Now()
	event := charter.New(charter.HealthChecked{Status: "ok", CheckedAt: now}, now)
	if _, err := relay.Publish(ctx, event); err != nil {
		t.Fatal(err)
	}
	awaitConnected(ctx, t, reader)
	consuming, got := context.WithCancel(ctx)
	err := reader.Consume(consuming, eventstream.ConsumerConfig{Durable: "reader"}, func(_ context.Context, d eventstream.Delivery) error {
		if d.Event.ID != event.ID {
			t.Errorf("read %s, want %s", d.Event.ID, event.ID)
		}
		got()
		return nil
	})
	if !errors.Is(err, context.Canceled) || consuming.Err() == nil || ctx.Err() != nil {
		t.Fatalf("nothing was read: %v", err)
	}
	if _, err := reader.Publish(ctx, event); !errors.Is(err, eventstream.ErrConfig) {
		t.Errorf("Publish: %v", err)
	}
	before := reader.Status().Dropped
	reader.Emit(event)
	if dropped := reader.Status().Dropped - before; dropped != 1 {
		t.Errorf("%d telemetry events were dropped, want 1", dropped)
	}
}
