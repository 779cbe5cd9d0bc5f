package test

import (
	"strings"
	"testing"

	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/supervisor/api"
)

// A supervisor whose Redis user lacks permissions fails to start, with one line
// that says how to grant them.
func TestAStartIsRefusedWithTheACLThatItTakes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	must(t, server.Client().Do(t.Context(), "ACL", "SETUSER", "mc", "on", ">PASSWORD", "~{mc:*", "+@all", "-xadd").Err())
	_, stderr, code := run(t, []string{"SUPERVISOR_STORE=redis://mc:PASSWORD@" + server.Addr}, binary, "serve", "--data-dir", t.TempDir(),
		"--listen", "127.0.0.1:0", "--http", "off")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "ACL SETUSER mc +xadd") || strings.Contains(stderr, "PASSWORD") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// If it loses a permission while it runs, health says which, and it resumes when
// the permission is granted again.
func TestARunningSupervisorIsDeniedItsStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "mc", "on", ">PASSWORD", "~{mc:*", "+@all").Err())
	p := start(t, t.TempDir(), "--store", "redis://mc:PASSWORD@"+server.Addr)
	c := p.client()
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "mc", "-@write").Err())
	if _, _, err := c.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m"}); err == nil || !strings.Contains(err.Error(), "a permission") {
		t.Errorf("a mission that cannot be stored: %v", err)
	}
	health, err := c.Health(t.Context())
	must(t, err)
	if health.Status != api.HealthError || !strings.Contains(health.Checks.Store.Message, "ACL SETUSER mc +set ") {
		t.Errorf("health: %+v", health)
	}
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "mc", "+@write").Err())
	for health.Status == api.HealthError && t.Context().Err() == nil {
		health, err = c.Health(t.Context())
		must(t, err)
	}
	_, created, err := c.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m"})
	if err != nil || !created {
		t.Errorf("created is %t, error is %v", created, err)
	}
	if strings.Contains(p.Logs.String(), "PASSWORD") {
		t.Errorf("the log holds the password:\n%s", p.Logs)
	}
	p.stop()
}
