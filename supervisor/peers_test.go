package supervisor_test

import (
	"context"
	"encoding/json"
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
	"missioncontrol/supervisor/api"
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
	stop func() // as SIGTERM does it
}

type memberOptions struct {
	store      missions.Store // default: the fleet's
	id         string
	leadership time.Duration
	nets       bool // look after what one is not told of
}

// join starts a supervisor and returns when its peers can hear it and be heard.
func (f *fleet) join(o memberOptions) *member {
	f.t.Helper()
	if o.store == nil {
		o.store = f.store
	}
	stream, err := eventstream.Open(eventstream.Config{URL: f.url, Logger: quiet, AckTimeout: time.Second})
	must(f.t, err)
	m := &member{nc: f.connect()}
	peers, err := supervisor.NewNATSPeers(m.nc, f.store.Identity(), quiet)
	must(f.t, err)
	m.Service, err = supervisor.New(supervisor.Config{
		Store: o.store, Stream: stream, Logger: quiet, Peers: peers, ID: o.id, Leadership: o.leadership,
		Heartbeat: 100 * time.Millisecond, Lease: 5 * time.Second,
	})
	must(f.t, err)
	if !o.nets {
		m.WithoutNets()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { m.Run(ctx) })
	m.stop = sync.OnceFunc(func() {
		cancel()
		loops.Wait()
		must(f.t, stream.Close(context.Background()))
	})
	f.t.Cleanup(m.stop)
	f.awaitEars(m)
	return m
}

// awaitEars returns once a supervisor's subscriptions stand.
func (f *fleet) awaitEars(m *member) {
	f.t.Helper()
	const ears = 5
	for m.nc.NumSubscriptions() < ears {
		must(f.t, f.t.Context().Err())
	}
	must(f.t, m.nc.Flush())
}

// observed tells when a claim or a look at a mission has found nothing.
type observed struct {
	missions.Store
	looked chan struct{}
}

func (o observed) tell() {
	select {
	case o.looked <- struct{}{}:
	default:
	}
}

func (o observed) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	results, err := o.Store.Claim(ctx, batch)
	if err == nil && len(results[0].Missions) == 0 {
		o.tell()
	}
	return results, err
}

func (o observed) Get(ctx context.Context, id string) (missions.Mission, error) {
	m, err := o.Store.Get(ctx, id)
	if err == nil && !m.Status.Terminal() {
		o.tell()
	}
	return m, err
}

// pair returns a leader and another supervisor, and what tells of vain looks at
// the store through either.
func (f *fleet) pair(nets bool) (leader, other *member, looked <-chan struct{}) {
	f.t.Helper()
	store := observed{f.store, make(chan struct{}, 1)}
	leader = f.join(memberOptions{id: "leader", store: store, nets: nets})
	other = f.join(memberOptions{id: "other", store: store, nets: nets})
	return leader, other, store.looked
}

