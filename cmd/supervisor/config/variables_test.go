package config_test

import (
	"maps"
	"testing"

	"missioncontrol/cmd/supervisor/config"
)

// What Kubernetes sets for a service of the name supervisor is no mistake, and neither is what clients over HTTP read.
func TestVariablesThatAreNoSettingsAreFound(t *testing.T) {
	t.Parallel()
	got := config.UnknownVariables([]string{
		"SUPERVISOR_LEASE=10s", "SUPERVISOR_LEESE=10s", "SUPERVISOR_DATADIR=/data", "SUPERVISOR_ZZZZ=1", "SUPERVISOR_STOER=", "PATH=/bin",
		"SUPERVISOR_PORT=tcp://10.0.0.1:4222", "SUPERVISOR_PORT_4222_TCP_ADDR=10.0.0.1", "SUPERVISOR_SERVICE_HOST=10.0.0.1",
		"SUPERVISOR_URL=http://10.0.0.1:8080", "SUPERVISOR_CA_FILE=ca.pem",
	})
	want := map[string]string{"SUPERVISOR_LEESE": "SUPERVISOR_LEASE", "SUPERVISOR_DATADIR": "SUPERVISOR_DATA_DIR", "SUPERVISOR_ZZZZ": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
