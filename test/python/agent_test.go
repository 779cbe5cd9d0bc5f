package python

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// create creates a mission.
func (s *supervisor) create(t testing.TB, spec api.MissionSpec) {
	t.Helper()
	_, _, err := s.client.Create(t.Context(), spec)
	must(t, err)
}

// ended waits for the end of a mission, and checks its status.
func (s *supervisor) ended(t testing.TB, id string, status missions.Status) missions.Mission {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	m, err := s.client.Wait(ctx, id)
	must(t, err)
	if m.Status != status {
		t.Fatalf("mission %s should be %s: %+v", id, status, m)
	}
	return m
}

// await waits until a condition holds.
func await(t testing.TB, what string, condition func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s does not happen", what)
		}
	}
}

// awaitState waits until an agent is in a state.
func (s *supervisor) awaitState(t testing.TB, id string, state missions.AgentState) {
	t.Helper()
	await(t, id+" being "+string(state), func(ctx context.Context) bool {
		agents, err := s.client.Agents(ctx, api.AgentsRequest{State: state})
		if err != nil {
			return false
		}
		for i := range agents.Agents {
			if agents.Agents[i].ID == id {
				return true
			}
		}
		return false
	})
}

// worker starts an agent for missions of the types job and endless.
func (s *supervisor) worker(t testing.TB, url, id string) *program {
	t.Helper()
	p := python(t, url, "tests/worker.py", id, "8")
	p.awaitPrinted("agent " + id + " works on missions")
	s.awaitState(t, id, missions.Online)
	return p
}

// An agent that is killed is noticed by the end of its connection: its lease lasts for
// longer than this test.
func TestAKilledAgentIsNoticed(t *testing.T) {
	t.Parallel()
	s := start(t, "--lease", "1h", "--heartbeat", "15m")
	for name, url := range map[string]string{"direct": s.HTTP, "nginx": startNginx(t, s.HTTP)} {
		t.Run(name, func(t *testing.T) {
			mayfly := s.worker(t, url, name+"-mayfly")
			s.create(t, api.MissionSpec{ID: name, Name: name, Type: "endless"})
			mayfly.awaitPrinted("began " + name)
			heir := s.worker(t, url, name+"-heir")
			mayfly.kill()
			s.awaitState(t, name+"-mayfly", missions.Offline)
			heir.awaitPrinted("began " + name + ", turn 2")
			heir.kill()
		})
	}
}

// A cancellation and a signal are pushed to a handler: heartbeats are too rare here to
// carry them within this test.
func TestAHandlerIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "--lease", "1h", "--heartbeat", "15m")
	for name, url := range map[string]string{"direct": s.HTTP, "nginx": startNginx(t, s.HTTP)} {
		t.Run(name, func(t *testing.T) {
			agent := s.worker(t, url, name+"-1")
			s.create(t, api.MissionSpec{ID: name, Name: name, Type: "endless"})
			agent.awaitPrinted("began " + name)
			_, err := s.client.Signal(t.Context(), api.SignalRequest{ID: name, Name: "faster", Data: json.RawMessage(`2`)})
			must(t, err)
			agent.awaitPrinted("signal faster 2")
			await(t, "the acknowledgement", func(ctx context.Context) bool {
				m, err := s.client.Get(ctx, name)
				return err == nil && m.Flow != nil && len(m.Signals) == 1 && m.Signals[0].SeenAt != 0
			})
			_, err = s.client.Cancel(t.Context(), name, "")
			must(t, err)
			agent.awaitPrinted("stopped " + name + ": the mission was cancelled")
			agent.signal(syscall.SIGTERM)
			if code := agent.code(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
		})
	}
}

// SIGTERM drains an agent: it finishes what it holds and leaves. A second signal ends it.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t)
	agent := s.worker(t, s.HTTP, "drains")
	s.create(t, api.MissionSpec{ID: "short", Name: "short", Type: "job", Data: json.RawMessage(`{"seconds":1}`)})
	agent.awaitPrinted("mission short (job): started")
	agent.signal(syscall.SIGTERM)
	if code := agent.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	s.ended(t, "short", missions.Completed)
	s.awaitState(t, "drains", missions.Offline)

	agent = s.worker(t, s.HTTP, "hurries")
	s.create(t, api.MissionSpec{ID: "endless", Name: "endless", Type: "endless"})
	agent.awaitPrinted("began endless")
	agent.signal(syscall.SIGINT)
	s.awaitState(t, "hurries", missions.Draining)
	agent.signal(syscall.SIGINT)
	if code := agent.code(); code != -1 {
		t.Fatalf("exit code %d, want the end by the signal", code)
	}
	s.awaitState(t, "hurries", missions.Offline)
}

// With tokens, an agent needs the one that has its id.
func TestTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.yaml")
	for _, id := range []string{"w1", "w2"} {
		if out, err := exec.Command(binary, "auth", "token", "agent", id, "--tokens", tokens).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s := start(t, "--tokens-file", tokens)
	const script = `import sys; from missioncontrol import Agent; Agent(id=sys.argv[1], token=sys.argv[2], handlers={"job": lambda task: 7}).run()`
	secret, err := os.ReadFile(filepath.Join(dir, "w1.token"))
	must(t, err)
	for token, said := range map[string]string{"": "Unauthorized", "wrong": "Unauthorized"} {
		refused := python(t, s.HTTP, "-c", script, "w1", token)
		if refused.code() == 0 || !strings.Contains(refused.output.String(), said) {
			t.Fatalf("with the token %q, the agent ended with %d", token, refused.code())
		}
	}
	if refused := python(t, s.HTTP, "-c", script, "w2", string(secret)); refused.code() == 0 || !strings.Contains(refused.output.String(), "Forbidden") {
		t.Fatalf("with another agent's token, the agent ended with %d", refused.code())
	}
	python(t, s.HTTP, "-c", script, "w1", string(secret))
	s.create(t, api.MissionSpec{ID: "m", Name: "m", Type: "job"})
	if m := s.ended(t, "m", missions.Completed); string(m.Result) != "7" || m.AgentID != "w1" {
		t.Fatalf("%+v", m)
	}
}
