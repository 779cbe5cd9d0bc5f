package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/output"
)

// An agent whose connection gives up warns of it, and when it has given up, Run ends its
// handlers and says why it returns.
func TestAnAgentWhoseConnectionIsClosedForGoodEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
	nc, err := nats.Connect(proxy.URL(), nats.MaxReconnects(1), nats.ReconnectWait(time.Millisecond))
	must(t, err)
	t.Cleanup(nc.Close)
	log := &output.Buffer{}
	started, cause, ended := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() {
		ended <- agent.Run(t.Context(), nc, agent.Config{ID: "w1", Types: []string{"default"}, Logger: slog.New(slog.NewTextHandler(log, nil)),
			Handler: func(ctx context.Context, _ *agent.Task) (any, error) {
				close(started)
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return nil, ctx.Err()
			}})
	}()
	b.create(t, api.MissionSpec{Name: "m"})
	<-started
	proxy.Close()
	if err := <-ended; !errors.Is(err, agent.ErrDisconnected) {
		t.Errorf("Run returned %v", err)
	}
	if err := <-cause; !errors.Is(err, agent.ErrLeaseLost) {
		t.Errorf("the handler's context ended with %v", err)
	}
	for _, text := range []string{"MaxReconnects(-1)", "IgnoreAuthErrorAbort()", "agent:w1"} {
		if log.Count(text) != 1 {
			t.Errorf("%s is not in the log:\n%s", text, log)
		}
	}
}

// An agent whose sign-in is refused, however often, goes on trying.
func TestAnAgentWhoseSignInIsRefusedComesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	guarded, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: quiet, Access: &embedded.Access{}})
	must(t, err)
	t.Cleanup(func() { must(t, guarded.Shutdown(context.Background())) })
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
	ctx, stop := context.WithCancel(t.Context())
	ended, refused := make(chan error, 1), make(chan struct{}, 100)
	go func() {
		ended <- agent.ConnectAndRun(ctx, proxy.URL(), agent.Config{ID: "w1", Types: []string{"default"}, Logger: quiet,
			Handler: func(context.Context, *agent.Task) (any, error) { return "done", nil }},
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
				if errors.Is(err, nats.ErrAuthorization) {
					refused <- struct{}{}
				}
			}))
	}()
	b.awaitAgent(t, "w1", missions.Online)
	proxy.SetTarget(guarded.Addr())
	proxy.Cut()
	for range 4 {
		select {
		case <-refused:
		case err := <-ended:
			t.Fatalf("the agent gave up: %v", err)
		}
	}
	proxy.SetTarget(strings.TrimPrefix(b.url, "nats://"))
	if m := b.wait(t, b.create(t, api.MissionSpec{Name: "after"}).ID); m.Status != missions.Completed {
		t.Errorf("%+v", m)
	}
	stop()
	must(t, <-ended)
}

// slowLink is a proxy that carries only so many bytes of a connection to the broker, or from
// it, until it is opened.
type slowLink struct {
	listener net.Listener
	target   string
	inbound  bool // it is from the broker that it is slow
	open     chan struct{}
	end      chan struct{} // closed at the end of the test
	full     chan struct{} // gets something when a connection has used up its bytes
	wg       sync.WaitGroup
}

const slowLinkBytes = 64 << 10

// slowly has leases that a busy machine does not miss, and that end while a test waits for
// what a slow link carries.
func slowly(cfg *supervisor.Config) { cfg.Heartbeat, cfg.Lease = time.Second, 10*time.Second }

func newSlowLink(t *testing.T, target string, inbound bool) *slowLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	open, end := make(chan struct{}), make(chan struct{})
	l := &slowLink{listener: listener, target: target, inbound: inbound, open: open, end: end, full: make(chan struct{}, 100)}
	l.wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.serve(client) })
		}
	})
	t.Cleanup(func() { must(t, listener.Close()); close(end); l.wg.Wait() })
	return l
}

func (l *slowLink) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // the connection is over
	broker, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	l.wg.Go(func() { l.carry(client, broker, l.inbound); _ = client.Close() })
	defer broker.Close() //nolint:errcheck // likewise
	l.carry(broker, client, !l.inbound)
}

func (l *slowLink) carry(to, from net.Conn, slow bool) {
	if slow {
		if _, err := io.CopyN(to, from, slowLinkBytes); err != nil {
			return
		}
		l.full <- struct{}{}
		select {
		case <-l.open:
		case <-l.end:
			return
		}
	}
	_, _ = io.Copy(to, from)
}

// Heartbeats do not wait behind a result that takes longer than its lease to send.
func TestALargeResultOverASlowLinkCostsNoLease(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, slowly)
	link := newSlowLink(t, strings.TrimPrefix(b.url, "nats://"), false)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	result := bytes.Repeat([]byte("x"), 480<<10)
	go func() {
		ended <- agent.ConnectAndRun(ctx, "nats://"+link.listener.Addr().String(), agent.Config{ID: "w1", Types: []string{"default"}, Logger: quiet,
			Handler: func(context.Context, *agent.Task) (any, error) { return string(result), nil }})
	}()
	id := b.create(t, api.MissionSpec{Name: "large"}).ID
	<-link.full
	begun, err := b.client.Get(t.Context(), id)
	must(t, err)
	for m := begun; m.LeaseExpiresAt.Time().Sub(begun.LeaseExpiresAt.Time()) < 12*time.Second; { // a lease is 10 s
		m, err = b.client.Get(t.Context(), id)
		must(t, err)
		if m.Status != missions.Running || m.Attempt != 1 {
			t.Fatalf("%s at attempt %d: the lease was lost", m.Status, m.Attempt)
		}
	}
	close(link.open)
	if m := b.wait(t, id); m.Status != missions.Completed || m.Attempt != 1 || len(m.Result) != len(result)+2 {
		t.Errorf("%s after %d attempts with %d bytes", m.Status, m.Attempt, len(m.Result))
	}
	stop()
	must(t, <-ended)
}

// A claim's reply that takes longer than the lease to arrive is waited for, and costs no
// lease either.
func TestLargeDataOverASlowLinkCostsNoLease(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, slowly)
	link := newSlowLink(t, strings.TrimPrefix(b.url, "nats://"), true)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.ConnectAndRun(ctx, "nats://"+link.listener.Addr().String(), agent.Config{ID: "w1", Types: []string{"default"}, Logger: quiet,
			Handler: func(_ context.Context, t *agent.Task) (any, error) { return len(t.Mission.Data), nil }})
	}()
	data, err := json.Marshal(map[string]string{"text": strings.Repeat("x", 480<<10)})
	must(t, err)
	id := b.create(t, api.MissionSpec{Name: "large", Data: data}).ID
	<-link.full
	begun, err := b.client.Get(t.Context(), id)
	must(t, err)
	for m := begun; m.LeaseExpiresAt.Time().Sub(begun.LeaseExpiresAt.Time()) < 12*time.Second; { // a lease is 10 s, a claim 8 s
		m, err = b.client.Get(t.Context(), id)
		must(t, err)
		if m.Status != missions.Running || m.Attempt != 1 {
			t.Fatalf("%s at attempt %d: the lease was lost", m.Status, m.Attempt)
		}
	}
	close(link.open)
	if m := b.wait(t, id); m.Status != missions.Completed || m.Attempt != 1 || string(m.Result) != strconv.Itoa(len(data)) {
		t.Errorf("%s after %d attempts with %s", m.Status, m.Attempt, m.Result)
	}
	stop()
	must(t, <-ended)
}
