package browser

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/fatal"
	"missioncontrol/test/process"
)

var must = fatal.If

// supervisor is a running supervisor.
type supervisor struct {
	*process.Supervisor
	t *testing.T
}

// start runs a supervisor and waits for its banner. Its leases are longer than a busy machine
// keeps an agent from its heartbeats.
func start(t *testing.T, args ...string) *supervisor {
	t.Helper()
	s, err := process.Start(t.Context(), binary, append([]string{"--data-dir", t.TempDir(), "--lease", "2m"}, args...)...)
	must(t, err)
	t.Cleanup(s.Kill)
	return &supervisor{s, t}
}

func (s *supervisor) connect(name string) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.Broker, nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

func (s *supervisor) client() *client.Client { return client.New(s.connect("test")) }

// works runs an agent until the test ends.
func (s *supervisor) works(cfg agent.Config) {
	s.t.Helper()
	nc := s.connect(api.ConnectionName(cfg.ID))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = agent.Run(s.t.Context(), nc, cfg) // it ends with the test
	}()
	s.t.Cleanup(func() { <-done })
}

// post creates missions from a request body, over HTTP.
func (s *supervisor) post(body string) {
	s.t.Helper()
	reply, err := http.Post(s.HTTP+"/api/missions", "application/json", strings.NewReader(body))
	must(s.t, err)
	text, err := io.ReadAll(reply.Body)
	must(s.t, err)
	must(s.t, reply.Body.Close())
	if reply.StatusCode != http.StatusOK || strings.Contains(string(text), `"error":{`) {
		s.t.Fatal(fmt.Sprint(reply.StatusCode, " ", string(text)))
	}
}
