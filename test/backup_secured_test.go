package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/tlstest"
)

// The backup of a supervisor with users and TLS needs the place of the data only, or its
// configuration file, whatever other supervisors there are. What it makes passes the
// restore drill of docs/OPERATIONS.md.
func TestBackupOfASecuredSupervisor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	start(t, in("other")) // must not be asked
	auth(t, "add", "operator", "ann", "--users", in("users.yaml"))
	authority := tlstest.New(t)
	pair := authority.Server()
	config := in("mc.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "data_dir: %s\nusers_file: %s\nlisten_tls_cert: %s\nlisten_tls_key: %s\n",
		in("data"), in("users.yaml"), pair.Cert, pair.Key), 0o600))
	p := start(t, in("data"), "--config", config)

	for range 3 {
		backUp(t, in("copies"), "--keep", "2", "--config", config)
	}
	if copies, err := filepath.Glob(in("copies/*")); err != nil || len(copies) > 2 || len(copies) == 0 {
		t.Errorf("there are %v: %v", copies, err)
	}
	backUp(t, in("copy"), "--data-dir", in("data"))
	if _, err := os.Stat(in("data/broker.json")); err != nil {
		t.Error(err)
	}
	p.stop()
	if _, err := os.Stat(in("data/broker.json")); err == nil {
		t.Error("the supervisor has stopped, and left how to reach it")
	}
}

func backUp(t *testing.T, args ...string) {
	t.Helper()
	if stdout, stderr, code := run(t, []string{"NATS_URL=", "NATS_CONTEXT="}, binary, append([]string{"backup"}, args...)...); code != 0 || stderr != "" {
		t.Fatalf("backup %v: exit code %d: %s%s", args, code, stdout, stderr)
	}
}

// Where the supervisor has left nothing, the address is that of the configuration file.
func TestBackupAsksAtTheListenOfTheConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p := start(t, in("data"))
	must(t, os.Remove(in("data/broker.json")))
	config := in("mc.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "data_dir: %s\nlisten: %s\n", in("data"), strings.TrimPrefix(p.Broker, "nats://")), 0o600))
	backUp(t, in("copy"), "--config", config)
}

// The restore drill of docs/OPERATIONS.md: a supervisor of its own runs on what was
// restored, beside the one that the backup is of.
func TestTheRestoreDrill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p := start(t, in("data"))
	_, _, err := p.client().Create(t.Context(), api.MissionSpec{ID: "kept", Name: "kept"})
	must(t, err)
	backUp(t, in("copies"), "--keep", "2", "--data-dir", in("data"))
	copies, err := filepath.Glob(in("copies/*Z"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("there are %v: %v", copies, err)
	}
	if stdout, stderr, code := run(t, nil, binary, "restore", copies[0], "--data-dir", in("drill")); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	drill := start(t, in("drill"))
	if stdout, stderr, code := run(t, nil, binary, "health", "--server", drill.Broker); code != 0 {
		t.Errorf("health: exit code %d: %s%s", code, stdout, stderr)
	}
	m, err := drill.client().Get(t.Context(), "kept")
	if err != nil || m.Status != missions.Pending {
		t.Errorf("the mission is %+v: %v", m, err)
	}
	drill.stop()
	if _, err := p.client().Get(t.Context(), "kept"); err != nil {
		t.Errorf("the supervisor of the backup: %v", err)
	}
}
