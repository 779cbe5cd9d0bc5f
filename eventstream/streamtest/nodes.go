package streamtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

// clusterTests concern single nodes, so each has a cluster of its own.
var clusterTests = []struct {
	name  string
	nodes int
	run   func(b *bench, c *Cluster)
}{
	{"LeaderStepsDownUnderPublishing", 3, testStepDown},
	{"LeaderIsKilledUnderPublishing", 3, testLeaderKilled},
	{"LeaderChangesWithoutAtomicPublish", 3, testWithoutAtomic},
	{"OneCopyBehindAnotherNode", 3, testOneCopy},
	{"LearnedServersAreRedialled", 3, testLearned},
	{"RefusedEventIsFoundInItsBatch", 3, testRefusedInBatch},
	{"ThreeCopiesWhileANodeIsDown", 3, testNodeDownAtFirst},
	{"OneCopyOnTwoNodes", 2, testTwoNodes},
}

// RunCluster tests what a cluster adds: leaders that change, and nodes that fail
// and return. The tests run in parallel.
func RunCluster(t *testing.T) {
	for _, test := range clusterTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := StartCluster(t, test.nodes)
			test.run(newBench(t, wholeCluster{Cluster: c}), c)
		})
	}
}

// wholeCluster is the harness of a test that disturbs single nodes itself.
type wholeCluster struct {
	Harness // not used
	*Cluster
}

func (w wholeCluster) Config() eventstream.Config { return eventstream.Config{URL: w.URL()} }
func (w wholeCluster) AdminURL() string           { return w.URL() }
func (w wholeCluster) Replicas() int              { return 3 }

// fewer than relayed, because a cluster is slower; many times the size of one
// batch.
const fewer = 3000

// leader waits until the stream has a leader, and returns its name.
func (b *bench) leader(js jetstream.JetStream) (name string) {
	b.Helper()
	b.retry("looking for the leader", func(ctx context.Context) (bool, error) {
		stream, err := js.Stream(ctx, "EVENTS")
		if err == nil {
			name = stream.CachedInfo().Cluster.Leader
		}
		return name != "", err
	})
	return name
}

// stepDown makes the stream's leader step down. Another one, or the same, is then
// elected.
func (b *bench) stepDown(js jetstream.JetStream) {
	b.Helper()
	b.retry("stepping down", func(ctx context.Context) (bool, error) {
		reply, err := js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN.EVENTS", nil)
		return err == nil && strings.Contains(string(reply.Data), `"success":true`), err
	})
}

// operatorsStream is created before the stream under test is opened.
func (b *bench) operatorsStream(cfg jetstream.StreamConfig) jetstream.JetStream {
	b.Helper()
	cfg.Name, cfg.Subjects = "EVENTS", []string{"events.>"}
	js := b.admin()
	b.createStream(js, cfg)
	return js
}

func testStepDown(b *bench, _ *Cluster) {
	s := b.connected()
	js := b.admin()
	disturb(b, s, fewer, func(int) {
		b.stepDown(js)
		b.awaitState(s, eventstream.Connected) // it may or may not have noticed
		b.stepDown(js)
	})
}

// Telemetry continues meanwhile. Each event is dropped or stored, and counted
// accordingly.
func testLeaderKilled(b *bench, c *Cluster) {
	s := b.connected()
	emitted := uint64(0)
	disturb(b, s, fewer, func(int) {
		leader := c.Node(b.leader(b.admin()))
		for range 100 {
			s.Emit(progressed(1))
			emitted++
		}
		c.Kill(leader)
		for range 100 {
			s.Emit(progressed(1))
			emitted++
		}
		b.awaitState(s, eventstream.Connected)
		c.Restart(leader)
		c.AwaitReady()
	})
	b.must(s.Close(b.ctx()))
	if st := s.Status(); st.Published+st.Dropped < emitted+fewer {
		b.Errorf("published %d + dropped %d, which is less than %d events", st.Published, st.Dropped, emitted+fewer)
	}
}

