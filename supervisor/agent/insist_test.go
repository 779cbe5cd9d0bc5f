package agent_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// shaky answers an agent's requests in place of a supervisor. The first request of each kind
// that may be repeated gets no answer that says what became of it.
type shaky struct {
	t  *testing.T
	nc *nats.Conn

	mu   sync.Mutex
	sent map[string][]string // bodies by verb
}

func newShaky(t *testing.T) (*shaky, string) {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	s := &shaky{t: t, nc: connect(t, broker.ClientURL()), sent: map[string][]string{}}
	return s, broker.ClientURL()
}

// answer answers a verb: first with an error, if there is one, and then with reply.
func (s *shaky) answer(verb, first, reply string) {
	s.t.Helper()
	_, err := s.nc.Subscribe(api.AgentSubject("w1", verb), func(m *nats.Msg) {
		s.mu.Lock()
		n := len(s.sent[verb])
		s.sent[verb] = append(s.sent[verb], string(m.Data))
		s.mu.Unlock()
		switch {
		case n == 0 && first != "":
			refusal := nats.NewMsg(m.Reply)
			refusal.Header.Set(api.HeaderErrorCode, "503")
			refusal.Data = []byte(`{"error":` + first + `}`)
			_ = s.nc.PublishMsg(refusal)
		case verb == api.OpClaim.Verb && n > 0: // the others wait
		default:
			_ = m.Respond([]byte(reply))
		}
	})
	must(s.t, err)
	must(s.t, s.nc.Flush())
}

func (s *shaky) requests(verb string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sent[verb]...)
}

// What may have been done is sent again, unchanged: children keep their ids, and usage that
// is refused does not stand in the way of the outcome.
func TestRequestsWithoutAnAnswerAreSentAgain(t *testing.T) {
	t.Parallel()
	s, url := newShaky(t)
	const mission = `"name":"n","type":"t","data":{},"priority":"NORMAL","status":"RUNNING","tags":[],"max_attempts":1,"attempt":1,"lease":1,"created_at":1,"updated_at":1`
	const unknown = `{"code":"unavailable","message":"the outcome is unknown"}`
	s.answer("register", "", `{"heartbeat_seconds":5,"lease_seconds":15}`)
	s.answer("heartbeat", "", `{"cancel":[],"lost":[]}`)
	s.answer("claim", "", `{"missions":[{"id":"m",`+mission+`,"trimmed":["inputs"],"inputs":{"a":{"status":"COMPLETED","result":null}}}]}`)
	s.answer("leave", "", `{}`)
	s.answer("progress", unknown, `{}`)
	s.answer("create", unknown, `{"results":[{"mission":{"id":"c1",`+mission+`},"created":false},{"mission":{"id":"c2",`+mission+`},"created":true}]}`)
	s.answer("inputs", unknown, `{"source":"a","status":"COMPLETED","result":[1]}`)
	s.answer("complete", `{"code":"too_large","message":"usage has more than 8 units","field":"usage"}`, `{"mission":{"id":"m",`+mission+`}}`)
	ended := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	nc := connect(t, url)
	go func() {
		done <- agent.Run(ctx, nc, agent.Config{ID: "w1", Types: []string{"t"}, Logger: quiet, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
			must(t, task.Checkpoint(place{1}))
			_, err := task.Create(ctx, api.MissionSpec{Name: "c1"}, api.MissionSpec{ID: "c2", Name: "c2"})
			must(t, err)
			input, err := task.Input(ctx, "a")
			must(t, err)
			ended <- string(input.Result)
			return nil, task.Usage("usd", 1)
		}})
	}()
	if got := <-ended; got != "[1]" {
		t.Errorf("the input is %s", got)
	}
	cancel()
	must(t, <-done)
	for verb, body := range map[string]string{"progress": `{"mission_id":"m","lease":1,"checkpoint":{"step":1}}`, "create": "", "inputs": `{"mission_id":"m","lease":1,"source":"a"}`} {
		sent := s.requests(verb)
		if len(sent) != 2 || sent[0] != sent[1] || body != "" && sent[0] != body {
			t.Errorf("%s: %q", verb, sent)
		}
	}
	var children api.ChildrenRequest
	must(t, json.Unmarshal([]byte(s.requests("create")[0]), &children))
	if len(children.Missions) != 2 || children.Missions[0].ID == "" || children.Missions[1].ID != "c2" {
		t.Errorf("%+v", children)
	}
	if sent := s.requests("complete"); len(sent) != 2 || sent[1] != `{"mission_id":"m","lease":1,"brief":true}` {
		t.Errorf("complete: %q", sent)
	}
}
