package test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

func pid(c *child) string { return strconv.Itoa(c.cmd.Process.Pid) }

// attempt is a message that a user may try to publish on a subject.
type attempt struct {
	subject string
	body    string
	header  string   // NAME: VALUE
	silent  bool     // nothing answers
	may     []string // which users; admins may do everything
}

const (
	nonsense    = `{"nonsense":1}` // is rejected with a specific error by its receivers, and changes nothing
	notJSON     = "{"              // the same for JetStream
	wrongStream = "Nats-Expected-Stream: ELSEWHERE"
)

// attempts is docs/OPERATIONS.md, "Access control", subject by subject.
func attempts() (table []attempt) {
	looks, steers, reads := []string{"viewer", "operator"}, []string{"operator"}, []string{"viewer", "operator", "supervisor"}
	handles, serves := []string{"operator", "supervisor"}, []string{"supervisor"}
	add := func(may []string, body string, subjects ...string) {
		for _, subject := range subjects {
			table = append(table, attempt{subject: subject, body: body, may: may})
		}
	}
	add(looks, nonsense, "supervisor.health", "supervisor.status", "supervisor.agents", "supervisor.missions.get",
		"supervisor.missions.wait", "supervisor.missions.wait_many", "supervisor.missions.list", "supervisor.missions.log", "supervisor.missions.stats",
		"supervisor.missions.history", "supervisor.missions.queues", "supervisor.missions.graph", "supervisor.batches.get", "supervisor.batches.list", "supervisor.alerts",
		"supervisor.limits.get", "supervisor.limits.list", "supervisor.schedules.get", "supervisor.schedules.list", "supervisor.schedules.preview")
	add(steers, nonsense, "supervisor.missions.create", "supervisor.missions.cancel", "supervisor.missions.retry", "supervisor.missions.delete",
		"supervisor.missions.bulk", "supervisor.missions.signal", "supervisor.batches.close", "supervisor.schedules.set", "supervisor.schedules.delete",
		"supervisor.schedules.trigger", "supervisor.schedules.backfill", "supervisor.limits.set", "supervisor.limits.delete")
	for _, agent := range []string{"w1", "w2"} {
		for _, verb := range []string{"register", "heartbeat", "claim", "progress", "log", "complete", "fail", "release", "leave",
			"create", "signals", "inputs"} {
			add([]string{agent}, nonsense, "supervisor.agent."+agent+"."+verb)
		}
	}
	add(looks, "", "$SRV.PING", "$SRV.INFO", "$SRV.STATS", "$SRV.PING.supervisor", "$SRV.INFO.supervisor")
	add(reads, "", "$JS.API.INFO", "$JS.API.STREAM.INFO.EVENTS", "$JS.API.CONSUMER.INFO.EVENTS.nobodys", "$JS.API.CONSUMER.NAMES.EVENTS")
	add(reads, notJSON, "$JS.API.STREAM.NAMES", "$JS.API.STREAM.MSG.GET.EVENTS", "$JS.API.STREAM.LIST", "$JS.API.CONSUMER.CREATE.EVENTS.nobodys",
		"$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.nobodys",
		"$JS.API.DIRECT.GET.EVENTS", "$JS.API.CONSUMER.LIST.EVENTS")
	add(handles, "", "$JS.API.CONSUMER.DELETE.EVENTS.nobodys")
	add(serves, notJSON, "$JS.API.STREAM.CREATE.EVENTS")
	add(serves, "", "$SYS.REQ.USER.INFO")
	add(nil, notJSON, "$JS.API.STREAM.DELETE.EVENTS", "$JS.API.STREAM.PURGE.EVENTS", "$JS.API.STREAM.UPDATE.EVENTS",
		"$JS.API.STREAM.MSG.DELETE.EVENTS", "$JS.API.STREAM.RESTORE.EVENTS", "$JS.API.STREAM.SNAPSHOT.EVENTS",
		"$JS.API.CONSUMER.PAUSE.EVENTS.nobodys", "$JS.API.STREAM.CREATE.OTHER", "$JS.API.CONSUMER.CREATE.OTHER.nobodys")
	return append(table,
		attempt{subject: "events.mission.created", header: wrongStream, may: serves},
		attempt{subject: "deadletter.nobodys", silent: true, header: wrongStream, may: handles},
		attempt{subject: "$JS.ACK.EVENTS.nobodys.1.1.1.1.1", silent: true, may: reads},
		attempt{subject: "supervisor.agent.w1.commands", silent: true, may: []string{"w1", "supervisor"}},
		attempt{subject: "supervisor.agent.w2.commands", silent: true, may: []string{"w2", "supervisor"}},
		attempt{subject: "supervisor.acks.forged.1", silent: true},
		attempt{subject: "supervisor.peers.presence", silent: true, may: serves},
		attempt{subject: "_INBOX.w1.forged", silent: true, may: serves},
		attempt{subject: "_INBOX.somebody.forged", silent: true, may: serves},
		attempt{subject: "supervisor.not.thought.of.yet", silent: true},
		attempt{subject: "somewhere.else", silent: true},
	)
}

