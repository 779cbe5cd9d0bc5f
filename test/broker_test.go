package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

func freePort(t *testing.T) int {
	t.Helper()
	return streamtest.FreePorts(t, 1)[0]
}

func get(t *testing.T, url string) string {
	t.Helper()
	return getWith(t, url, "")
}

// getWith sends an Authorization header.
func getWith(t *testing.T, url, authorization string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	request.Header.Set("Authorization", authorization)
	reply, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { must(t, reply.Body.Close()) }()
	body, err := io.ReadAll(reply.Body)
	must(t, err)
	return string(body)
}

// awaitEvent waits until an event about a mission is in the stream.
func awaitEvent(t *testing.T, url, subject, missionID string) {
	t.Helper()
	awaitPayload(t, url, subject, `"`+missionID+`"`)
}

// awaitPayload waits until the stream has an event that contains all of the given
// texts.
func awaitPayload(t testing.TB, url, subject string, says ...string) {
	t.Helper()
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	var consumer jetstream.Consumer
	eventually.Holds(t, func() bool { // the stream may not exist yet
		consumer, err = js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
		return err == nil
	}, func() string { return fmt.Sprintf("the stream does not appear: %v", err) })
	messages, err := consumer.Messages()
	must(t, err)
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		must(t, err)
		e, err := charter.Decode(msg.Data())
		must(t, err)
		missing := func(text string) bool { return !strings.Contains(string(e.Payload), text) }
		if !slices.ContainsFunc(says, missing) {
			return
		}
	}
}

// Without JetStream every request is answered, health says why it is degraded,
// telemetry is dropped and counted, and durable events arrive once JetStream is
// available.
func TestABrokerWithoutJetStream(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	broker := streamtest.StartBroker(t, port, "")
	url := broker.ClientURL()
	p := start(t, t.TempDir(), "--server", url)
	c := p.client()
	created, _, err := c.Create(t.Context(), api.MissionSpec{Name: "patient"})
	must(t, err)
	_, err = c.Status(t.Context())
	must(t, err)
	health, err := c.Health(t.Context())
	must(t, err)
	stream := health.Checks.EventStream
	if health.Status != api.HealthDegraded || !strings.Contains(stream.Message, "JetStream") || stream.Dropped == 0 || stream.Waiting == 0 {
		t.Fatalf("health: %+v", health)
	}
	broker.Shutdown()
	broker.WaitForShutdown()
	streamtest.StartBroker(t, port, filepath.Join(t.TempDir(), "js"))
	awaitEvent(t, url, "events.mission.created", created.ID)
	p.stop()
}

// A stream that covers supervisor.> would answer requests with acknowledgements.
// The supervisor reports it, and our client prints what it received.
func TestAForeignStreamIsNamed(t *testing.T) {
	t.Parallel()
	broker := streamtest.StartBroker(t, freePort(t), t.TempDir())
	nc, err := nats.Connect(broker.ClientURL())
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GREEDY", Subjects: []string{"supervisor.>"}})
	must(t, err)
	p := start(t, t.TempDir(), "--server", broker.ClientURL())
	if !p.Logs.Await(func(logs string) bool { return strings.Contains(logs, "GREEDY") }, p.Exited, testTimeout) {
		t.Fatalf("the log does not name the stream:\n%s", p.Logs)
	}
}