func testWithoutAtomic(b *bench, c *Cluster) {
	js := b.operatorsStream(jetstream.StreamConfig{Replicas: 3})
	s := b.connected()
	disturb(b, s, fewer/3, func(round int) {
		if round > 0 {
			b.stepDown(js)
			return
		}
		leader := c.Node(b.leader(js))
		c.Kill(leader)
		js = b.admin()
		b.awaitState(s, eventstream.Connected)
		c.Restart(leader)
		c.AwaitReady()
	})
}

// With one replica, the stream is unavailable while its node is down. We are
// connected to another node, so what is in flight crosses a route that is cut.
func testOneCopy(b *bench, c *Cluster) {
	js := b.operatorsStream(jetstream.StreamConfig{Replicas: 1, AllowAtomicPublish: true})
	home := c.Node(b.leader(js))
	cfg := b.config()
	cfg.URL = c.URLs()[(home+1)%3]
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	disturb(b, s, fewer, func(round int) {
		if round > 1 {
			return
		}
		c.Kill(home)
		b.awaitState(s, eventstream.Degraded)
		c.Restart(home)
		c.AwaitReady()
	})
}

func testLearned(b *bench, c *Cluster) {
	js := b.operatorsStream(jetstream.StreamConfig{Replicas: 3, AllowAtomicPublish: true})
	other := (c.Node(b.leader(js)) + 1) % 3
	cfg := b.config()
	cfg.URL = c.URLs()[other]
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(0, 10)...)
	changed, before := s.Changed(), b.log.Count("event stream degraded")
	c.Kill(other)
	b.awaitChange(s, changed)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(10, 20)...)
	if got := b.log.Count("event stream degraded") - before; got != 1 {
		b.Errorf("%d lines about degradation, want one, at the kill:\n%s", got, b.log)
	}
}

// Many are in flight, but none after the rejected one is stored.
func testRefusedInBatch(b *bench, _ *Cluster) {
	js := b.operatorsStream(jetstream.StreamConfig{Replicas: 3, AllowAtomicPublish: true, MaxMsgSize: 4096})
	s := b.connected()
	events := batchOf(0, 100)
	events[50] = charter.New(charter.MissionProgressed{MissionID: "m", Message: strings.Repeat("x", 5000), ProgressedAt: at}, at)
	n, err := s.PublishBatch(b.ctx(), events)
	if n != 50 || !errors.Is(err, eventstream.ErrUnpublishable) {
		b.Errorf("stored %d, %v, want 50 and ErrUnpublishable", n, err)
	}
	if got := len(b.stored(js, "EVENTS")); got != 50 {
		b.Errorf("%d events stored, want 50", got)
	}
	if st := s.Status(); st.State != eventstream.Connected || st.Published != 50 {
		b.Errorf("status = %+v, want connected and 50 published", st)
	}
}

// A node that is down briefly is no reason for fewer replicas. The URL does not
// name three servers here; the cluster only knows that it had a third.
func testNodeDownAtFirst(b *bench, c *Cluster) {
	// The cluster's leader must already know the node.
	js := b.admin()
	probe := jetstream.StreamConfig{Name: "PROBE", Replicas: 3}
	b.retry("creating a stream", func(ctx context.Context) (bool, error) {
		_, err := js.CreateStream(ctx, probe)
		return err == nil, err
	})
	down := 0
	if c.Broker(down).JetStreamIsLeader() {
		down = 1
	}
	c.Kill(down)
	cfg := b.config()
	cfg.URL = strings.Join(slices.Delete(c.URLs(), down, down+1), ",")
	cfg.ReplicasWait = time.Millisecond
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, created(0))
	stream, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
	if got := stream.CachedInfo().Config.Replicas; got != 3 {
		b.Errorf("%d copies, want 3", got)
	}
}

// Everything that is created has as many replicas as the events.
func testTwoNodes(b *bench, _ *Cluster) {
	cfg := b.config()
	cfg.ReplicasWait = 100 * time.Millisecond
	s := b.open(cfg)
	b.awaitReason(s, "the cluster has no nodes for 3 copies of the stream EVENTS")
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(0, 10)...)
	if got := b.storedNumbers(b.admin()); len(got) != 10 {
		b.Errorf("%d events stored, want 10", len(got))
	}
}
