package python

import (
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (s *supervisor) signal(t *testing.T, id, name, data string) {
	t.Helper()
	_, err := s.client.Signal(t.Context(), api.SignalRequest{ID: id, Name: name, Data: json.RawMessage(data)})
	must(t, err)
}

// awaitQuestion waits until a mission waits for a signal, and returns the prompt.
func (s *supervisor) awaitQuestion(t *testing.T, id string) (prompt string) {
	t.Helper()
	await(t, id+" asking", func(ctx context.Context) bool {
		m, err := s.client.Get(ctx, id)
		if err != nil || m.Flow == nil || len(m.WaitingFor) == 0 {
			return false
		}
		prompt = m.WaitingFor[0].Prompt
		return true
	})
	return prompt
}

func TestExampleOfWork(t *testing.T) {
	t.Parallel()
	s := start(t)
	python(t, s.HTTP, "examples/work.py")
	texts := python(t, s.HTTP, "examples/work.py", "one two three", "flaky", "")
	if code := texts.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, line := range []string{"one two three: COMPLETED {'words': 3}", "flaky: COMPLETED {'words': 1}", "nothing: COMPLETED {'words': 0}"} {
		if !strings.Contains(texts.output.String(), line) {
			t.Errorf("it did not print %s", line)
		}
	}
	s.create(t, api.MissionSpec{ID: "hopeless", Name: "hopeless", Type: "count-words", Data: json.RawMessage(`{"text":7}`)})
	if m := s.ended(t, "hopeless", missions.Failed); m.Attempt != 1 || m.Error != "data.text is not a string" {
		t.Fatalf("%+v", m)
	}
}

func TestExampleOfAnApproval(t *testing.T) {
	t.Parallel()
	s := start(t)
	agent := python(t, s.HTTP, "examples/approval.py")
	for id, answer := range map[string]string{"on": "yes", "off": "no"} {
		s.create(t, api.MissionSpec{ID: id, Name: id, Type: "deploy", Data: json.RawMessage(`{"version":"1.2"}`)})
		if prompt := s.awaitQuestion(t, id); prompt != "Deploy 1.2 to production?" {
			t.Fatalf("it asks %q", prompt)
		}
		s.signal(t, id, "approved", `"`+answer+`"`)
		m := s.ended(t, id, missions.Completed)
		want := `{"deployed":"1.2"}`
		if answer == "no" {
			want = `{"deployed":null,"because":"somebody said no"}`
		}
		if string(m.Result) != want || m.Attempt != 1 || m.Turn != 2 || m.Signals[0].SeenAt == 0 {
			t.Fatalf("%s after %d turns, %d attempts: %+v", m.Result, m.Turn, m.Attempt, m.Flow)
		}
	}
	agent.signal(syscall.SIGTERM)
	if code := agent.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// The coding agent is killed on its way; another one goes on from its checkpoint, is
// steered, asks, and is answered. What it has spent is the sum of both.
func TestExampleOfACodingAgent(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := python(t, s.HTTP, "examples/coding_agent.py")
	s.create(t, api.MissionSpec{ID: "fix", Name: "fix", Type: "code", Data: json.RawMessage(`{"task":"fix it","seconds_per_step":0.3}`)})
	await(t, "a checkpoint", func(ctx context.Context) bool {
		m, err := s.client.Get(ctx, "fix")
		return err == nil && len(m.Checkpoint) > len("null")
	})
	first.kill()
	s.signal(t, "fix", "steer", `"keep the old interface"`)
	python(t, s.HTTP, "examples/coding_agent.py")
	if prompt := s.awaitQuestion(t, "fix"); prompt != "Merge the change?" {
		t.Fatalf("it asks %q", prompt)
	}
	s.signal(t, "fix", "merge", `"yes"`)
	m := s.ended(t, "fix", missions.Completed)
	var result struct {
		Merged  bool
		Steps   int
		Steered []string
	}
	must(t, json.Unmarshal(m.Result, &result))
	if !result.Merged || result.Steps < 5 || len(result.Steered) != 1 || m.Flow.Usage["tokens"] < 350*float64(result.Steps) {
		t.Fatalf("%s, used %v", m.Result, m.Flow.Usage)
	}
}

// The agent on bare sockets works, is noticed when it is killed, and ends when its broker
// does.
func TestAnAgentOnBareSockets(t *testing.T) {
	t.Parallel()
	s := start(t, "--lease", "1h", "--heartbeat", "200ms")
	agent := python(t, s.Broker, "../../docs/examples/agent.py", "bare")
	for text, want := range map[string]string{`"hällo"`: `"HÄLLO"`, `7`: ``} {
		id := "text-" + map[bool]string{true: "good", false: "bad"}[want != ""]
		s.create(t, api.MissionSpec{ID: id, Name: id, Type: "upper", Data: json.RawMessage(`{"text":` + text + `}`)})
		if want == "" {
			s.ended(t, id, missions.Failed)
		} else if m := s.ended(t, id, missions.Completed); string(m.Result) != want {
			t.Fatalf("%s", m.Result)
		}
	}
	agent.kill()
	s.awaitState(t, "bare", missions.Offline)
	agent = python(t, s.Broker, "../../docs/examples/agent.py", "bare")
	agent.awaitPrinted("is waiting for missions")
	s.Kill()
	if code := agent.code(); code != 1 {
		t.Fatalf("exit code %d", code)
	}
}
