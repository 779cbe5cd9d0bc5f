package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/supervisor/roles"
)

// Users with real credentials try what their role does not allow, on each kind of
// broker. SECURITY.md, "What was tried", lists the attempts.

// everyGuarded runs an attack on every kind of site with users.
func everyGuarded(t *testing.T, attack func(*testing.T, *guarded), args ...string) {
	for name, site := range guardedSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := site(t)
			g.start(args...)
			awaitStream(t, g)
			attack(t, g)
		})
	}
}

// store publishes a message below events., which only an admin may do.
func (g *guarded) store(subject, body string) {
	g.t.Helper()
	nc := g.connect("admin")
	defer nc.Close()
	reply, err := nc.Request(subject, []byte(body), testTimeout)
	must(g.t, err)
	if !strings.Contains(string(reply.Data), `"seq"`) {
		g.t.Fatalf("%s was not stored: %s", subject, reply.Data)
	}
}

// arrivals returns how many messages an endpoint has received.
func (g *guarded) arrivals(viewer *nats.Conn, endpoint string) (requests int) {
	g.t.Helper()
	reply, err := viewer.Request("$SRV.STATS.supervisor", nil, testTimeout)
	must(g.t, err)
	var stats struct {
		Endpoints []struct {
			Name     string `json:"name"`
			Requests int    `json:"num_requests"`
		} `json:"endpoints"`
	}
	must(g.t, json.Unmarshal(reply.Data, &stats))
	for _, ep := range stats.Endpoints {
		if ep.Name == endpoint {
			return ep.Requests
		}
	}
	g.t.Fatalf("there is no endpoint %s", endpoint)
	return 0
}

