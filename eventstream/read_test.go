package eventstream_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// readAll reads five events while the proxy replaces a text, at most the given
// number of times.
func readAll(t *testing.T, text, by string, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), streamtest.Timeout)
	defer cancel()
	broker := openBroker(t).(*oneBroker)
	// A subscriber on the unused subject, so that requests to it get no "no
	// responders" status.
	nowhere, err := nats.Connect(broker.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nowhere.Close)
	if _, err := nowhere.Subscribe("$JS.API.CONSUMER.MSG.LOST.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := nowhere.Flush(); err != nil {
		t.Fatal(err)
	}
	cfg := broker.Config()
	cfg.DialTimeout = 500 * time.Millisecond
	s, err := eventstream.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	awaitConnected(ctx, t, s)
	for range 5 {
		if _, err := s.Publish(ctx, charter.New(charter.MissionCreated{}, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	broker.proxy.Replace(text, by, times)
	var got []uint64
	if err := s.Read(ctx, nil, eventstream.Range{Until: 9}, func(e eventstream.Stored) error {
		got = append(got, e.Seq)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []uint64{1, 2, 3, 4, 5}) {
		t.Errorf("it read %v", got)
	}
	if broker.proxy.Replaced() == 0 {
		t.Error("nothing was replaced")
	}
}

// While a cluster elects a leader, a reader's first request may be lost, and
// nothing arrives.
func TestAReadOutlivesALostRequest(t *testing.T) {
	t.Parallel()
	readAll(t, "$JS.API.CONSUMER.MSG.NEXT.", "$JS.API.CONSUMER.MSG.LOST.", 1)
}

// A consumer on a lagging replica sees fewer events than there are.
func TestAReadGoesOnWhereACopyLags(t *testing.T) {
	t.Parallel()
	readAll(t, `"num_pending":5`, `"num_pending":0`, 9)
}
