package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Everything confirmed by a reply survives kill -9, and held missions return when
// their lease ends.
func TestKillAndStartAgain(t *testing.T) { everywhere(t, killAndStartAgain) }

func killAndStartAgain(t *testing.T, at *site) {
	p := at.start("--lease", "1s", "--heartbeat", "300ms")
	c := p.client()
	agent := c.Agent("mayfly")
	_, err := agent.Register(t.Context(), api.RegisterRequest{Name: "mayfly", Types: []string{"held"}, Capacity: 1})
	must(t, err)
	held, _, err := c.Create(t.Context(), api.MissionSpec{Name: "held", Type: "held"})
	must(t, err)
	if claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1}); err != nil || len(claimed.Missions) != 1 {
		t.Fatalf("%v %v", claimed, err)
	}

	var mu sync.Mutex
	var confirmed []string
	var creators sync.WaitGroup
	enough := make(chan struct{})
	for worker := range 4 {
		creators.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("w%d-%d", worker, i)
				if _, _, err := c.Create(t.Context(), api.MissionSpec{ID: id, Name: id}); err != nil {
					return // the supervisor is dead
				}
				mu.Lock()
				confirmed = append(confirmed, id)
				if len(confirmed) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	p.Kill()
	creators.Wait()

	p = at.start("--lease", "1s", "--heartbeat", "300ms")
	c = p.client()
	for _, id := range confirmed {
		if _, err := c.Get(t.Context(), id); err != nil {
			t.Fatalf("%s was confirmed: %v", id, err)
		}
	}
	// A waiting claim gets the held mission as soon as its lease ends.
	heir := c.Agent("heir")
	_, err = heir.Register(t.Context(), api.RegisterRequest{Name: "heir", Types: []string{"held"}, Capacity: 1})
	must(t, err)
	claimed, err := heir.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 20})
	must(t, err)
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != held.ID || claimed.Missions[0].Attempt != 2 {
		t.Fatalf("claimed: %+v", claimed.Missions)
	}
	p.stop()
}

func TestASecondSupervisorOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	_, stderr, code := run(t, []string{"SUPERVISOR_LISTEN=127.0.0.1:0", "SUPERVISOR_HTTP=off"}, binary, "serve", "--data-dir", dir)
	if code != 1 || strings.Count(strings.TrimSpace(stderr), "\n") != 0 || !strings.Contains(stderr, dir) {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
}

func TestATakenPortIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	taken := strings.TrimPrefix(p.Broker, "nats://")
	_, stderr, code := run(t, []string{"SUPERVISOR_HTTP=off"}, binary, "serve", "--data-dir", t.TempDir(), "--listen", taken)
	if code != 1 || !strings.Contains(stderr, "another process uses") || !strings.Contains(stderr, "--listen") || strings.Count(strings.TrimSpace(stderr), "\n") != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	taken = strings.TrimPrefix(p.HTTP, "http://")
	_, stderr, code = run(t, []string{"SUPERVISOR_LISTEN=127.0.0.1:0"}, binary, "serve", "--data-dir", t.TempDir(), "--http", taken)
	if code != 1 || !strings.Contains(stderr, "another process uses") || !strings.Contains(stderr, "--http") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
}

// Without any broker the process starts, says so, answers over HTTP, and connects
// when the broker starts. What happened before is then in the stream.
func TestStartWithoutABroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := freePort(t)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	p := start(t, filepath.Join(dir, "data"), "--server", url)
	reply, err := http.Post(p.HTTP+"/api/missions", "application/json", strings.NewReader(`{"name":"early","id":"early"}`))
	must(t, err)
	must(t, reply.Body.Close())
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("status %s", reply.Status)
	}
	if body := get(t, p.HTTP+"/api/supervisor/health"); !strings.Contains(body, `"status":"degraded"`) {
		t.Fatalf("health: %s", body)
	}
	broker, err := embedded.Start(t.Context(), embedded.Config{Port: port, StoreDir: filepath.Join(dir, "js")})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	p.Broker = url
	awaitEvent(t, url, "events.mission.created", "early")
	if !p.Logs.Await(func(logs string) bool { return strings.Contains(logs, "the broker is back") }, p.Exited, testTimeout) {
		t.Fatalf("it did not join:\n%s", p.Logs)
	}
	m, err := p.client().Get(t.Context(), "early")
	must(t, err)
	if m.Status != missions.Pending {
		t.Fatalf("%+v", m)
	}
	p.stop()
}

// SIGTERM under load: what was confirmed is still there afterwards, a parked claim
// is answered, and the events follow.
func TestAStopUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	c := p.client()
	agent := c.Agent("idle")
	_, err := agent.Register(t.Context(), api.RegisterRequest{Name: "idle", Types: []string{"none"}, Capacity: 1})
	must(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 60})
		if len(claimed.Missions) != 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the parked claim was answered with %+v, %v", claimed, err)
		}
	})
	confirmed := make(chan string, 1<<16)
	enough := make(chan struct{})
	var count atomic.Int64
	for worker := range 4 {
		work.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("w%d-%d", worker, i)
				if _, _, err := c.Create(t.Context(), api.MissionSpec{ID: id, Name: id}); err != nil {
					return // it is stopping
				}
				confirmed <- id
				if count.Add(1) == 200 {
					close(enough)
				}
			}
		})
	}
	<-enough
	p.stop()
	work.Wait()
	close(confirmed)

	p = start(t, dir)
	c = p.client()
	last := ""
	for id := range confirmed {
		if _, err := c.Get(t.Context(), id); err != nil {
			t.Fatalf("%s was confirmed: %v", id, err)
		}
		last = id
	}
	awaitEvent(t, p.Broker, "events.mission.created", last)
	p.stop()
}
