package supervisor_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/natsapi"
)

// Until the broker's system account has been asked for the first time, a supervisor is
// starting and not degraded.
func TestStartingIsNotDegraded(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	stream, err := eventstream.Open(eventstream.Config{URL: r.startBroker().ClientURL()})
	must(t, err)
	t.Cleanup(func() { must(t, stream.Close(context.Background())) })
	connections := natsapi.NewAgentConnections(nil, nil, slog.New(slog.DiscardHandler))
	service, err := supervisor.New(supervisor.Config{Store: r.store, Stream: stream, Connections: connections})
	must(t, err)
	health, err := service.Health(t.Context(), api.Empty{})
	must(t, err)
	if check := health.Checks.AgentDeaths; check.Status != api.HealthOK || !strings.HasSuffix(check.Message, api.Starting) {
		t.Errorf("the check of agents' deaths: %+v", check)
	}
}
