package agent_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/output"
)

// A client that may follow events can make JetStream push them to an agent's command
// subject. The agent ignores them.
func TestEventsAreNoCommands(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	log := &output.Buffer{}
	nc := connect(t, b.url)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, nc, agent.Config{ID: "w1", Types: []string{"x"}, Logger: slog.New(slog.NewTextHandler(log, nil)),
			Handler: func(context.Context, *agent.Task) (any, error) { return nil, nil }})
	}()
	t.Cleanup(func() { cancel(); must(t, <-ended) })
	for range 3 {
		b.create(t, api.MissionSpec{Name: "m", Type: "x"})
	}
	m := b.create(t, api.MissionSpec{Name: "last", Type: "x"})
	b.wait(t, m.ID) // the agent is subscribed

	attacker := connect(t, b.url)
	const config = `{"stream_name":"EVENTS","config":{"name":"p","deliver_subject":"supervisor.agent.w1.commands",` +
		`"ack_policy":"none","deliver_policy":"all","replay_policy":"instant","max_deliver":-1}}`
	reply, err := attacker.Request("$JS.API.CONSUMER.CREATE.EVENTS.p", []byte(config), 10*time.Second)
	must(t, err)
	if strings.Contains(string(reply.Data), `"error"`) {
		t.Fatalf("the consumer was refused: %s", reply.Data)
	}
	for { // until all has been pushed
		reply, err := attacker.Request("$JS.API.CONSUMER.INFO.EVENTS.p", nil, 10*time.Second)
		must(t, err)
		var info struct {
			NumPending int `json:"num_pending"`
			Delivered  struct {
				StreamSeq int `json:"stream_seq"`
			} `json:"delivered"`
		}
		must(t, json.Unmarshal(reply.Data, &info))
		if info.NumPending == 0 && info.Delivered.StreamSeq >= 4 {
			break
		}
	}
	must(t, attacker.Publish("supervisor.agent.w1.commands", []byte(`{"command":"the end"}`)))
	must(t, attacker.Flush())
	if !log.Await(func(said string) bool { return strings.Contains(said, "the end") }, nil, 20*time.Second) {
		t.Fatal("the agent receives no commands")
	}
	if log.Count("an unknown command") != 1 || log.Count("cannot decode") != 0 {
		t.Errorf("the agent took events for commands:\n%s", log)
	}
}