// Every request is tried, so that nobody forgets to say who may send a new one.
func TestEveryRequestIsTried(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, a := range attempts() {
		tried[a.subject] = true
	}
	for _, op := range api.Operations() {
		if subject := strings.Replace(op.Subject, "*", "w1", 1); subject != "" && !tried[subject] {
			t.Errorf("the table does not say who may send %s", subject)
		}
	}
}

// subscriptions are subjects that a user may try to subscribe to.
var subscriptions = []struct {
	subject string
	may     []string
}{
	{"events.>", []string{"viewer", "operator", "supervisor"}},
	{"_INBOX.>", []string{"viewer", "operator", "supervisor"}}, // in an account where no agent receives replies
	{"_INBOX.w1.>", []string{"viewer", "operator", "supervisor", "w1"}},
	{"_INBOX.w2.>", []string{"viewer", "operator", "supervisor", "w2"}},
	{"supervisor.agent.w1.commands", []string{"supervisor", "w1"}},
	{"supervisor.agent.w2.commands", []string{"supervisor", "w2"}},
	{"supervisor.agent.w1.>", []string{"supervisor"}},
	{"supervisor.agent.*.commands", []string{"supervisor"}},
	{"supervisor.missions.create", []string{"supervisor"}}, // instead of the supervisor
	{"supervisor.status", []string{"supervisor"}},
	{"supervisor.>", []string{"supervisor"}},
	{"supervisor.acks.>", []string{"supervisor"}},
	{"$SRV.PING", []string{"supervisor"}},
	{"deadletter.>", nil},
	{"$JS.API.>", nil},
	{">", nil},
}

// Every role on every subject: a permitted message reaches its receiver, and the
// broker rejects the others.
func TestRolesHold(t *testing.T) {
	for name, site := range guardedSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := site(t)
			g.start()
			awaitStream(t, g)
			for _, who := range g.users {
				nc := g.connect(who)
				for _, s := range attempts() {
					s.try(t, nc, who, who == "admin" || slices.Contains(s.may, who))
				}
				for _, h := range subscriptions {
					may := who == "admin" || slices.Contains(h.may, who)
					for _, queue := range []string{"", "supervisor", "other"} {
						if got := mayListen(t, nc, h.subject, queue); got != may {
							t.Errorf("%s listens to %s in the queue group %q: %t, want %t", who, h.subject, queue, got, may)
						}
					}
				}
				nc.Close()
			}
			g.process.stop()
		})
	}
}

// mayListen reports whether the broker lets a user subscribe to a subject. The connection's
// last error is of this attempt: each one has a subject or a queue group of its own.
func mayListen(t *testing.T, nc *nats.Conn, subject, queue string) bool {
	t.Helper()
	sub, err := nc.QueueSubscribeSync(subject, queue)
	must(t, err)
	must(t, nc.Flush())
	must(t, sub.Unsubscribe())
	if queue == "" {
		return !refused(nc, subject)
	}
	err = nc.LastError()
	return !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) || !strings.Contains(err.Error(), queue)
}

// awaitStream waits until the stream exists.
func awaitStream(t *testing.T, g *guarded) {
	t.Helper()
	nc := g.connect("admin")
	defer nc.Close()
	var err error
	eventually.Holds(t, func() bool {
		var reply *nats.Msg
		reply, err = nc.RequestWithContext(t.Context(), "$JS.API.STREAM.INFO.EVENTS", nil)
		return err == nil && !strings.Contains(string(reply.Data), `"error"`)
	}, func() string { return fmt.Sprintf("the stream does not appear: %v", err) })
}