// begin starts something that has to wait, and returns where its outcome will be
// once it has looked at the store in vain.
func begin[R any](t *testing.T, looked <-chan struct{}, what func(context.Context) (R, error)) <-chan R {
	t.Helper()
	select {
	case <-looked:
	default:
	}
	out := make(chan R, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	var done sync.WaitGroup
	done.Go(func() {
		r, err := what(ctx)
		if err != nil {
			t.Errorf("what waited ended with %v", err)
		}
		out <- r
	})
	t.Cleanup(func() { done.Wait(); cancel() })
	<-looked
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

// hold creates a mission and has an agent claim it.
func (m *member) hold(t *testing.T, agent, kind string) api.LeaseRef {
	t.Helper()
	m.register(t, agent, kind)
	m.create(t, api.MissionSpec{Type: kind})
	claimed, err := m.Claim(t.Context(), agent, api.ClaimRequest{Max: 1})
	must(t, err)
	return api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}
}

// What makes a mission claimable through one supervisor wakes a claim that is
// parked at another, with nobody looking by himself.
func TestAClaimParkedElsewhereIsWoken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, prepare := range map[string]func(*testing.T, *member, string) (act func() error){
		"created": func(t *testing.T, m *member, kind string) func() error {
			return func() error { m.create(t, api.MissionSpec{Type: kind}); return nil }
		},
		"created for later": func(t *testing.T, m *member, kind string) func() error {
			return func() error {
				m.create(t, api.MissionSpec{Type: kind, NotBefore: missions.At(time.Now().Add(50 * time.Millisecond))})
				return nil
			}
		},
		"retried": func(t *testing.T, m *member, kind string) func() error {
			id := m.create(t, api.MissionSpec{Type: kind}).ID
			_, err := m.Cancel(ctx, api.CancelRequest{ID: id})
			must(t, err)
			return func() error { _, err := m.Retry(ctx, api.IDRequest{ID: id}); return err }
		},
		"released": func(t *testing.T, m *member, kind string) func() error {
			lease := m.hold(t, "holder", kind)
			return func() error { _, err := m.Release(ctx, "holder", api.ReleaseRequest{LeaseRef: lease}); return err }
		},
		"failed, to be tried again": func(t *testing.T, m *member, kind string) func() error {
			lease := m.hold(t, "holder", kind)
			return func() error {
				_, err := m.Fail(ctx, "holder", api.FailRequest{Failure: api.Failure{LeaseRef: lease, Error: "again"}})
				return err
			}
		},
		"left behind": func(t *testing.T, m *member, kind string) func() error {
			m.hold(t, "holder", kind)
			return func() error { _, err := m.Leave(ctx, "holder", api.Empty{}); return err }
		},
		"given up": func(t *testing.T, m *member, kind string) func() error {
			m.hold(t, "holder", kind)
			return func() error {
				for range 2 {
					if _, err := m.Heartbeat(ctx, "holder", api.HeartbeatRequest{Running: &[]api.LeaseRef{}}); err != nil {
						return err
					}
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leader, other, looked := newFleet(t).pair(false)
			for kind, at := range map[string]struct{ claims, acts *member }{"x": {leader, other}, "y": {other, leader}} {
				act := prepare(t, at.acts, kind)
				at.claims.register(t, "worker-"+kind, kind)
				got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
					return at.claims.Claim(ctx, "worker-"+kind, api.ClaimRequest{Max: 1, WaitSeconds: 15})
				})
				must(t, act())
				if claimed := <-got; len(claimed.Missions) != 1 {
					t.Fatalf("claimed: %+v", claimed)
				}
			}
		})
	}
}

// A thousand missions of one type are one hint.
func TestABatchIsOneHint(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.join(memberOptions{})
	nc := f.connect()
	hints, err := nc.SubscribeSync(api.PeersSubject(f.store.Identity()) + ".ready.*")
	must(t, err)
	must(t, nc.Flush())
	specs := make([]api.MissionSpec, missions.MaxBatch)
	for i := range specs {
		specs[i] = api.MissionSpec{Name: "x", Type: []string{"a", "b"}[i%2]}
	}
	_, err = m.Create(t.Context(), api.CreateRequest{Missions: specs})
	must(t, err)
	counts := map[string]float64{}
	for range 2 {
		msg, err := hints.NextMsg(patience)
		must(t, err)
		var hint map[string]any
		must(t, json.Unmarshal(msg.Data, &hint))
		counts[msg.Subject[len(msg.Subject)-1:]] = hint["count"].(float64)
	}
	if counts["a"] != 500 || counts["b"] != 500 {
		t.Fatalf("%v", counts)
	}
	m.stop() // everything has been told
	must(t, nc.Flush())
	if n, _, err := hints.Pending(); n != 0 || err != nil {
		t.Fatalf("%d more hints, %v", n, err)
	}
}

// A request that waits for a mission is answered when the mission ends through
// another supervisor, with nobody looking by himself.
func TestAWaitElsewhereEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	leader, other, looked := newFleet(t).pair(false)
	for _, at := range []struct{ waits, acts *member }{{leader, other}, {other, leader}} {
		for status, end := range map[missions.Status]func(api.LeaseRef) error{
			missions.Completed: func(lease api.LeaseRef) error {
				_, err := at.acts.Complete(ctx, "holder", api.CompleteRequest{Completion: api.Completion{LeaseRef: lease}})
				return err
			},
			missions.Failed: func(lease api.LeaseRef) error {
				no := false
				_, err := at.acts.Fail(ctx, "holder", api.FailRequest{Failure: api.Failure{LeaseRef: lease, Error: "no", Retryable: &no}})
				return err
			},
			missions.Cancelled: func(lease api.LeaseRef) error {
				_, err := at.acts.Cancel(ctx, api.CancelRequest{ID: lease.MissionID})
				return err
			},
		} {
			lease := at.acts.hold(t, "holder", "x")
			var results []<-chan api.Mission
			for range 3 { // of whom the subscription is shared
				results = append(results, begin(t, looked, func(ctx context.Context) (api.Mission, error) {
					return at.waits.Wait(ctx, api.WaitRequest{ID: lease.MissionID, TimeoutSeconds: ptr(15.0)})
				}))
			}
			must(t, end(lease))
			for _, result := range results {
				if m := <-result; m.Mission.Status != status {
					t.Errorf("ended %s, want %s", m.Mission.Status, status)
				}
			}
		}
	}
	for _, m := range []*member{leader, other} {
		for m.nc.NumSubscriptions() != 5 { // those of the waits end with them
			must(t, ctx.Err())
		}
	}
}

