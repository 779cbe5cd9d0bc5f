package test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// long is a lease that outlasts every test: a mission that returns earlier does so
// because the death was noticed.
var long = []string{"--lease", "1h", "--heartbeat", "10m"}

const itsConnection = "its connection ended"

// everyWard runs a scenario with every broker that reports ended connections.
func everyWard(t *testing.T, scenario func(*ward), args ...string) {
	for name, admit := range wards {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := admit(t, append(slices.Clone(long), args...)...)
			w.awaitWatch()
			scenario(w)
		})
	}
}

// runAgent starts the binary as an agent that claims the mission of its name, and
// never finishes it.
func (w *ward) runAgent(id string) *child {
	w.t.Helper()
	w.hold(id)
	c := spawn(w.t, "", []string{"NATS_URL=" + w.urls[len(w.urls)-1], "NATS_CONTEXT="}, binary,
		"agent", "run", "--id", id, "--type", "held-by-"+id, "--", "sleep", "100000")
	c.awaitPrinted("started")
	return c
}

// After kill -9 of an agent, another one gets its mission long before the lease
// ends; mission and agent say why.
func TestAKilledAgentIsNoticedAtOnce(t *testing.T) {
	everyWard(t, func(w *ward) {
		w.runAgent("mayfly").kill()
		m, reason := w.inherit("mayfly")
		if reason != "agent mayfly is gone: "+itsConnection || m.Attempt != 2 {
			w.t.Fatalf("attempt %d, because %q", m.Attempt, reason)
		}
		agents, err := w.c.Agents(w.t.Context(), api.AgentsRequest{State: "offline"})
		must(w.t, err)
		if len(agents.Agents) != 1 || agents.Agents[0].ID != "mayfly" {
			w.t.Fatalf("offline: %+v", agents)
		}
		if len(w.urls) == 1 {
			awaitPayload(w.t, w.urls[0], "events.agent.offline", `"mayfly"`, `"reason":"`+itsConnection+`"`)
			awaitPayload(w.t, w.urls[0], "events.mission.status_changed", `"mayfly"`, `"reason":"`+reason+`"`)
		}
	})
}

// Without the system account's credentials, the death is detected when the lease
// ends, and health says so.
func TestAKilledAgentIsNoticedByItsLease(t *testing.T) {
	t.Parallel()
	for name, credentials := range map[string][]string{
		"without credentials":           nil,
		"with those of another account": {"--system-user", "stranger", "--system-password", "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := externalWard(t, 1, append([]string{"--lease", "1s", "--heartbeat", "300ms"}, credentials...)...)
			w.awaitHealth("leases", func(check api.Check) bool { return strings.Contains(check.Message, "when their leases expire") })
			w.runAgent("mayfly").kill()
			if m, reason := w.inherit("mayfly"); !byItsLease(reason) || m.Attempt != 2 {
				t.Fatalf("attempt %d, because %q", m.Attempt, reason)
			}
		})
	}
}

func byItsLease(reason string) bool {
	return strings.Contains(reason, "expired without a heartbeat") || strings.Contains(reason, "no heartbeat for")
}

// An ended connection is not a death if the agent has another one, reconnects, or
// sends anything in any way. The end of a connection in another account that uses
// an agent's name has no effect.
func TestWhoLivesKeepsItsMissions(t *testing.T) {
	everyWard(t, func(w *ward) {
		several, returns, beats := w.agentWithMission("several"), w.agentWithMission("returns"), w.agentWithMission("beats")
		w.connect(2, api.ConnectionName("several"))
		anotherWay := client.New(w.connect(0, "")).Agent("beats")
		dead := w.agentWithMission("dead")

		several.nc.Close()
		returns.nc.Close()
		w.connect(2, api.ConnectionName("returns"))
		beats.nc.Close()
		strangersEnd(w, "heir")
		dead.nc.Close()

		// When the last connection's end has been processed, so have the others.
		inherited := make(chan string)
		go func() {
			defer close(inherited)
			_, reason := w.inherit("dead")
			inherited <- reason
		}()
		var reason string
		eventually.Holds(w.t, func() bool {
			select {
			case reason = <-inherited:
				return true
			default:
				lease := beats.lease()
				_, err := anotherWay.Heartbeat(w.t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease}}})
				must(w.t, err)
				return false
			}
		}, func() string { return "nobody inherits the mission of dead" })
		if reason != "agent dead is gone: "+itsConnection {
			w.t.Errorf("dead lost its mission, because %q", reason)
		}
		for _, a := range []*agent{several, returns, beats} {
			a.keeps()
		}
	}, "--grace", "3s")
}

