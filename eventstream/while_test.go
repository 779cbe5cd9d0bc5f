package eventstream_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
)

// A batch meant for the broker as it was inspected is not sent to one that
// restarted since.
func TestABatchIsForTheBrokerThatWasLookedAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func(port int) *embedded.Server {
		t.Helper()
		broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: dir, Port: port})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = broker.Shutdown(context.Background()) })
		return broker
	}
	broker := start(0)
	s, err := eventstream.Open(eventstream.Config{URL: broker.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	// connected returns the channel under which the stream is connected, different
	// from before.
	connected := func(before <-chan struct{}) <-chan struct{} {
		t.Helper()
		timeout := time.After(time.Minute)
		for {
			changed := s.Changed()
			if s.Status().State == eventstream.Connected && changed != before {
				return changed
			}
			select {
			case <-changed:
			case <-timeout:
				t.Fatalf("not connected: %+v", s.Status())
			}
		}
	}
	event := func() []charter.Event {
		now := time.Now()
		return []charter.Event{charter.New(charter.HealthChecked{Status: "ok", CheckedAt: now}, now)}
	}
	looked := connected(nil)
	if ack, err := s.PublishBatchWhile(t.Context(), looked, event()); ack.Stored != 1 || err != nil {
		t.Fatalf("stored %d: %v", ack.Stored, err)
	}
	if copies := s.Status().Copies; copies != 1 {
		t.Errorf("the stream has %d copies", copies)
	}
	_, portText, err := net.SplitHostPort(broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	start(port)
	again := connected(looked)
	if ack, err := s.PublishBatchWhile(t.Context(), looked, event()); ack.Stored != 0 || !errors.Is(err, eventstream.ErrChanged) {
		t.Fatalf("stored %d: %v", ack.Stored, err)
	}
	if ack, err := s.PublishBatchWhile(t.Context(), again, event()); ack.Stored != 1 || err != nil {
		t.Fatalf("stored %d: %v", ack.Stored, err)
	}
}
