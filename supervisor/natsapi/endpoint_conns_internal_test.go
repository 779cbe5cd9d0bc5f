package natsapi

import (
	"testing"

	"missioncontrol/supervisor"
)

// A flood of large requests is on another connection than health and heartbeats, and
// these two do not share one, either.
func TestWhatHasToGetThroughHasAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	on := map[string]connKind{}
	for _, ep := range endpoints(&supervisor.Service{}) {
		on[ep.Name] = ep.conn
	}
	if on["health"] == on["agent-heartbeat"] {
		t.Error("health shares a connection with the heartbeats")
	}
	for _, large := range []string{"missions-create", "missions-get", "missions-list", "missions-log", "missions-wait", "missions-wait_many", "agents",
		"agent-claim", "agent-complete", "agent-fail", "agent-release", "agent-log"} {
		for _, small := range []string{"health", "status", "agent-heartbeat", "agent-register", "agent-leave"} {
			if _, there := on[large]; !there || on[large] == on[small] {
				t.Errorf("%s shares a connection with %s", small, large)
			}
		}
	}
}
