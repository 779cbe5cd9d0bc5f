package eventstream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// guardedBroker is a broker with users: one who may do everything, and one who
// may not publish events.
func guardedBroker(t *testing.T) string {
	t.Helper()
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "relay", Password: "right"},
			{Username: "reader", Password: "right", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"$JS.API.>"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go broker.Start()
	if !broker.ReadyForConnections(streamtest.Patience) {
		t.Fatal("the broker is not ready")
	}
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	return broker.ClientURL()
}

// awaitReason waits until the stream is degraded for a reason with that text.
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
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Patience)
	defer cancel()
	open := func(user, password string) *eventstream.Stream {
		s, err := eventstream.Open(eventstream.Config{
			URL: url, Options: []nats.Option{nats.UserInfo(user, password)}, DialTimeout: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), streamtest.Patience)
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
