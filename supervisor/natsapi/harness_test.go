package natsapi_test

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
	"missioncontrol/supervisor/client"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/test/fatal"
)

// rig is a whole supervisor in the test's process: embedded broker, SQLite store,
// event stream, service and endpoints.
type rig struct {
	t       testing.TB
	broker  *embedded.Server
	store   *sqlitestore.Store
	stream  *eventstream.Stream
	service *supervisor.Service
	nc      *nats.Conn // a user's connection
	client  *client.Client
	stop    func(context.Context) error // stops service and endpoints, once
}

type rigOptions struct {
	lease, heartbeat time.Duration
	outboxLimit      int64
	maxPayload       int32                               // of the broker
	wrap             func(missions.Store) missions.Store // replaces the store that the service gets
}

// testTimeout bounds every wait of these tests. Only a failure uses it up.
const testTimeout = 45 * time.Second // a claim that nobody answers ends after 60 s

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	if o.wrap == nil {
		o.wrap = func(s missions.Store) missions.Store { return s }
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	broker, err := embedded.Start(ctx, embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), MaxPayload: o.maxPayload, Logger: log})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	store, err := sqlitestore.Open(sqlitestore.Config{
		Path: filepath.Join(t.TempDir(), "missions.db"), OutboxLimit: o.outboxLimit, Logger: log,
	})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	stream, err := eventstream.Open(eventstream.Config{URL: broker.ClientURL(), Logger: log})
	must(t, err)
	t.Cleanup(func() { must(t, stream.Close(context.Background())) })
	r := &rig{t: t, broker: broker, store: store, stream: stream}
	r.awaitStream(eventstream.Connected)

	serverConn := r.connect()
	r.service, err = supervisor.New(supervisor.Config{
		Store: o.wrap(store), Stream: stream, Version: "1.2.3", Logger: log, Lease: o.lease, Heartbeat: o.heartbeat,
		Commands: natsapi.NewCommands(serverConn, log), ReplyLimit: func() int { return int(serverConn.MaxPayload()) },
	})
	must(t, err)
	run, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { r.service.Run(run) })
	t.Cleanup(func() { stop(); loops.Wait() })
	endpoints, err := natsapi.Listen(serverConn, r.service, log)
	must(t, err)
	var once sync.Once
	r.stop = func(ctx context.Context) (err error) {
		once.Do(func() { stop(); err = endpoints.Stop(ctx) })
		return err
	}
	t.Cleanup(func() { must(t, r.stop(context.Background())) })
	must(t, serverConn.Flush())

	r.nc = r.connect()
	r.client = client.New(r.nc)
	return r
}

func (r *rig) connect() *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(r.broker.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	must(r.t, err)
	r.t.Cleanup(nc.Close)
	return nc
}

func (r *rig) awaitStream(state eventstream.State) {
	r.t.Helper()
	deadline := time.After(testTimeout)
	for {
		changed := r.stream.Changed()
		if r.stream.Status().State == state {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			r.t.Fatalf("the stream is not %s: %+v", state, r.stream.Status())
		}
	}
}

// request sends raw bytes and returns the reply.
func (r *rig) request(subject string, body []byte) *nats.Msg {
	r.t.Helper()
	msg, err := r.nc.Request(subject, body, testTimeout)
	must(r.t, err)
	return msg
}

// events follows the events of a type as they arrive in the stream.
func (r *rig) events(eventType string) func() map[string]any {
	r.t.Helper()
	sub, err := r.nc.SubscribeSync("events." + eventType)
	must(r.t, err)
	must(r.t, r.nc.Flush())
	return func() map[string]any {
		r.t.Helper()
		msg, err := sub.NextMsg(testTimeout)
		must(r.t, err)
		var envelope map[string]any
		must(r.t, json.Unmarshal(msg.Data, &envelope))
		return envelope
	}
}

func (r *rig) register(id string, types ...string) *client.Agent {
	r.t.Helper()
	agent := r.client.Agent(id)
	_, err := agent.Register(r.t.Context(), api.RegisterRequest{Name: id, Types: types, Capacity: 4})
	must(r.t, err)
	return agent
}

// claimAll claims missions for an agent, and returns their leases.
func (r *rig) claimAll(agent *client.Agent) map[string]int64 {
	r.t.Helper()
	reply, err := agent.Claim(r.t.Context(), api.ClaimRequest{Max: 10})
	must(r.t, err)
	leases := map[string]int64{}
	for i := range reply.Missions {
		leases[reply.Missions[i].ID] = reply.Missions[i].Lease
	}
	return leases
}

var must = fatal.If
