package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"missioncontrol/supervisor/api"
)

// fillDisk takes all space of a file system, and returns the file that has it.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return path
}

// While the disk of the store is full, everything that reports how the supervisor is says
// that nothing can be stored. What was accepted is there afterwards, also after a crash.
func TestAFullDiskIsReportedEverywhere(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Logf("this user may not mount a small disk (%v); sqlitestore's tests inject the failure", err)
		return
	}
	t.Cleanup(func() { must(t, syscall.Unmount(disk, 0)) })
	dir := t.TempDir()
	p := start(t, dir, "--store", "sqlite:"+filepath.Join(disk, "missions.db"))
	c := p.client()
	data := json.RawMessage(`{"x":"` + strings.Repeat("x", 20<<10) + `"}`)
	var accepted []string
	create := func() error {
		id := fmt.Sprint("m", len(accepted))
		_, _, err := c.Create(t.Context(), api.MissionSpec{ID: id, Name: "m", Data: data})
		if err == nil {
			accepted = append(accepted, id)
		}
		return err
	}
	for range 10 {
		must(t, create())
	}

	ballast := fillDisk(t, disk)
	err := create()
	for err == nil { // the write-ahead log still has room
		err = create()
	}
	if !errors.Is(err, api.ErrUnavailable) || !strings.Contains(err.Error(), "the store's disk is full; nothing was done") {
		t.Errorf("create: %v", err)
	}
	reply, err := http.Post(p.HTTP+"/api/missions", "application/json", strings.NewReader(`{"name":"m","data":`+string(data)+`}`))
	must(t, err)
	_ = reply.Body.Close()
	if reply.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("create over HTTP: %s", reply.Status)
	}
	var health api.Health
	for health.Status != api.HealthError && t.Context().Err() == nil {
		if err := create(); err == nil { // small writes may still have found room
			continue
		}
		health, err = c.Health(t.Context())
		must(t, err)
	}
	if !strings.Contains(health.Checks.Store.Message, "nothing can be stored: the store's disk is full") {
		t.Errorf("health: %+v", health)
	}
	if status := statusOf(t, p.HTTP+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", status)
	}
	if stdout, stderr, code := run(t, nil, binary, "doctor", "--server", p.Broker); code != 1 || !strings.Contains(stdout, "nothing can be stored") {
		t.Errorf("doctor: exit code %d: %s%s", code, stdout, stderr)
	}
	if _, err := c.Get(t.Context(), accepted[0]); err != nil {
		t.Errorf("reading: %v", err)
	}

	must(t, os.Remove(ballast))
	for health.Status == api.HealthError && t.Context().Err() == nil {
		health, err = c.Health(t.Context())
		must(t, err)
	}
	if status := statusOf(t, p.HTTP+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz with room again: %d", status)
	}
	must(t, create())
	p.Kill()
	p = start(t, dir, "--store", "sqlite:"+filepath.Join(disk, "missions.db"))
	for _, id := range accepted {
		if _, err := p.client().Get(t.Context(), id); err != nil {
			t.Errorf("accepted and then lost: %s: %v", id, err)
		}
	}
	if status, err := p.client().Status(t.Context()); err != nil || status.TotalMissions != int64(len(accepted)) {
		t.Errorf("%d missions, %v; %d were accepted", status.TotalMissions, err, len(accepted))
	}
	p.stop()
}
