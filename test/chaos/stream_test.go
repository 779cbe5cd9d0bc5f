//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/test/chaos/check"
)

// A broker whose disk was full keeps a replica of the stream that ends where it
// could not write. Reading the stream is not misled by it, and a restart repairs
// it.
func TestTheStreamIsReadAsItsLeaderHasIt(t *testing.T) {
	t.Parallel()
	if !canLimitFiles {
		t.Skip("nobody's disk can be filled here")
	}
	s, err := newSite(t.TempDir(), 1, layout{brokers: 3})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	look, err := newLook(s.natsDirect())
	must(t, err)
	t.Cleanup(look.close)
	js, err := jetstream.New(look.nc)
	must(t, err)
	stream := makeStream(t, js)
	_, byName := named(s.brokers)
	behind := byName[follower(t, stream)]
	behind.limitFiles(4096)
	const events = 300
	for n := range events {
		publish(t, js, n)
	}
	behind.limitFiles(-1)
	for range 10 { // brokers place a consumer on any of the three replicas
		var e check.Evidence
		must(t, look.events(&e))
		if len(e.Events) != events {
			t.Fatalf("%d events are read of %d", len(e.Events), events)
		}
	}
	if current(t, stream, behind.name) {
		t.Errorf("%s has the whole stream: its disk was not full", behind.name)
	}
	s.fillingBrokers().heal(behind.name)
	if !until(recovery, func() bool { return current(t, stream, behind.name) }) {
		t.Errorf("%s does not get the rest of the stream", behind.name)
	}
}

// makeStream creates a stream with three replicas, as a supervisor does.
func makeStream(t *testing.T, js jetstream.JetStream) (stream jetstream.Stream) {
	t.Helper()
	var err error
	if !until(recovery, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), usual)
		defer cancel()
		stream, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Replicas: 3, AllowDirect: true})
		return err == nil
	}) {
		t.Fatal(err)
	}
	return stream
}

// copies returns the leader's info on the stream's replicas, or nil if it does not
// answer.
func copies(t *testing.T, stream jetstream.Stream) *jetstream.ClusterInfo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), usual)
	defer cancel()
	info, err := stream.Info(ctx)
	if err != nil || info.Cluster == nil || info.Cluster.Leader == "" {
		return nil
	}
	return info.Cluster
}

// follower returns a broker that has a replica and is not the leader.
func follower(t *testing.T, stream jetstream.Stream) (name string) {
	t.Helper()
	if !until(recovery, func() bool {
		if all := copies(t, stream); all != nil && len(all.Replicas) == 2 {
			name = all.Replicas[0].Name
		}
		return name != ""
	}) {
		t.Fatal("the stream does not have three copies")
	}
	return name
}

// current reports whether a broker has the whole stream.
func current(t *testing.T, stream jetstream.Stream, name string) bool {
	t.Helper()
	if all := copies(t, stream); all != nil {
		for _, replica := range all.Replicas {
			if replica.Name == name {
				return replica.Current
			}
		}
	}
	return false
}

// publish stores an event, repeating the publish until it is stored.
func publish(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	id := fmt.Sprint(n)
	body := fmt.Appendf(nil, `{"id":%q,"type":"test.happened"}`, id)
	var err error
	if !until(recovery, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), usual)
		defer cancel()
		_, err = js.Publish(ctx, "events.test.happened", body, jetstream.WithMsgID(id))
		return err == nil
	}) {
		t.Fatal(err)
	}
}
