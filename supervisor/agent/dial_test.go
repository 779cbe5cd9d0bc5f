package agent_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// What an agent needs of its connection, no option can take away; the rest is the caller's.
func TestDialMakesAConnectionThatCannotBeWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nc, err := agent.Dial(b.url, "w1", nats.Name("mine"), nats.NoReconnect(), nats.MaxReconnects(2), nats.ReconnectWait(time.Hour),
		nats.ReconnectJitter(time.Hour, time.Hour), nats.CustomReconnectDelay(func(int) time.Duration { return time.Hour }),
		nats.PingInterval(time.Hour), nats.NoEcho())
	must(t, err)
	t.Cleanup(nc.Close)
	o := &nc.Opts
	if o.Name != "agent:w1" || !o.AllowReconnect || o.MaxReconnect != -1 || !o.IgnoreAuthErrorAbort || o.InboxPrefix != "_INBOX.w1" || o.CustomReconnectDelayCB != nil {
		t.Errorf("%+v", o)
	}
	const most = 250 * time.Millisecond
	if o.ReconnectWait+o.ReconnectJitter > most || o.ReconnectWait+o.ReconnectJitterTLS > most {
		t.Errorf("it waits %s and up to %s or %s more", o.ReconnectWait, o.ReconnectJitter, o.ReconnectJitterTLS)
	}
	if o.PingInterval != time.Hour || !o.NoEcho {
		t.Errorf("the caller's options are gone: %+v", o)
	}
	other, err := agent.Dial(b.url, "w2", nats.CustomInboxPrefix("_INBOX_of_w2"))
	must(t, err)
	t.Cleanup(other.Close)
	if other.Opts.InboxPrefix != "_INBOX_of_w2" {
		t.Errorf("the inbox is %s", other.Opts.InboxPrefix)
	}
}

// Dial returns a connection to a broker that is not there yet, and an agent on it works when
// the broker is.
func TestDialWaitsForTheBroker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
	proxy.SetTarget("127.0.0.1:1") // nobody listens there
	nc, err := agent.Dial(proxy.URL(), "w1")
	must(t, err)
	t.Cleanup(nc.Close)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, nc, agent.Config{ID: "w1", Types: []string{"default"}, Logger: quiet,
			Handler: func(context.Context, *agent.Task) (any, error) { return "done", nil }})
	}()
	id := b.create(t, api.MissionSpec{Name: "waits"}).ID
	proxy.SetTarget(strings.TrimPrefix(b.url, "nats://"))
	if m := b.wait(t, id); m.Status != missions.Completed {
		t.Errorf("%+v", m)
	}
	stop()
	must(t, <-ended)
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, id, want string }{
		{"nats://127.0.0.1:4222", "not an id", "agent id"},
		{"nats://127.0.0.1:4222", "", "agent id"},
		{"", "w1", "url: the URL of a broker is missing"},
		{"nats://127.0.0.1:4222,", "w1", "url: the URL of a broker is missing"},
		{"http://me:secret@127.0.0.1:8080", "w1", `url: "http" is not a scheme`},
		{"nats://127.0.0.1:port", "w1", "port"},
	} {
		nc, err := agent.Dial(c.url, c.id)
		if err == nil {
			nc.Close()
			t.Errorf("%s as %q: no error", c.url, c.id)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s as %q: %v", c.url, c.id, err)
		}
	}
}

// A broker that refuses the sign-in when the agent first connects is an error, not a wait.
func TestDialReturnsTheBrokersRefusal(t *testing.T) {
	t.Parallel()
	guarded, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: quiet, Access: &embedded.Access{}})
	must(t, err)
	t.Cleanup(func() { must(t, guarded.Shutdown(context.Background())) })
	if _, err := agent.Dial(guarded.ClientURL(), "w1"); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("Dial returned %v", err)
	}
	err = agent.ConnectAndRun(t.Context(), guarded.ClientURL(), agent.Config{ID: "w1", Types: []string{"default"}, Logger: quiet,
		Handler: func(context.Context, *agent.Task) (any, error) { return nil, nil }})
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("ConnectAndRun returned %v", err)
	}
}