// refused reports whether the broker has just rejected something about a subject.
// The connection was flushed, so everything sent before has been checked.
func refused(nc *nats.Conn, subject string) bool {
	err := nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"`+subject+`"`)
}

// try publishes the message, and checks whether its receiver got it.
func (s *attempt) try(t *testing.T, nc *nats.Conn, who string, may bool) {
	t.Helper()
	inbox := nc.NewInbox()
	if agent, ok := strings.CutPrefix(s.subject, "supervisor.agent."); ok {
		agent, _, _ = strings.Cut(agent, ".")
		if who == agent || who == "admin" { // requests from other users are not answered
			inbox = strings.Replace(nats.NewInbox(), "_INBOX", "_INBOX."+agent, 1)
		}
	}
	sub, err := nc.SubscribeSync(inbox)
	must(t, err)
	defer func() { _ = sub.Unsubscribe() }() // the connection may be closed
	msg := &nats.Msg{Subject: s.subject, Reply: inbox, Data: []byte(s.body), Header: nats.Header{}}
	if name, value, ok := strings.Cut(s.header, ": "); ok {
		msg.Header.Set(name, value)
	}
	must(t, nc.PublishMsg(msg))
	must(t, nc.Flush())
	if got := !refused(nc, s.subject); got != may {
		t.Errorf("%s says something on %s: %t, want %t", who, s.subject, got, may)
		return
	}
	if !may || s.silent {
		return
	}
	reply, err := sub.NextMsg(testTimeout)
	if err != nil {
		t.Errorf("%s gets no answer on %s: %v", who, s.subject, err)
		return
	}
	if s.body == nonsense && !strings.Contains(string(reply.Data), "nonsense") {
		t.Errorf("%s asked %s, and was answered by somebody else: %s", who, s.subject, reply.Data)
	}
}

// A broker's system user is in its own account, which has no supervisor.
func TestTheSystemUserReachesNoMissions(t *testing.T) {
	t.Parallel()
	g := guardExternal(t)
	g.start()
	nc := g.connect("system")
	if _, err := nc.Request("supervisor.status", nil, testTimeout); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a system user was answered with %v", err)
	}
	if _, err := nc.Request("$SYS.REQ.SERVER.PING", nil, testTimeout); err != nil {
		t.Errorf("a system user cannot do what it is for: %v", err)
	}
}

// Agents' replies contain leases. Clients that may subscribe to _INBOX.> are in
// another account.
func TestNobodyHearsAnAgentsReplies(t *testing.T) {
	t.Parallel()
	everyGuarded(t, func(t *testing.T, g *guarded) {
		viewer, operator, w1 := g.connect("viewer"), g.connect("operator"), g.connect("w1")
		overheard, err := viewer.SubscribeSync("_INBOX.>")
		must(t, err)
		must(t, viewer.Flush())
		reply, err := w1.Request("supervisor.agent.w1.register", []byte(`{"name":"w1","types":["x"],"capacity":1}`), testTimeout)
		if err != nil || !strings.Contains(string(reply.Data), "lease_seconds") {
			t.Fatalf("w1 was not registered: %v %s", err, reply.Data)
		}
		_, err = operator.Request("supervisor.missions.list", nil, testTimeout)
		must(t, err)
		// The operator's reply, which came after the agent's, is received.
		msg, err := overheard.NextMsg(testTimeout)
		must(t, err)
		if !strings.Contains(string(msg.Data), `"missions"`) {
			t.Errorf("a viewer received %s", msg.Data)
		}
	})
}

// A client of the supervisor chooses where the reply goes, and controls part of its
// content. The supervisor sends no reply to other subjects, for example into a
// client's stream.
func TestRepliesGoNowhereButToInboxes(t *testing.T) {
	t.Parallel()
	everyGuarded(t, func(t *testing.T, g *guarded) {
		admin, w1 := g.connect("admin"), g.connect("w1")
		orders, err := admin.SubscribeSync("orders.>")
		must(t, err)
		must(t, admin.Flush())
		for range 20 {
			must(t, w1.PublishRequest("supervisor.agent.w1.heartbeat", "orders.new", []byte(`{"a hundred shares":1}`)))
			_, err := w1.Request("supervisor.agent.w1.heartbeat", []byte(nonsense), testTimeout)
			must(t, err)
		}
		must(t, admin.Flush())
		if n, _, err := orders.Pending(); err != nil || n > 0 {
			msg, _ := orders.NextMsg(testTimeout)
			t.Errorf("an agent has had the supervisor say %d times (%v): %s", n, err, msg.Data)
		}
	})
}
