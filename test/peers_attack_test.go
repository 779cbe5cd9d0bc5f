package test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/supervisor/api"
)

// hintSubjects are the subjects on which supervisors notify each other.
func hintSubjects(store string) []string {
	root := api.PeersSubject(store)
	return []string{
		api.SubjectPresence, root + ".ready.x", root + ".due", root + ".dismissed.w2", root + ".grown", root + ".resigned", root + ".ended.m",
		api.SubjectForward + ".supervisor",
	}
}

// attackers are the users that may not communicate with supervisors as peers.
var attackers = []string{"viewer", "operator", "w1"}

// everyGuardedOnRedis runs an attack on every kind of site with users, with a store that
// several supervisors may share.
func everyGuardedOnRedis(t *testing.T, attack func(*testing.T, *guarded)) {
	redis := redistest.Start(t, "--appendfsync", "no")
	for name, site := range guardedSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := site(t)
			g.start("--store", redis.URL()+"?prefix="+strings.NewReplacer(", ", "-").Replace(name))
			awaitStream(t, g)
			attack(t, g)
		})
	}
}

// Other users cannot reach the subjects between supervisors: not by publishing, not
// by subscribing, and not as the reply subject of a permitted request.
func TestNobodyReachesThePeers(t *testing.T) {
	t.Parallel()
	everyGuardedOnRedis(t, func(t *testing.T, g *guarded) {
		admin := g.connect("admin")
		waiting := parkW2(t, g)
		store := storeOf(t, admin)
		overheard, err := admin.SubscribeSync("supervisor.peers.>")
		must(t, err)
		must(t, admin.Flush())
		for _, who := range attackers {
			nc := g.connect(who)
			for _, subject := range hintSubjects(store) {
				attackDirectly(t, nc, who, subject)
				attackByReply(t, nc, who, subject)
			}
			for _, wildcard := range []string{"supervisor.peers.>", "supervisor.peers.*", api.PeersSubject("*") + ".dismissed.*"} {
				listens(t, nc, who, wildcard)
			}
		}
		settle(t, g)
		must(t, admin.Flush())
		for {
			n, _, err := overheard.Pending()
			must(t, err)
			if n == 0 {
				break
			}
			msg, err := overheard.NextMsg(testTimeout)
			must(t, err)
			t.Errorf("on %s there came %q with reply %q", msg.Subject, msg.Data, msg.Reply)
		}
		waiting(t)
		g.process.stop()
	})
}

// parkW2 makes the agent w2 wait for a mission. The function it returns creates one
// and expects w2 to get it through the claim that was waiting.
func parkW2(t *testing.T, g *guarded) (expect func(*testing.T)) {
	t.Helper()
	nc := g.connect("w2")
	_, err := nc.Request("supervisor.agent.w2.register", []byte(`{"name":"w2","types":["x"],"capacity":1}`), testTimeout)
	must(t, err)
	inbox := nc.NewInbox()
	claimed, err := nc.SubscribeSync(inbox)
	must(t, err)
	must(t, nc.PublishRequest("supervisor.agent.w2.claim", inbox, []byte(`{"max":1,"wait_seconds":60}`)))
	must(t, nc.Flush())
	return func(t *testing.T) {
		t.Helper()
		g.ok("operator", "missions", "create", "work", "--type", "x")
		msg, err := claimed.NextMsg(testTimeout)
		must(t, err)
		if !strings.Contains(string(msg.Data), `"work"`) {
			t.Errorf("the claim of w2 was answered with %s", msg.Data)
		}
	}
}

// storeOf requests the store's identity, as an admin may.
func storeOf(t *testing.T, admin *nats.Conn) string {
	t.Helper()
	msg, err := admin.Request(api.SubjectPresence, nil, testTimeout)
	must(t, err)
	var present struct{ Store string }
	must(t, json.Unmarshal(msg.Data, &present))
	return present.Store
}

func attackDirectly(t *testing.T, nc *nats.Conn, who, subject string) {
	t.Helper()
	must(t, nc.PublishRequest(subject, nc.NewInbox(), []byte(`{"from":"`+who+`"}`)))
	must(t, nc.Flush())
	if !refused(nc, subject) {
		t.Errorf("%s says something on %s", who, subject)
	}
	listens(t, nc, who, subject)
}

