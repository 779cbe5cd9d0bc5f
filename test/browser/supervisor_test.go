package browser

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// supervisor is a running supervisor.
type supervisor struct {
	t      *testing.T
	cmd    *exec.Cmd
	broker string
	http   string
	exited chan struct{}
}

var addresses = regexp.MustCompile(`(nats|http)://[0-9.:]+`)

// start runs a supervisor and waits for its banner.
func start(t *testing.T, args ...string) *supervisor {
	t.Helper()
	s := &supervisor{t: t, exited: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"serve", "--data-dir", t.TempDir()}, args...)...)
	s.cmd.Env = append(os.Environ(), "SUPERVISOR_LISTEN=127.0.0.1:0", "NATS_URL=", "NATS_CONTEXT=")
	if !strings.Contains(strings.Join(args, " "), "--http") {
		s.cmd.Env = append(s.cmd.Env, "SUPERVISOR_HTTP=127.0.0.1:0")
	}
	stdout, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	t.Cleanup(s.kill)
	ready := make(chan struct{})
	go func() {
		defer close(s.exited)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			for _, found := range addresses.FindAllString(lines.Text(), -1) {
				if strings.HasPrefix(found, "nats") && s.broker == "" {
					s.broker = found
				}
				if strings.HasPrefix(found, "http") && s.http == "" {
					s.http = found
				}
			}
			if strings.Contains(lines.Text(), "Ctrl-C") {
				close(ready)
			}
		}
		_ = s.cmd.Wait()
	}()
	select {
	case <-ready:
	case <-s.exited:
		t.Fatal("the supervisor ended")
	case <-time.After(testTimeout):
		t.Fatal("the supervisor does not start")
	}
	return s
}

func (s *supervisor) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

func (s *supervisor) connect(name string) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.broker, nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
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
	reply, err := http.Post(s.http+"/api/missions", "application/json", strings.NewReader(body))
	must(s.t, err)
	text, err := io.ReadAll(reply.Body)
	must(s.t, err)
	must(s.t, reply.Body.Close())
	if reply.StatusCode != http.StatusOK || strings.Contains(string(text), `"error":{`) {
		s.t.Fatal(fmt.Sprint(reply.StatusCode, " ", string(text)))
	}
}
