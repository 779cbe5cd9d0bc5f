package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// ward is a site where agents die: a supervisor, and the addresses of the broker.
type ward struct {
	t    testing.TB
	p    *supervisor
	urls []string // of the broker's nodes
	c    *client.Client
	heir *client.Agent // works on the missions of dead agents
}

// wards are the brokers that report ended connections, and how the supervisor
// learns of them.
var wards = map[string]func(t testing.TB, args ...string) *ward{
	"embedded":         embeddedWard,
	"external":         func(t testing.TB, args ...string) *ward { return externalWard(t, 1, append(args, systemUser...)...) },
	"external cluster": func(t testing.TB, args ...string) *ward { return externalWard(t, 3, append(args, systemUser...)...) },
}

var systemUser = []string{"--system-user", "sys", "--system-password", "secret"}

func embeddedWard(t testing.TB, args ...string) *ward {
	t.Helper()
	p := start(t, t.TempDir(), args...)
	return newWard(t, p, p.Broker)
}

// externalWard has an external broker with accounts of its own. A cluster has no
// JetStream here: detecting deaths does not need it.
func externalWard(t testing.TB, nodes int, args ...string) *ward {
	t.Helper()
	urls := startAccounts(t, nodes)
	p := start(t, t.TempDir(), append([]string{"--server", urls[0]}, args...)...)
	p.Broker = urls[0]
	return newWard(t, p, urls...)
}

func newWard(t testing.TB, p *supervisor, urls ...string) *ward {
	t.Helper()
	w := &ward{t: t, p: p, urls: urls, c: p.client()}
	w.heir = w.c.Agent("heir")
	_, err := w.heir.Register(t.Context(), api.RegisterRequest{Name: "heir", Types: []string{"held"}, Capacity: 100})
	must(t, err)
	return w
}

// startAccounts runs brokers with an account for agents and a system account.
func startAccounts(t testing.TB, nodes int) (urls []string) {
	t.Helper()
	routes := ""
	for n := range nodes {
		dir := t.TempDir()
		jetstream := fmt.Sprintf("jetstream { store_dir: %q }", dir)
		if nodes > 1 {
			jetstream = fmt.Sprintf("cluster { name: wards, listen: \"127.0.0.1:-1\", routes: [%s] }", routes)
		}
		enabled := map[bool]string{true: "jetstream: enabled,", false: ""}[nodes == 1]
		config := fmt.Sprintf(`
			listen: "127.0.0.1:-1", server_name: node-%d, %s
			accounts {
				FLEET { %s users: [{user: fleet, password: secret}] }
				SYSTEM { users: [{user: sys, password: secret}] }
				OTHERS { users: [{user: stranger, password: secret}] }
			}
			system_account: SYSTEM`, n, jetstream, enabled)
		file := filepath.Join(dir, "broker.conf")
		must(t, os.WriteFile(file, []byte(config), 0o600))
		options, err := server.ProcessConfigFile(file)
		must(t, err)
		options.NoSigs, options.NoLog = true, true
		s, err := server.NewServer(options)
		must(t, err)
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(testTimeout) {
			t.Fatal("the broker does not start")
		}
		if nodes > 1 {
			routes = fmt.Sprintf("%q", "nats://"+s.ClusterAddr().String())
			for s.NumRoutes() == 0 && n > 0 { // the route is being established
			}
		}
		urls = append(urls, strings.Replace(s.ClientURL(), "nats://", "nats://fleet:secret@", 1))
	}
	return urls
}

// awaitWatch waits until the supervisor is notified of ended connections.
func (w *ward) awaitWatch() {
	w.t.Helper()
	w.awaitHealth("", func(check api.Check) bool { return check.Message == "" })
}

func (w *ward) awaitHealth(what string, wanted func(api.Check) bool) {
	w.t.Helper()
	noticed := w.p.Logs.Await(func(string) bool {
		health, err := w.c.Health(w.t.Context())
		return err == nil && wanted(health.Checks.AgentDeaths)
	}, w.p.Exited, testTimeout)
	if !noticed {
		w.t.Fatalf("health does not say %q of the watch for lost agents:\n%s", what, w.p.Logs)
	}
}

// hold creates a mission.
func (w *ward) hold(id string) {
	w.t.Helper()
	_, _, err := w.c.Create(w.t.Context(), api.MissionSpec{ID: id, Name: id, Type: "held-by-" + id})
	must(w.t, err)
	_, err = w.heir.Register(w.t.Context(), api.RegisterRequest{Name: "heir", Types: []string{"held-by-" + id}, Capacity: 100})
	must(w.t, err)
}

// inherit waits until the heir has claimed a dead agent's mission, and returns it
// with the reason why it was claimable.
func (w *ward) inherit(id string) (m missions.Mission, reason string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), testTimeout)
	defer cancel()
	for m.ID == "" {
		// Each claim shows that the heir is alive, so that it outlives short
		// leases.
		claimed, err := w.heir.Claim(ctx, api.ClaimRequest{Max: 1, WaitSeconds: 0.2, Types: []string{"held-by-" + id}})
		must(w.t, err)
		if len(claimed.Missions) == 1 {
			m = claimed.Missions[0]
		}
	}
	if m.ID != id {
		w.t.Fatalf("mission %s does not return to the queue", id)
	}
	return m, w.whyReturned(id)
}

// whyReturned returns the reason why a mission last returned to the queue.
func (w *ward) whyReturned(id string) (reason string) {
	w.t.Helper()
	log, err := w.c.Log(w.t.Context(), api.LogRequest{ID: id})
	must(w.t, err)
	for _, entry := range log.Log {
		if _, why, ok := strings.Cut(entry.Message, "RUNNING → PENDING: "); ok {
			reason = why
		}
	}
	return reason
}

// agent is an agent implemented by the test, with its own connections.
type agent struct {
	*client.Agent
	w    *ward
	id   string
	nc   *nats.Conn
	held missions.Mission
}

// connect opens a connection to one of the nodes, with or without a name.
func (w *ward) connect(node int, name string) *nats.Conn {
	w.t.Helper()
	nc, err := nats.Connect(w.urls[node%len(w.urls)], nats.Name(name))
	must(w.t, err)
	w.t.Cleanup(nc.Close)
	return nc
}

// agentWithMission registers an agent that holds the mission of its name.
func (w *ward) agentWithMission(id string) *agent {
	w.t.Helper()
	w.hold(id)
	a := &agent{w: w, id: id, nc: w.connect(1, api.ConnectionName(id))}
	a.Agent = client.New(a.nc).Agent(id)
	kind := "held-by-" + id
	_, err := a.Register(w.t.Context(), api.RegisterRequest{Name: id, Types: []string{kind}, Capacity: 1})
	must(w.t, err)
	claimed, err := a.Claim(w.t.Context(), api.ClaimRequest{Max: 1, Types: []string{kind}})
	must(w.t, err)
	if len(claimed.Missions) != 1 {
		w.t.Fatalf("agent %s got %+v", id, claimed)
	}
	a.held = claimed.Missions[0]
	return a
}

func (a *agent) lease() api.LeaseRef {
	return api.LeaseRef{MissionID: a.held.ID, Lease: a.held.Lease}
}

// keeps fails unless the agent still has its mission, with the same lease.
func (a *agent) keeps() {
	a.w.t.Helper()
	m, err := a.w.c.Get(a.w.t.Context(), a.id)
	must(a.w.t, err)
	if m.Status != missions.Running || string(m.AgentID) != a.id || m.Attempt != 1 {
		a.w.t.Errorf("agent %s lost its mission, %s: %+v", a.id, a.w.whyReturned(a.id), m)
	}
}
