package eventstream_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
)

// snapshotBroker starts a broker on a directory of its own.
func snapshotBroker(t *testing.T) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{Port: embedded.AnyPort, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Shutdown(context.Background()) })
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// meanwhile is a writer that calls a function when the first chunk arrives.
type meanwhile struct {
	io.Writer
	do func()
}

func (m *meanwhile) Write(b []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return m.Writer.Write(b)
}

// During a snapshot, messages are published and consumed that are not in it. The
// consumer in the snapshot must not count them, or it would skip as many new ones.
func TestASnapshotIsTakenWhileTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nc, js := snapshotBroker(t)
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	must(err)
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	must(err)
	publish := func(js jetstream.JetStream, from, to int) {
		noise := make([]byte, 128<<10) // incompressible, so that the window fills quickly
		for i := from; i < to; i++ {
			_, _ = rand.Read(noise)
			_, err := js.Publish(ctx, fmt.Sprintf("s.%d", i), noise)
			must(err)
		}
	}
	consume := func(consumer jetstream.Consumer, n int) (subjects []string) {
		for range n {
			msg, err := consumer.Next()
			must(err)
			must(msg.DoubleAck(ctx))
			subjects = append(subjects, msg.Subject())
		}
		return subjects
	}
	const before, during = 40, 5
	publish(js, 0, before)
	consume(consumer, before)

	var copied bytes.Buffer
	snapshot, err := eventstream.TakeSnapshot(ctx, nc, "S", &meanwhile{&copied, func() {
		publish(js, before, before+during)
		consume(consumer, during)
	}})
	must(err)

	nc, js = snapshotBroker(t)
	must(eventstream.RestoreSnapshot(ctx, nc, "S", snapshot, bytes.NewReader(copied.Bytes())))
	stream, err = js.Stream(ctx, "S")
	must(err)
	held := stream.CachedInfo().State
	if held.Msgs != before {
		t.Errorf("%d messages were restored, want %d", held.Msgs, before)
	}
	for seq := uint64(1); seq <= held.Msgs; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		must(err)
		if msg.Subject != fmt.Sprintf("s.%d", seq-1) {
			t.Errorf("message %d is %s", seq, msg.Subject)
		}
	}
	consumer, err = stream.Consumer(ctx, "c")
	must(err)
	publish(js, 100, 103)
	if got := strings.Join(consume(consumer, 3), " "); got != "s.100 s.101 s.102" {
		t.Errorf("the consumer got %s", got)
	}
}

func TestASnapshotThatCannotBe(t *testing.T) {
	t.Parallel()
	nc, js := snapshotBroker(t)
	if _, err := eventstream.TakeSnapshot(t.Context(), nc, "S", io.Discard); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("of a stream that is not there: %v", err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	snapshot, err := eventstream.TakeSnapshot(t.Context(), nc, "S", &copied)
	if err != nil {
		t.Fatal(err)
	}
	if err := eventstream.RestoreSnapshot(t.Context(), nc, "S", snapshot, bytes.NewReader(copied.Bytes())); err == nil {
		t.Error("a stream that exists was restored")
	}
	nc, _ = snapshotBroker(t)
	if err := eventstream.RestoreSnapshot(t.Context(), nc, "S", snapshot, bytes.NewReader(copied.Bytes()[:copied.Len()/2])); err == nil {
		t.Error("half a snapshot was restored")
	}
}