func ptr[T any](v T) *T { return &v }

// An agent that drains or leaves through one supervisor gets its parked claims back
// from all of them.
func TestADismissalReachesEverySupervisor(t *testing.T) {
	t.Parallel()
	leader, other, looked := newFleet(t).pair(false)
	for agent, dismiss := range map[string]func(agent string) error{
		"drains": func(agent string) error {
			_, err := leader.Heartbeat(t.Context(), agent, api.HeartbeatRequest{Running: &[]api.LeaseRef{}, Draining: true})
			return err
		},
		"leaves": func(agent string) error {
			_, err := leader.Leave(t.Context(), agent, api.Empty{})
			return err
		},
	} {
		leader.register(t, agent, "x")
		got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
			return other.Claim(ctx, agent, api.ClaimRequest{Max: 1, WaitSeconds: 60})
		})
		must(t, dismiss(agent))
		if claimed := <-got; len(claimed.Missions) != 0 {
			t.Errorf("%s: %+v", agent, claimed)
		}
	}
}

// Events of a change that another supervisor made are relayed without waiting for
// the leader to look.
func TestTheLeaderIsToldOfEvents(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	leader, other, _ := f.pair(false)
	nc := f.connect()
	events, err := nc.SubscribeSync("events.mission.created")
	must(t, err)
	must(t, nc.Flush())
	if !leader.Leads() || other.Leads() {
		t.Fatalf("leading: %t %t", leader.Leads(), other.Leads())
	}
	for range 3 {
		other.create(t, api.MissionSpec{})
		_, err := events.NextMsg(patience)
		must(t, err)
	}
}

// While hints do not get through, looking finds the same a little later.
func TestWithoutHintsEverythingIsFound(t *testing.T) {
	t.Parallel()
	leader, other, looked := newFleet(t).pair(true)
	leader.register(t, "worker", "x")
	other.nc.Close()
	got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
		return leader.Claim(ctx, "worker", api.ClaimRequest{Max: 1, WaitSeconds: 15})
	})
	id := other.create(t, api.MissionSpec{Type: "x"}).ID
	claimed := <-got
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != id {
		t.Fatalf("claimed: %+v", claimed)
	}
	ended := begin(t, looked, func(ctx context.Context) (api.Mission, error) {
		return leader.Wait(ctx, api.WaitRequest{ID: id, TimeoutSeconds: ptr(15.0)})
	})
	_, err := other.Complete(t.Context(), "worker", api.CompleteRequest{
		Completion: api.Completion{LeaseRef: api.LeaseRef{MissionID: id, Lease: claimed.Missions[0].Lease}},
	})
	must(t, err)
	if m := <-ended; m.Mission.Status != missions.Completed {
		t.Fatalf("%+v", m.Mission)
	}
}

// Whatever comes in on the subjects of hints harms nobody.
func TestJunkInsteadOfHints(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	leader, other, looked := f.pair(false)
	leader.register(t, "worker", "x")
	got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
		return leader.Claim(ctx, "worker", api.ClaimRequest{Max: 1, WaitSeconds: 15})
	})
	nc := f.connect()
	for _, subject := range []string{"ready.x", "ready.%", "due", "dismissed.nobody", "grown", "resigned"} {
		for _, body := range []string{"", "junk", "[]", `{"count":-5}`, `{"count":1e99}`, `{"at":-1}`, `{"from":7}`, `{"at":9999999999,"new":{}}`} {
			must(t, nc.Publish(api.PeersSubject(f.store.Identity())+"."+subject, []byte(body)))
		}
	}
	must(t, nc.Flush())
	other.create(t, api.MissionSpec{Type: "x"})
	if claimed := <-got; len(claimed.Missions) != 1 {
		t.Fatalf("claimed: %+v", claimed)
	}
}
