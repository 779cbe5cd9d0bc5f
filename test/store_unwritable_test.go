package test

import (
	"net/http"
	"strings"
	"testing"

	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/supervisor/api"
)

// While Redis has no memory left, everything that reports how the supervisor is says
// that nothing can be stored, and the command line says once what became of a mission.
func TestAFullRedisIsReportedEverywhere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	p := start(t, t.TempDir(), "--store", server.URL())
	c := p.client()
	_, _, err := c.Create(t.Context(), api.MissionSpec{ID: "before", Name: "m"})
	must(t, err)
	must(t, admin.ConfigSet(t.Context(), "maxmemory", "1mb").Err())

	_, stderr, code := run(t, nil, binary, "missions", "create", "m", "--id", "m", "--server", p.Broker)
	if code != 1 || stderr != "supervisor: mission m was not created: the store's memory is full; nothing was done\n" {
		t.Errorf("create: exit code %d: %s", code, stderr)
	}
	var health api.Health
	for health.Status != api.HealthError && t.Context().Err() == nil {
		health, err = c.Health(t.Context())
		must(t, err)
	}
	if !strings.Contains(health.Checks.Store.Message, "nothing can be stored: the store's memory is full") {
		t.Errorf("health: %+v", health)
	}
	if status := statusOf(t, p.HTTP+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", status)
	}
	if stdout, stderr, code := run(t, nil, binary, "doctor", "--server", p.Broker); code != 1 || !strings.Contains(stdout, "nothing can be stored") {
		t.Errorf("doctor: exit code %d: %s%s", code, stdout, stderr)
	}
	if _, err := c.Get(t.Context(), "before"); err != nil {
		t.Errorf("reading: %v", err)
	}

	must(t, admin.ConfigSet(t.Context(), "maxmemory", "0").Err())
	for health.Status == api.HealthError && t.Context().Err() == nil {
		health, err = c.Health(t.Context())
		must(t, err)
	}
	if status := statusOf(t, p.HTTP+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz with room again: %d", status)
	}
	for _, said := range []string{"the store cannot be written", "the store can be written again"} {
		if strings.Count(p.Logs.String(), said) != 1 {
			t.Errorf("the log does not say once that %s:\n%s", said, p.Logs)
		}
	}
	p.stop()
}
