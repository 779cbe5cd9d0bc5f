package supervisor_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/test/fatal"
	"missioncontrol/wakeup"
)

// fleet is a broker and a store on which supervisors are started and stopped.
type fleet struct {
	t     *testing.T
	url   string
	store missions.Store
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	store, err := sqlitestore.Open(sqlitestore.Config{
		Path: filepath.Join(t.TempDir(), "missions.db"), Logger: quiet,
		Retry: missions.RetryPolicy{Base: time.Millisecond, Max: time.Millisecond},
	})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return &fleet{t: t, url: broker.ClientURL(), store: store}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testTimeout bounds every wait of these tests. Only a failure uses it up.
const testTimeout = 45 * time.Second // a claim that nobody answers ends after 60 s

var must = fatal.If

func (f *fleet) connect() *nats.Conn {
	f.t.Helper()
	nc, err := nats.Connect(f.url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	must(f.t, err)
	f.t.Cleanup(nc.Close)
	return nc
}

// member is one supervisor of a fleet.
type member struct {
	*supervisor.Service
	nc   *nats.Conn
	stop func() // like SIGTERM
}

type memberOptions struct {
	store      missions.Store // default: the fleet's
	id         string
	leadership time.Duration
	nets       bool // also look for changes without a hint
	alerts     []alerts.Rule
	webhook    *alerts.Webhook
}

// start starts a supervisor. It returns when the supervisor and its peers receive each
// other's hints.
func (f *fleet) start(o memberOptions) *member {
	f.t.Helper()
	if o.store == nil {
		o.store = f.store
	}
	stream, err := eventstream.Open(eventstream.Config{URL: f.url, Logger: quiet, Timing: eventstream.Timing{AckTimeout: time.Second}})
	must(f.t, err)
	m := &member{nc: f.connect()}
	peers, err := natsapi.NewPeers(m.nc, f.store.Identity(), quiet)
	must(f.t, err)
	cfg := supervisor.Config{
		Store: o.store, Stream: stream, Logger: quiet, Peers: peers, ID: o.id, Leadership: o.leadership,
		Heartbeat: 100 * time.Millisecond, Lease: 5 * time.Second,
		Alerts: o.alerts, AlertInterval: 20 * time.Millisecond, Webhook: o.webhook,
	}
	if !o.nets {
		cfg = supervisor.WithoutNets(cfg)
	}
	m.Service, err = supervisor.New(cfg)
	must(f.t, err)
	m.WithQuickNotices()
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { m.Run(ctx) })
	m.stop = sync.OnceFunc(func() {
		cancel()
		loops.Wait()
		must(f.t, stream.Close(context.Background()))
	})
	f.t.Cleanup(m.stop)
	f.awaitSubscriptions(m)
	return m
}

// receiveHints receives the hints that supervisors send each other, until the test ends.
func (f *fleet) receiveHints(nc *nats.Conn) <-chan supervisor.Hint {
	f.t.Helper()
	peers, err := natsapi.NewPeers(nc, f.store.Identity(), quiet)
	must(f.t, err)
	ctx, stop := context.WithCancel(f.t.Context())
	hints := make(chan supervisor.Hint, 100)
	var loop sync.WaitGroup
	loop.Go(func() { peers.Run(ctx, func(h supervisor.Hint) { hints <- h }) })
	f.t.Cleanup(func() { stop(); loop.Wait() })
	f.awaitSubscriptions(&member{nc: nc})
	return hints
}

// awaitSubscriptions waits until a supervisor's subscriptions are active.
func (f *fleet) awaitSubscriptions(m *member) {
	f.t.Helper()
	const ears = 5
	for m.nc.NumSubscriptions() < ears {
		must(f.t, f.t.Context().Err())
	}
	must(f.t, m.nc.Flush())
}

// observed reports when a claim or a read of a mission has found nothing.
type observed struct {
	missions.Store
	looked wakeup.Signal
}

func (o observed) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	results, err := o.Store.Claim(ctx, batch)
	if err == nil && len(results[0].Missions) == 0 {
		o.looked.Send()
	}
	return results, err
}

func (o observed) Get(ctx context.Context, id string) (missions.Mission, error) {
	m, err := o.Store.Get(ctx, id)
	if err == nil && !m.Status.Terminal() {
		o.looked.Send()
	}
	return m, err
}

// pair returns a leader and another supervisor, and a channel that reports reads of the
// store through either that found nothing.
func (f *fleet) pair(nets bool) (leader, other *member, looked <-chan struct{}) {
	f.t.Helper()
	store := observed{f.store, wakeup.New()}
	leader = f.start(memberOptions{id: "leader", store: store, nets: nets})
	other = f.start(memberOptions{id: "other", store: store, nets: nets})
	return leader, other, store.looked
}

// begin starts a call that must wait. Once the call has read the store and found
// nothing, begin returns a channel with its outcome.
func begin[R any](t *testing.T, looked <-chan struct{}, what func(context.Context) (R, error)) <-chan R {
	t.Helper()
	select {
	case <-looked:
	default:
	}
	out := make(chan R, 1)
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	var done sync.WaitGroup
	done.Go(func() {
		r, err := what(ctx)
		if err != nil {
			t.Errorf("what waited ended with %v", err)
		}
		out <- r
	})
	t.Cleanup(func() { done.Wait(); cancel() })
	await(t, looked)
	return out
}

func (m *member) register(t *testing.T, agent string, kinds ...string) {
	t.Helper()
	_, err := m.Register(t.Context(), agent, api.RegisterRequest{Name: agent, Types: kinds, Capacity: 4})
	must(t, err)
}

func (m *member) create(t *testing.T, spec api.MissionSpec) missions.Mission {
	t.Helper()
	spec.Name = "x"
	reply, err := m.Create(t.Context(), api.CreateRequest{MissionSpec: spec})
	must(t, err)
	return *reply.Created.Mission
}

// hold creates a mission, and an agent claims it.
func (m *member) hold(t *testing.T, agent, kind string) api.LeaseRef {
	t.Helper()
	m.register(t, agent, kind)
	m.create(t, api.MissionSpec{Type: kind})
	claimed, err := m.Claim(t.Context(), agent, api.ClaimRequest{Max: 1})
	must(t, err)
	return api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}
}
