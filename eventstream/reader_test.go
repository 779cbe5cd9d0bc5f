package eventstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// Who may only look may not delete consumers, not even those that a lost connection leaves
// behind. A denied request may end a program, so the reader does not try while it reads.
func TestAReaderFollowsWithoutPermissionToDelete(t *testing.T) {
	t.Parallel()
	url := guardedBroker(t)
	ctx, cancel := context.WithTimeout(t.Context(), streamtest.Timeout)
	defer cancel()
	relay, err := eventstream.Open(eventstream.Config{URL: url, Options: []nats.Option{nats.UserInfo("relay", "right")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close(context.Background()) })
	awaitConnected(ctx, t, relay)

	denied := make(chan error, 10)
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(url, "nats://"))
	nc, err := nats.Connect(proxy.URL(), nats.UserInfo("viewer", "right"), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	reader, err := eventstream.NewReader(nc, eventstream.DefaultStreamName)
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	begun, got, done := make(chan uint64, 10), make(chan uint64, 10), make(chan error, 1)
	go func() {
		done <- reader.Follow(following, eventstream.Follower{
			Begin: func(after uint64) { begun <- after }, Event: func(e eventstream.Stored) { got <- e.Seq },
		})
	}()
	await := func(from <-chan uint64, what string, want uint64) {
		t.Helper()
		select {
		case n := <-from:
			if n != want {
				t.Errorf("%s %d, want %d", what, n, want)
			}
		case err := <-denied:
			t.Fatalf("%s: denied: %v", what, err)
		case <-ctx.Done():
			t.Fatalf("no %s", what)
		}
	}
	publish := func() {
		t.Helper()
		if _, err := relay.Publish(ctx, charter.New(charter.MissionCreated{}, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	await(begun, "begun after", 0)
	publish()
	await(got, "event", 1)
	proxy.Cut()
	publish()
	await(begun, "begun after", 1)
	await(got, "event", 2)
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow returned %v", err)
	}
}
