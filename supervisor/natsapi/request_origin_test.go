package natsapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/supervisor/api"
)

// An empty message to an agent's leave subject takes the agent offline. A client that
// may not send one cannot cause another service to send it: neither the supervisor,
// whose replies to log and progress are empty, nor JetStream.
func TestNobodyIsMadeAMessenger(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	victim, attacker := r.register("victim", "x"), r.register("attacker", "x")
	const leave = "supervisor.agent.victim.leave"
	js, err := jetstream.New(r.nc)
	must(t, err)
	consumer, err := js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "c"})
	must(t, err)
	// Pushed to the supervisor's own queue group, so that there is a receiver.
	pushed, err := r.nc.Request("$JS.API.CONSUMER.CREATE.EVENTS.pushed",
		[]byte(`{"stream_name":"EVENTS","config":{"name":"pushed","deliver_subject":"`+leave+`","deliver_group":"supervisor",`+
			`"headers_only":true,"ack_policy":"none","deliver_policy":"all","replay_policy":"instant","max_deliver":-1}}`), testTimeout)
	must(t, err)
	if strings.Contains(string(pushed.Data), `"error"`) {
		t.Fatalf("the consumer that pushes was refused: %s", pushed.Data)
	}
	for _, request := range []struct{ subject, body string }{
		{"supervisor.agent.attacker.leave", ""},
		{"$JS.API.DIRECT.GET.EVENTS", `{"seq":999999}`},
		{"$JS.API.CONSUMER.MSG.NEXT.EVENTS." + consumer.CachedInfo().Name, `{"batch":1000,"no_wait":true}`},
	} {
		must(t, r.nc.PublishRequest(request.subject, leave, []byte(request.body)))
	}
	for _, reply := range []string{"events.mission.created", "deadletter.c", "$JS.API.STREAM.DELETE.EVENTS", "supervisor.missions.create"} {
		must(t, r.nc.PublishRequest("supervisor.agent.attacker.leave", reply, nil))
	}
	must(t, r.nc.Flush())
	// One connection's messages arrive in order, but JetStream's arrive on another.
	for range 20 {
		_, err = js.Stream(t.Context(), "EVENTS")
		must(t, err)
		if _, err := victim.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{}}); err != nil {
			t.Fatalf("the victim was dismissed: %v", err)
		}
	}
	if _, err := attacker.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{}}); err != nil {
		t.Errorf("a request whose reply leads to a request was carried out: %v", err)
	}
}

// A client that waits for a reply in an ordinary inbox gets one.
func TestOrdinaryInboxesGetReplies(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for _, inbox := range []string{nats.NewInbox(), api.InboxPrefix("w1") + ".x.y", "my.own.answers"} {
		sub, err := r.nc.SubscribeSync(inbox)
		must(t, err)
		must(t, r.nc.PublishRequest(api.SubjectStatus, inbox, nil))
		if _, err := sub.NextMsg(testTimeout); err != nil {
			t.Errorf("%s: %v", inbox, err)
		}
	}
	must(t, r.nc.Publish("supervisor.agent.w1.leave", nil)) // and a client that wants no reply
	must(t, r.nc.Flush())
}

// A request that changes missions needs a reply subject, and a message that the broker
// sent is not a request.
func TestAChangeProvesThatAClientSentIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	create := func(id string, change func(*nats.Msg)) {
		t.Helper()
		msg := &nats.Msg{Subject: api.SubjectMissionsCreate, Reply: nats.NewInbox(), Header: nats.Header{},
			Data: []byte(`{"id":"` + id + `","name":"x"}`)}
		change(msg)
		must(t, r.nc.PublishMsg(msg))
	}
	create("no-reply", func(m *nats.Msg) { m.Reply = "" })
	create("stored", func(m *nats.Msg) { m.Header.Set("Nats-Stream", "EVENTS") })
	create("status", func(m *nats.Msg) { m.Header.Set("Status", "404") })
	create("headers-only", func(m *nats.Msg) { m.Header.Set("Nats-Msg-Size", "0") })
	create("own-account", func(m *nats.Msg) { m.Header.Set("Nats-Request-Info", `{"acc":"$G","rtt":1}`) })
	create("acknowledged", func(m *nats.Msg) { m.Reply = "supervisor.acks.x.1" })
	_, err := r.nc.RequestMsg(&nats.Msg{Subject: api.SubjectMissionsCreate, Data: []byte(`{"id":"other-account","name":"x"}`),
		Header: nats.Header{"Nats-Request-Info": {`{"acc":"CLIENTS","rtt":1}`}}}, testTimeout)
	must(t, err)
	_, _, err = r.client.Create(t.Context(), api.MissionSpec{ID: "ordinary", Name: "x"}) // arrives after those
	must(t, err)
	list, err := r.client.List(t.Context(), api.ListRequest{})
	must(t, err)
	var ids []string
	for _, m := range list.Missions {
		ids = append(ids, m.ID)
	}
	if slices.Sort(ids); strings.Join(ids, " ") != "ordinary other-account" {
		t.Errorf("created: %v", ids)
	}
}