// JetStream replies to any subject the requester names, and the reply crosses
// between the accounts as if the requester were allowed to send it. A stored
// message whose body is a request is not treated as a request, and changes nothing.
func TestAViewerHasJetStreamSendNoRequests(t *testing.T) {
	everyGuarded(t, func(t *testing.T, g *guarded) {
		operator, viewer := client.New(g.connect("operator")), g.connect("viewer")
		for _, id := range []string{"kept", "cancelled"} {
			_, _, err := operator.Create(t.Context(), api.MissionSpec{ID: id, Name: id})
			must(t, err)
		}
		_, err := operator.Cancel(t.Context(), "cancelled", "")
		must(t, err)
		before := g.ok("operator", "missions", "list", "--json")
		for endpoint, request := range map[string]string{
			"missions-create": `{"id":"forged","name":"forged"}`, "missions-cancel": `{"id":"kept"}`,
			"missions-retry": `{"id":"cancelled"}`, "missions-delete": `{"id":"cancelled"}`,
		} {
			subject, stored := "supervisor."+strings.ReplaceAll(endpoint, "-", "."), "events.forged."+endpoint
			g.store(stored, request)
			arrived := g.arrivals(viewer, endpoint)
			must(t, viewer.PublishRequest("$JS.API.DIRECT.GET.EVENTS", subject, fmt.Appendf(nil, `{"last_by_subj":%q}`, stored)))
			made, err := viewer.Request("$JS.API.CONSUMER.CREATE.EVENTS", fmt.Appendf(nil, `{"stream_name":"EVENTS","config":{"filter_subject":%q,
				"ack_policy":"none","deliver_policy":"all","replay_policy":"instant"}}`, stored), testTimeout)
			must(t, err)
			var consumer struct{ Name string }
			must(t, json.Unmarshal(made.Data, &consumer))
			must(t, viewer.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.EVENTS."+consumer.Name, subject, []byte(`{"batch":1,"no_wait":true}`)))
			must(t, viewer.Flush())
			for g.arrivals(viewer, endpoint) < arrived+2 {
				if t.Context().Err() != nil {
					t.Fatal("the attack proves nothing: the message does not arrive at the supervisor")
				}
			}
		}
		if after := g.ok("operator", "missions", "list", "--json"); after != before {
			t.Errorf("missions were\n%s, and are\n%s", before, after)
		}
	})
}

// The same for every subject shared between the accounts, one by one: the stored
// message is a request that each endpoint would carry out if an operator sent it.
func TestNothingSharedTakesAnAnswerForARequest(t *testing.T) {
	everyGuarded(t, func(t *testing.T, g *guarded) {
		operator, viewer := client.New(g.connect("operator")), g.connect("viewer")
		_, _, err := operator.Create(t.Context(), api.MissionSpec{ID: "kept", Name: "kept"})
		must(t, err)
		state := func() string {
			names, err := g.connect("admin").Request("$JS.API.STREAM.LIST", nil, testTimeout)
			must(t, err)
			var list struct {
				Streams []struct{ Config json.RawMessage }
			}
			must(t, json.Unmarshal(names.Data, &list))
			return fmt.Sprintf("%s %s", list, g.ok("operator", "missions", "list", "--json"))
		}
		g.store("events.forged.mission", `{"id":"kept"}`)
		g.store("events.forged.empty", `{}`)
		before := state()
		for _, shared := range roles.Shares() {
			if shared.Events || strings.ContainsAny(shared.Subject, "*>") {
				continue
			}
			for _, stored := range []string{"events.forged.mission", "events.forged.empty", "events.nothing"} {
				must(t, viewer.PublishRequest("$JS.API.DIRECT.GET.EVENTS", shared.Subject, fmt.Appendf(nil, `{"last_by_subj":%q}`, stored)))
			}
			for _, asked := range []string{"$JS.API.STREAM.NAMES", "$JS.API.INFO", "$SRV.PING", api.SubjectMissionsList, api.SubjectHealth} {
				must(t, viewer.PublishRequest(asked, shared.Subject, nil))
			}
			_, err := viewer.Request("$JS.API.STREAM.INFO.EVENTS", nil, testTimeout) // after those before it
			must(t, err)
		}
		arrived := g.arrivals(viewer, "missions-delete")
		must(t, viewer.PublishRequest("$JS.API.DIRECT.GET.EVENTS", api.SubjectMissionsDelete, []byte(`{"last_by_subj":"events.forged.mission"}`)))
		for g.arrivals(viewer, "missions-delete") == arrived {
			if t.Context().Err() != nil {
				t.Fatal("the attack proves nothing: the message does not arrive at the supervisor")
			}
		}
		if after := state(); after != before {
			t.Errorf("the state was\n%s, and is\n%s", before, after)
		}
	})
}

// Every receiver of an event sees the subject of its acknowledgement. The
// supervisor sends no reply to that subject, and to no inbox but the agent's own.
func TestAnAgentHasItsRepliesSentNowhereElse(t *testing.T) {
	everyGuarded(t, func(t *testing.T, g *guarded) {
		admin, viewer, w1, w2 := g.connect("admin"), g.connect("viewer"), g.connect("w1"), g.connect("w2")
		events, err := viewer.SubscribeSync("events.>")
		must(t, err)
		must(t, viewer.Flush())
		_, _, err = client.New(g.connect("operator")).Create(t.Context(), api.MissionSpec{Name: "first"})
		must(t, err)
		var acknowledged string
		for acknowledged == "" {
			event, err := events.NextMsg(testTimeout)
			must(t, err)
			acknowledged = event.Reply
		}
		at := strings.LastIndex(acknowledged, ".") + 1
		window, last := acknowledged[:at], acknowledged[at:]
		if !strings.HasPrefix(window, eventstream.AckPrefix) {
			t.Errorf("acknowledgements come to %s", acknowledged)
		}
		number, err := strconv.ParseUint(last, 36, 64)
		must(t, err)

		arrived := make(chan *nats.Msg, 1<<14)
		for nc, subject := range map[*nats.Conn]string{admin: window + ">", w2: "_INBOX.w2.>", viewer: "_INBOX.>"} {
			_, err := nc.ChanSubscribe(subject, arrived)
			must(t, err)
			must(t, nc.Flush())
		}
		_, err = admin.ChanSubscribe("_INBOX.admin.>", arrived)
		must(t, err)
		must(t, admin.Flush())
		replies := []string{"_INBOX.w2.forged", "_INBOX.admin.forged", "_INBOX.w1", "_INBOX.w1x.y"}
		for n := range uint64(2000) {
			replies = append(replies, window+strconv.FormatUint(number+n, 36))
		}
		for _, reply := range replies {
			must(t, w1.PublishRequest("supervisor.agent.w1.heartbeat", reply, []byte(`{"running":[]}`)))
		}
		// When this one is answered, the earlier heartbeats have been handled.
		for range 20 {
			_, err = w1.Request("supervisor.agent.w1.heartbeat", []byte(nonsense), testTimeout)
			must(t, err)
		}
		must(t, admin.Flush())
		for len(arrived) > 0 {
			if msg := <-arrived; !strings.Contains(string(msg.Data), `"stream":"EVENTS"`) {
				t.Fatalf("the supervisor was made to say on %s: %s", msg.Subject, msg.Data)
			}
		}
		for _, forger := range []*nats.Conn{viewer, w1, g.connect("operator")} {
			must(t, forger.Publish(window+last, []byte(`{"stream":"EVENTS","seq":1}`)))
			must(t, forger.Flush())
			if !refused(forger, window+last) {
				t.Errorf("an acknowledgement may be forged: %v", forger.LastError())
			}
			sub, err := forger.SubscribeSync(window + ">")
			must(t, err)
			must(t, forger.Flush())
			must(t, sub.Unsubscribe())
			if !refused(forger, window+">") {
				t.Errorf("acknowledgements may be received: %v", forger.LastError())
			}
		}
		if health := g.ok("viewer", "health", "--json"); !strings.Contains(health, `"status":"ok"`) {
			t.Errorf("health is %s", health)
		}
	})
}

// A connection with an agent's name that belongs to another user ends without
// consequences, whether or not the agent has a connection with that name itself.
// Nor does such a connection hide the agent's death.
func TestAForeignConnectionIsNoAgents(t *testing.T) {
	everyGuarded(t, func(t *testing.T, g *guarded) {
		for _, id := range []string{"w1", "w2"} {
			g.ok("operator", "missions", "create", id, "--id", "of-"+id, "--type", id)
		}
		claim := func(nc *nats.Conn, id string) {
			_, err := nc.Request("supervisor.agent."+id+".register", []byte(`{"name":"x","types":["`+id+`"],"capacity":1}`), testTimeout)
			must(t, err)
			reply, err := nc.Request("supervisor.agent."+id+".claim", []byte(`{"max":1,"wait_seconds":20}`), testTimeout)
			must(t, err)
			if !strings.Contains(string(reply.Data), `"of-`+id+`"`) {
				t.Fatalf("%s did not get its mission: %s", id, reply.Data)
			}
		}
		changes, err := g.connect("viewer").SubscribeSync("events.mission.status_changed")
		must(t, err)
		claim(g.connect("w2"), "w2") // over a connection that is not named after it
		named := g.connect("w1", nats.Name("agent:w1"))
		claim(named, "w1")
		g.connect("w1", nats.Name("agent:w2")).Close() // uses the live agent's name
		g.connect("admin", nats.Name("agent:w1"))      // as if the dead agent were connected
		named.Close()                                  // this death is noticed
		for {
			event, err := changes.NextMsg(testTimeout)
			must(t, err)
			if text := string(event.Data); strings.Contains(text, "is gone") {
				if !strings.Contains(text, `"of-w1"`) {
					t.Fatalf("a foreign connection's end took a mission: %s", text)
				}
				break
			}
		}
		held, err := client.New(g.connect("operator")).Get(t.Context(), "of-w2")
		must(t, err)
		if held.Status != missions.Running || held.Attempt != 1 {
			t.Errorf("w2's mission is %s, attempt %d", held.Status, held.Attempt)
		}
	}, "--lease", "1h", "--heartbeat", "10m")
}

// A message on events.> may not come from the supervisor: JetStream sends a stored
// message to any subject a client requests. SECURITY.md says how to tell: such a
// message names its stream, or it is an event that was published before, byte for
// byte. The stream itself, and clients that read it through the supervisor, do not
// contain it.
func TestARepeatedEventCanBeTold(t *testing.T) {
	everyGuarded(t, func(t *testing.T, g *guarded) {
		viewer, operator, admin := g.connect("viewer"), g.connect("operator"), g.connect("admin")
		published, err := viewer.SubscribeSync("events.mission.created")
		must(t, err)
		must(t, viewer.Flush())
		_, _, err = client.New(operator).Create(t.Context(), api.MissionSpec{ID: "first", Name: "first"})
		must(t, err)
		_, err = admin.Request("$JS.API.STREAM.CREATE.DEADLETTERS",
			[]byte(`{"name":"DEADLETTERS","subjects":["deadletter.>"],"storage":"file","retention":"limits","allow_direct":true}`), testTimeout)
		must(t, err)
		event, err := published.NextMsg(testTimeout)
		must(t, err)
		if event.Header.Get("Nats-Stream") != "" {
			t.Errorf("an event says that it was repeated: %s", event.Header)
		}
		_, err = viewer.Request("$JS.API.STREAM.INFO.EVENTS", nil, testTimeout) // it is stored
		must(t, err)
		const forgery = `{"id":"forged"}`
		_, err = operator.Request("deadletter.forged", []byte(forgery), testTimeout)
		must(t, err)
		events, err := viewer.SubscribeSync("events.mission.created")
		must(t, err)
		must(t, viewer.Flush())
		must(t, operator.PublishRequest("$JS.API.DIRECT.GET.DEADLETTERS", "events.mission.created", []byte(`{"last_by_subj":"deadletter.forged"}`)))
		must(t, viewer.PublishRequest("$JS.API.DIRECT.GET.EVENTS", "events.mission.created", []byte(`{"last_by_subj":"events.mission.created"}`)))
		for range 2 {
			msg, err := events.NextMsg(testTimeout)
			must(t, err)
			if msg.Header.Get("Nats-Stream") == "" {
				t.Errorf("a repeated message cannot be told from an event: %s %s", msg.Header, msg.Data)
			}
		}
		stream, err := admin.Request("$JS.API.STREAM.MSG.GET.EVENTS", []byte(`{"last_by_subj":"events.mission.created"}`), testTimeout)
		must(t, err)
		if !strings.Contains(string(stream.Data), `"seq"`) {
			t.Fatalf("the stream has no event: %s", stream.Data)
		}
		if output := g.ok("viewer", "events", "--type", "mission.created", "--json"); strings.Count(output, "\n") != 1 || strings.Contains(output, "forged") {
			t.Errorf("the stream has %s", output)
		}
	})
}

// The holder of the agents' signing key can create agents, and none that receives
// more than agents do: a star in a name is not a wildcard.
func TestASignedNameIsNoWildcard(t *testing.T) {
	t.Parallel()
	g := guardExternal(t, "--jwt")
	g.start()
	admin := g.connect("admin")
	for _, name := range []string{"*", ">", "*.*", "w2.*"} {
		nc, err := nats.Connect(g.broker, nats.UserCredentials(signedName(t, g, name)), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			continue // the broker rejects it, which is enough
		}
		for _, subject := range []string{"_INBOX.*.>", "_INBOX.>", "_INBOX.*.*", admin.NewRespInbox(), "_INBOX.*.*.>", "_INBOX.*.*.*", "supervisor.agent.*.commands"} {
			sub, err := nc.SubscribeSync(subject)
			must(t, err)
			must(t, nc.Flush())
			must(t, sub.Unsubscribe())
			if !refused(nc, subject) && !strings.HasPrefix(subject, "supervisor.agent.") {
				t.Errorf("an agent called %s listens to %s", name, subject)
			}
		}
		nc.Close()
	}
	w1 := g.connect("w1")
	if _, err := w1.Request("supervisor.agent.w1.heartbeat", []byte(nonsense), testTimeout); err != nil {
		t.Errorf("an ordinary agent: %v", err)
	}
	// render repairs the template in a directory created by an earlier version.
	dir := filepath.Dir(g.secrets)
	made := content(t, filepath.Join(dir, "operator.conf"))
	auth(t, "render", "--dir", dir)
	for _, account := range []string{"SYS", "MISSIONS", "CLIENTS"} {
		if before, after := accountClaims(t, made, account), accountClaims(t, content(t, filepath.Join(dir, "operator.conf")), account); before != after {
			t.Errorf("render makes another account %s of the same keys:\n%s\n%s", account, before, after)
		}
	}
}

// signedName creates credentials for a user of any name with the agents' signing
// key.
func signedName(t *testing.T, g *guarded, name string) (path string) {
	t.Helper()
	dir := filepath.Dir(g.secrets)
	signer, err := nkeys.FromSeed([]byte(content(t, filepath.Join(dir, "keys", "role-agent.nk"))))
	must(t, err)
	account, err := nkeys.FromSeed([]byte(content(t, filepath.Join(dir, "keys", "MISSIONS.nk"))))
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	claims := jwt.NewUserClaims(public)
	claims.Name = name
	claims.IssuerAccount, err = account.PublicKey()
	must(t, err)
	claims.SetScoped(true)
	token, err := claims.Encode(signer)
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	text, err := jwt.FormatUserConfig(token, seed)
	must(t, err)
	path = filepath.Join(t.TempDir(), "user.creds")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}

// accountClaims returns the claims of an account's JWT in a configuration, without
// those that differ with each signing.
func accountClaims(t *testing.T, config, name string) string {
	t.Helper()
	lines := strings.Split(config, "\n")
	at := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "# "+name })
	if at < 0 {
		t.Fatalf("there is no account %s in %s", name, config)
	}
	_, token, _ := strings.Cut(lines[at+1], ": ")
	claims, err := jwt.DecodeAccountClaims(strings.TrimSpace(token))
	must(t, err)
	claims.IssuedAt, claims.ID = 0, ""
	return claims.String()
}