func listens(t *testing.T, nc *nats.Conn, who, subject string) {
	t.Helper()
	for _, queue := range []string{"", "supervisor"} {
		sub, err := nc.QueueSubscribeSync(subject, queue)
		must(t, err)
		must(t, nc.Flush())
		must(t, sub.Unsubscribe())
		if !refused(nc, subject) {
			t.Errorf("%s listens to %s in the queue group %q", who, subject, queue)
		}
	}
}

// attackByReply sends every permitted request with the given reply subject.
func attackByReply(t *testing.T, nc *nats.Conn, who, subject string) {
	t.Helper()
	asks := map[string]string{
		"supervisor.status": "", "supervisor.health": nonsense, "supervisor.missions.list": "", "$SRV.PING": "", "$SRV.INFO.supervisor": "",
		"supervisor.missions.cancel": `{"id":"nobodys"}`, "supervisor.agent.w1.register": `{"name":"w1","types":["y"],"capacity":1}`,
		"supervisor.agent.w1.heartbeat": nonsense, "supervisor.agent.w1.leave": "", "supervisor.agent.w1.commands": `{"from":"w1"}`,
		"$JS.API.INFO": "", "$JS.API.STREAM.INFO.EVENTS": "", "$JS.API.STREAM.NAMES": "", "$JS.API.DIRECT.GET.EVENTS": `{"seq":1}`,
		"$JS.API.STREAM.MSG.GET.EVENTS":           `{"seq":1}`,
		"$JS.API.CONSUMER.CREATE.EVENTS.pulled":   `{"stream_name":"EVENTS","config":{"name":"pulled","ack_policy":"explicit","deliver_policy":"all"}}`,
		"$JS.API.CONSUMER.MSG.NEXT.EVENTS.pulled": `{"batch":10,"no_wait":true}`,
		"$JS.API.CONSUMER.INFO.EVENTS.pulled":     "",
	}
	for ask, body := range asks {
		must(t, nc.PublishRequest(ask, subject, []byte(body)))
	}
	must(t, nc.Flush())
}

// settle waits until everything requested has been answered: requests and
// JetStream's responses use separate connections.
func settle(t *testing.T, g *guarded) {
	t.Helper()
	operator := g.connect("operator")
	for range 20 {
		for _, subject := range []string{"supervisor.status", "$JS.API.STREAM.INFO.EVENTS", "$JS.API.CONSUMER.NAMES.EVENTS"} {
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			_, err := operator.RequestWithContext(ctx, subject, nil)
			cancel()
			must(t, err)
		}
	}
}

// A viewer may create a consumer that pushes events to a subject of the service's
// account. On the subjects between supervisors they are treated neither as hints
// nor as a presence query.
func TestEventsThatArePushedToThePeersAreNotHeeded(t *testing.T) {
	t.Parallel()
	everyGuardedOnRedis(t, func(t *testing.T, g *guarded) {
		admin, viewer := g.connect("admin"), g.connect("viewer")
		waiting := parkW2(t, g)
		answers, err := admin.SubscribeSync("$JS.ACK.>")
		must(t, err)
		pushed, err := admin.SubscribeSync("supervisor.peers.>")
		must(t, err)
		must(t, admin.Flush())
		for i, subject := range hintSubjects(storeOf(t, admin)) {
			for _, ack := range []string{"none", "explicit"} {
				name := fmt.Sprint("pushed-", ack, i)
				config := fmt.Sprintf(`{"stream_name":"EVENTS","config":{"name":%q,"deliver_subject":%q,"ack_policy":%q,`+
					`"deliver_policy":"all","replay_policy":"instant","idle_heartbeat":100000000,"flow_control":true}}`, name, subject, ack)
				_, err := viewer.Request("$JS.API.CONSUMER.CREATE.EVENTS."+name, []byte(config), testTimeout)
				must(t, err)
			}
		}
		settle(t, g)
		must(t, admin.Flush())
		if n, _, err := answers.Pending(); err != nil || n > 0 {
			msg, _ := answers.NextMsg(testTimeout)
			t.Errorf("%d pushed events were answered (%v): %s", n, err, msg.Data)
		}
		if n, _, err := pushed.Pending(); err != nil || n == 0 {
			t.Errorf("no event was pushed (%v): this test tests nothing", err)
		}
		waiting(t)
		g.process.stop()
	})
}
