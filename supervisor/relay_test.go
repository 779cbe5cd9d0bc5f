package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
	"missioncontrol/wakeup"
)

// forgetful is a store that, on demand, cannot record or delete what the stream has
// acknowledged. This is the state that a killed supervisor leaves behind.
type forgetful struct {
	missions.Store
	broken atomic.Bool
	still  atomic.Int64 // how many times it succeeds although it is broken
	tried  wakeup.Signal
}

func (f *forgetful) Outboxes() (all []missions.Outbox) {
	for _, outbox := range f.Store.Outboxes() {
		all = append(all, forgetfulOutbox{outbox, f})
	}
	return all
}

type forgetfulOutbox struct {
	missions.Outbox
	store *forgetful
}

func (o forgetfulOutbox) Forget(ctx context.Context, upTo int64) error {
	if err := o.killed(); err != nil {
		return err
	}
	return o.Outbox.Forget(ctx, upTo)
}

func (o forgetfulOutbox) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	if err := o.killed(); err != nil {
		return err
	}
	return o.Outbox.Acknowledge(ctx, upTo, mark)
}

func (o forgetfulOutbox) killed() error {
	if o.store.broken.Load() && o.store.still.Add(-1) < 0 {
		o.store.tried.Send()
		return errors.New("killed before forgetting")
	}
	return nil
}

// relayRig is a store whose relay can be started and stopped at will, and a broker that
// can be stopped.
type relayRig struct {
	t     *testing.T
	dir   string
	port  int
	store *forgetful
}

func newRelayRig(t *testing.T) *relayRig {
	t.Helper()
	store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db")})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return &relayRig{t: t, dir: t.TempDir(), store: &forgetful{Store: store, tried: wakeup.New()}}
}

// startBroker starts a broker on the same directory and port as before.
func (r *relayRig) startBroker() *embedded.Server {
	r.t.Helper()
	broker, err := embedded.Start(r.t.Context(), embedded.Config{StoreDir: r.dir, Port: r.port})
	must(r.t, err)
	_, port, err := net.SplitHostPort(broker.Addr())
	must(r.t, err)
	r.port, err = strconv.Atoi(port)
	must(r.t, err)
	r.t.Cleanup(func() { must(r.t, broker.Shutdown(context.Background())) })
	return broker
}

// startRelay runs a service on the store until the returned function is called.
func (r *relayRig) startRelay(url string) (service *supervisor.Service, stop func()) {
	r.t.Helper()
	return r.startRelayOver(url, func(s *eventstream.Stream) supervisor.Stream { return s })
}

// startRelayOver does the same with a stream that may have faults.
func (r *relayRig) startRelayOver(url string, faulty func(*eventstream.Stream) supervisor.Stream) (service *supervisor.Service, stop func()) {
	r.t.Helper()
	stream, err := eventstream.Open(eventstream.Config{URL: url, Timing: eventstream.Timing{AckTimeout: time.Second}})
	must(r.t, err)
	service, err = supervisor.New(supervisor.Config{Store: r.store, Stream: faulty(stream)})
	must(r.t, err)
	return service, r.run(service, stream)
}

// run runs a service until the returned function is called, which also closes the
// stream.
func (r *relayRig) run(service *supervisor.Service, stream *eventstream.Stream) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		loops.Wait()
		must(r.t, stream.Close(context.Background()))
	})
	r.t.Cleanup(stop)
	return stop
}

// create stores missions named first, first+1, … and returns their ids.
func (r *relayRig) create(service *supervisor.Service, first, n int) (ids []string) {
	r.t.Helper()
	for i := first; i < first+n; i++ {
		id := fmt.Sprintf("m-%04d", i)
		_, err := service.Create(r.t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: id, Name: id}})
		must(r.t, err)
		ids = append(ids, id)
	}
	return ids
}

// created reads n mission.created events from the stream, in order, and fails if the
// stream holds more.
func (r *relayRig) created(url string, n int) (ids []string) {
	r.t.Helper()
	nc, err := nats.Connect(url)
	must(r.t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(r.t, err)
	ctx, cancel := context.WithTimeout(r.t.Context(), testTimeout)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"events.mission.created"}})
	must(r.t, err)
	messages, err := consumer.Messages()
	must(r.t, err)
	defer messages.Stop()
	for len(ids) < n {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		must(r.t, err)
		e, err := charter.Decode(msg.Data())
		must(r.t, err)
		payload, err := charter.DecodePayload(&e)
		must(r.t, err)
		ids = append(ids, payload.(charter.MissionCreated).MissionID)
	}
	stream, err := js.Stream(ctx, "EVENTS")
	must(r.t, err)
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("events.mission.created"))
	must(r.t, err)
	if stored := info.State.Subjects["events.mission.created"]; stored != uint64(n) {
		r.t.Fatalf("the stream holds %d mission.created events, not %d", stored, n)
	}
	return ids
}