// strangersEnd opens and closes a connection with an agent's name in another
// account.
func strangersEnd(w *ward, id string) {
	w.t.Helper()
	if w.urls[0] == w.p.Broker && !strings.Contains(w.urls[0], "fleet") {
		return // the embedded broker has one account
	}
	nc, err := nats.Connect(strings.Replace(w.urls[0], "fleet", "stranger", 1), nats.Name(api.ConnectionName(id)))
	must(w.t, err)
	nc.Close()
}

// An agent that hangs keeps its connection, and its lease detects it. When it wakes
// up, its requests are refused and change nothing.
func TestAnAgentThatHangs(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--lease", "2s", "--heartbeat", "500ms")
	w := newWard(t, p, p.Broker)
	w.awaitWatch()
	w.hold("sleeper")
	sleeper := startPuppet(t, w.urls[0], "sleeper")
	sleeper.awaitPrinted("holds sleeper")
	sleeper.signal(syscall.SIGSTOP)
	m, reason := w.inherit("sleeper")
	if !byItsLease(reason) || m.Attempt != 2 {
		t.Fatalf("attempt %d, because %q", m.Attempt, reason)
	}
	must(t, w.heir.Complete(t.Context(), api.Completion{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: m.Lease}, Result: []byte(`"the heir's"`)}))
	before, err := w.c.Get(t.Context(), "sleeper")
	must(t, err)

	sleeper.tell("report")
	sleeper.signal(syscall.SIGCONT)
	sleeper.awaitPrinted("reported")
	for _, verb := range []string{"progress", "log", "complete", "fail", "release"} {
		if want := verb + ": lease_lost"; !strings.Contains(sleeper.output.String(), want) {
			t.Errorf("the sleeper was not told %q", want)
		}
	}
	after, err := w.c.Get(t.Context(), "sleeper")
	must(t, err)
	if fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) || after.Status != missions.Completed {
		t.Fatalf("the sleeper changed the mission\nfrom %+v\nto   %+v", before, after)
	}
}

// A claim whose reply is lost is undone at the second heartbeat that does not list
// it.
func TestAClaimWhoseReplyIsLost(t *testing.T) {
	everyWard(t, func(w *ward) {
		w.hold("lost")
		nc := w.connect(1, "")
		agent := client.New(nc).Agent("absent")
		_, err := agent.Register(w.t.Context(), api.RegisterRequest{Name: "absent", Types: []string{"held-by-lost"}, Capacity: 1})
		must(w.t, err)
		must(w.t, nc.PublishRequest(api.AgentSubject("absent", api.AgentClaim), "nobody.listens.here", []byte(`{"max":1}`)))
		eventually.Holds(w.t, func() bool {
			m, err := w.c.Get(w.t.Context(), "lost")
			must(w.t, err)
			return m.Status == missions.Running
		}, func() string { return "the mission is not claimed" })
		for _, want := range []missions.Status{missions.Running, missions.Pending} {
			_, err := agent.Heartbeat(w.t.Context(), api.HeartbeatRequest{Running: &[]api.Held{}})
			must(w.t, err)
			m, err := w.c.Get(w.t.Context(), "lost")
			must(w.t, err)
			if m.Status != want {
				w.t.Fatalf("the mission is %s, want %s", m.Status, want)
			}
		}
		if _, reason := w.inherit("lost"); !strings.Contains(reason, "the reply to the claim was lost") {
			w.t.Fatalf("returned because %q", reason)
		}
	})
}