func (r *relayRig) awaitEmptyOutbox() {
	r.t.Helper()
	eventually.Holds(r.t, func() bool {
		waiting, err := r.store.Waiting(r.t.Context())
		must(r.t, err)
		return waiting == 0
	}, func() string { return "the outbox does not empty" })
}

// Requests never wait for a broker that is away. When it is back, the events of the
// outage are in the stream once and in order.
func TestDurableEventsOutliveAnOutage(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	broker := r.startBroker()
	url := broker.ClientURL()
	service, stop := r.startRelay(url)
	defer stop()
	want := r.create(service, 0, 20)
	r.awaitEmptyOutbox()
	must(t, broker.Shutdown(context.Background()))
	want = append(want, r.create(service, 20, 50)...)
	health, err := service.Health(t.Context(), api.Empty{})
	must(t, err)
	if health.Status == api.HealthOK && health.Checks.EventStream.Waiting == 0 {
		t.Fatalf("health: %+v", health)
	}
	r.startBroker()
	r.awaitEmptyOutbox()
	if got := r.created(url, len(want)); !slices.Equal(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
}

// A supervisor killed after the stream's acknowledgement, but before it has deleted the
// events from the outbox, sends nothing twice, even when the stream no longer
// recognises the ids.
func TestNothingIsPublishedTwiceBeyondTheDuplicateWindow(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	url := r.startBroker().ClientURL()
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Duplicates: 100 * time.Millisecond, AllowDirect: true,
	})
	must(t, err)

	r.store.broken.Store(true)
	r.store.still.Store(1) // what the start itself records
	service, stop := r.startRelay(url)
	want := r.create(service, 0, 30)
	<-r.store.tried // the stream has stored a batch that the relay could not delete from the outbox
	stop()

	// The window is over once the stream accepts the same id again.
	for probe := 0; ; probe++ {
		msg := nats.NewMsg("events.test.window")
		msg.Header.Set("Nats-Msg-Id", "probe")
		ack, err := js.PublishMsg(t.Context(), msg)
		must(t, err)
		if probe > 0 && !ack.Duplicate {
			break
		}
	}
	must(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject("events.test.window")))

	r.store.broken.Store(false)
	service, stop = r.startRelay(url)
	defer stop()
	want = append(want, r.create(service, 30, 5)...)
	r.awaitEmptyOutbox()
	if got := r.created(url, len(want)); !slices.Equal(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
}

// gappy is a stream whose broker refuses, once, an event in the middle of a batch and
// accepts the events behind it.
type gappy struct {
	*eventstream.Stream
	refused *atomic.Bool
}

func (g gappy) PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (eventstream.BatchAck, error) {
	const at = 3
	if len(events) <= at+1 || g.refused.Swap(true) {
		return g.Stream.PublishBatchWhile(ctx, changed, events)
	}
	ack, err := g.Stream.PublishBatchWhile(ctx, changed, slices.Concat(events[:at], events[at+1:]))
	return eventstream.BatchAck{Stored: at, Newest: at - 1, Seq: ack.Seq - uint64(ack.Stored-at)}, errors.Join(err, eventstream.ErrRefused)
}

// An event that the broker refuses while it accepts later ones is not lost, although
// the stream's tail looks as if the event were there.
func TestAnEventThatWasPassedOverIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	url := r.startBroker().ClientURL()
	idle, err := supervisor.New(supervisor.Config{Store: r.store, Stream: silent{}})
	must(t, err)
	want := r.create(idle, 0, 20) // before the relay runs, so that they form one batch
	var refused atomic.Bool
	_, stop := r.startRelayOver(url, func(s *eventstream.Stream) supervisor.Stream { return gappy{s, &refused} })
	defer stop()
	r.awaitEmptyOutbox()
	got := r.created(url, len(want))
	slices.Sort(got)
	if !refused.Load() || !slices.Equal(got, want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
}
