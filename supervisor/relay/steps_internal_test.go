package relay

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/test/fatal"
	"missioncontrol/wakeup"
)

var must = fatal.If

// stepRig has stores, each with an outbox, and a broker on disk, on which relays run.
type stepRig struct {
	t        *testing.T
	dir      string
	port     int
	broker   *embedded.Server
	stores   []missions.Store
	interval time.Duration // the broker's sync interval
	repeat   time.Duration // how long a failed batch is sent again unchanged
	events   int64         // of all outboxes
	noted    wakeup.Signal // of the outboxes
}

func newStepRig(t *testing.T, outboxes int) *stepRig {
	t.Helper()
	r := &stepRig{t: t, dir: t.TempDir(), interval: time.Hour, repeat: repeatFor, noted: wakeup.New()}
	for range outboxes {
		store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db")})
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		r.stores = append(r.stores, store)
	}
	r.startBroker()
	t.Cleanup(func() { must(t, r.broker.Shutdown(context.Background())) })
	return r
}

// startBroker starts a broker on the same directory and port as before.
func (r *stepRig) startBroker() {
	r.t.Helper()
	var err error
	r.broker, err = embedded.Start(r.t.Context(), embedded.Config{StoreDir: r.dir, Port: r.port, Logger: slog.New(slog.DiscardHandler)})
	must(r.t, err)
	_, port, err := net.SplitHostPort(r.broker.Addr())
	must(r.t, err)
	r.port, err = strconv.Atoi(port)
	must(r.t, err)
}

// snapshot copies what the broker has on disk.
func (r *stepRig) snapshot() (copied string) {
	r.t.Helper()
	copied = filepath.Join(r.t.TempDir(), "earlier")
	must(r.t, r.broker.Shutdown(context.Background()))
	must(r.t, os.CopyFS(copied, os.DirFS(r.dir)))
	r.startBroker()
	return copied
}

// setBack resets the broker to what it had on disk, as a crash of its machine would.
func (r *stepRig) setBack(earlier string) {
	r.t.Helper()
	must(r.t, r.broker.Shutdown(context.Background()))
	must(r.t, os.RemoveAll(r.dir))
	must(r.t, os.CopyFS(r.dir, os.DirFS(earlier)))
	r.startBroker()
}

// create stores n missions in each store, which leaves n events in each outbox.
func (r *stepRig) create(n int) {
	r.t.Helper()
	for _, store := range r.stores {
		batch := make([]missions.Mission, n)
		for i := range batch {
			batch[i] = missions.Mission{ID: uuid.NewString(), Name: "a mission"}
			batch[i].Normalize()
		}
		_, err := store.Create(r.t.Context(), batch)
		must(r.t, err)
		r.events += int64(n)
	}
}

func (r *stepRig) jetStream() jetstream.JetStream {
	r.t.Helper()
	nc, err := nats.Connect(r.broker.ClientURL())
	must(r.t, err)
	r.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(r.t, err)
	return js
}

// forgetIDsSoon creates the stream with a duplicate window that is soon over.
func (r *stepRig) forgetIDsSoon() {
	r.t.Helper()
	_, err := r.jetStream().CreateStream(r.t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Duplicates: 100 * time.Millisecond, AllowDirect: true,
	})
	must(r.t, err)
	r.repeat = 0 // longer would be longer than the window
}

// awaitWindow returns when the stream no longer recognises the IDs that it has seen.
func (r *stepRig) awaitWindow() {
	r.t.Helper()
	js, id := r.jetStream(), uuid.NewString()
	for probe := 0; ; probe++ {
		ack, err := js.Publish(r.t.Context(), "events.test.window", nil, jetstream.WithMsgID(id))
		must(r.t, err)
		if probe > 0 && !ack.Duplicate {
			return
		}
	}
}

// running is a relay that runs, and its access to outboxes and stream.
type running struct {
	*Relay
	h    *halt
	stop func()
}

// start runs a relay until it is stopped.
func (r *stepRig) start(h *halt, url string) *running {
	r.t.Helper()
	stream, err := eventstream.Open(eventstream.Config{URL: url, Timing: eventstream.Timing{
		AckTimeout: time.Minute, PingInterval: time.Minute, ProbeInterval: time.Minute, // a frozen process notices nothing
	}})
	must(r.t, err)
	var outboxes []missions.Outbox
	for _, store := range r.stores {
		outboxes = append(outboxes, haltedOutbox{store.Outboxes()[0], h, r.noted})
	}
	relay := New(Config{Outboxes: outboxes, Stream: haltedStream{stream, h}, SyncInterval: r.interval,
		CheckInterval: time.Second, Logger: slog.New(slog.DiscardHandler)})
	relay.repeatFor = r.repeat
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { relay.Run(ctx, h) })
	stop := sync.OnceFunc(func() {
		cancel()
		loop.Wait()
		_ = stream.Close(context.Background()) // its broker may have gone
	})
	r.t.Cleanup(stop)
	return &running{relay, h, stop}
}

// nextBatch has a relay that has sent everything send one more batch.
func (r *stepRig) nextBatch(relay *running) {
	r.t.Helper()
	r.awaitAll()
	relay.h.paused.Store(true)
	r.create(20)
	relay.h.paused.Store(false)
	relay.Poke()
}

// awaitAll returns when the outboxes have acknowledgements of all events, and the stream
// has at least as many.
func (r *stepRig) awaitAll() {
	r.t.Helper()
	stored := func() (n int64) {
		stream, err := r.jetStream().Stream(r.t.Context(), "EVENTS")
		must(r.t, err)
		info, err := stream.Info(r.t.Context(), jetstream.WithSubjectFilter("events.mission.>"))
		must(r.t, err)
		for _, ofType := range info.State.Subjects {
			n += int64(ofType)
		}
		return n
	}
	for r.acknowledged() < r.events || stored() < r.events {
		r.await(r.noted)
	}
}

// acknowledged returns how many events are acknowledged in the outboxes.
func (r *stepRig) acknowledged() (n int64) {
	r.t.Helper()
	for _, store := range r.stores {
		upTo, _, err := store.Outboxes()[0].Acknowledged(r.t.Context())
		must(r.t, err)
		n += upTo
	}
	return n
}

// wantOnce fails unless the stream holds all events of each outbox, once and in order.
func (r *stepRig) wantOnce() {
	r.t.Helper()
	reached, stored := make([]int64, len(r.stores)), 0
	for _, e := range streamtest.Events(r.t, r.broker.ClientURL(), "mission.") {
		stored++
		for i, store := range r.stores {
			if string(e.Meta.Extra[metaOutbox]) != strconv.Quote(store.Outboxes()[0].Identity()) {
				continue
			}
			if reached[i]++; string(e.Meta.Extra[metaPosition]) != fmt.Sprint(reached[i]) {
				r.t.Fatalf("event %d of outbox %d is the one at position %s", reached[i], i, e.Meta.Extra[metaPosition])
			}
		}
	}
	if int64(stored) != r.events {
		r.t.Fatalf("the stream has %d events, want %d", stored, r.events)
	}
}

// await fails the test if a step is not reached.
func (r *stepRig) await(step <-chan struct{}) {
	r.t.Helper()
	select {
	case <-step:
	case <-time.After(streamtest.Timeout):
		r.t.Fatal("what was to happen did not happen")
	}
}

// wantChain fails unless the stream has a part of a batch whose events the broker does not
// acknowledge one by one.
func (r *stepRig) wantChain() {
	r.t.Helper()
	for _, msg := range streamtest.Messages(r.t, r.broker.ClientURL(), "mission.") {
		if msg.Header.Get("Nats-Expected-Last-Msg-Id") != "" {
			return
		}
	}
	r.t.Fatal("each event was acknowledged by itself")
}

// interruption is what happens to a relay at a step.
type interruption struct {
	name   string
	fails  bool // the step fails, and the relay tries again
	killed bool // another relay takes over
	later  bool // after more time than the stream recognises IDs
	lost   bool // the broker's machine crashes, and loses what it had not synced
}

var interruptions = []interruption{
	{name: "fails", fails: true},
	{name: "fails for long", fails: true, later: true},
	{name: "is killed", killed: true},
	{name: "is killed, and replaced late", killed: true, later: true},
	{name: "the broker loses it", lost: true},
	{name: "the broker loses it, and the relay is killed", killed: true, lost: true},
}

// Wherever a relay fails or is killed, or the broker crashes, on the way of a batch with one
// acknowledgement, each event is in the stream once, and in order.
func TestABatchIsInterruptedAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{beforeSend, duringSend, afterSend, beforeAcknowledge, afterAcknowledge, beforeForget, afterForget} {
		for _, what := range interruptions {
			forgets := step == beforeForget || step == afterForget
			if what.lost && forgets {
				continue // no event leaves the outbox before it is synced
			}
			for _, outboxes := range []int{1, 2} {
				if outboxes > 1 && !what.killed {
					continue // a relay that goes on knows where each outbox goes on
				}
				t.Run(fmt.Sprintf("%s, %s, %d outboxes", step, what.name, outboxes), func(t *testing.T) {
					t.Parallel()
					r := newStepRig(t, outboxes)
					if forgets {
						r.interval = 10 * time.Millisecond
					}
					r.interrupt(newHalt(2, step, what.fails), what)
				})
			}
		}
	}
}

func (r *stepRig) interrupt(h *halt, what interruption) {
	r.t.Helper()
	if what.later {
		r.forgetIDsSoon()
	}
	earlier := ""
	r.create(10)
	if what.lost {
		before := r.start(freely(), r.broker.ClientURL())
		r.awaitAll()
		before.stop()
		earlier = r.snapshot()
		r.create(10)
	}
	relay := r.start(h, r.broker.ClientURL()) // its first batch is acknowledged event by event
	r.nextBatch(relay)
	r.await(h.reached)
	if h.step != beforeSend {
		r.wantChain()
	}
	if what.later {
		r.awaitWindow()
	}
	if what.lost {
		r.setBack(earlier)
	}
	h.dead.Store(what.killed)
	close(h.goOn)
	if what.killed {
		relay.stop()
		relay = r.start(freely(), r.broker.ClientURL())
	}
	r.awaitAll()
	relay.stop()
	r.wantOnce()
}

// A failed batch is not repeated when the broker may no longer know its IDs: the last copy
// may be on its way for ten seconds.
func TestARepetitionEndsWithinTheDuplicateWindow(t *testing.T) {
	t.Parallel()
	if last := repeatFor + 10*time.Second; last >= eventstream.DefaultDuplicateWindow {
		t.Errorf("a copy may arrive %v after the first one, and a stream recognises it for %v", last, eventstream.DefaultDuplicateWindow)
	}
}

// A leader's batch that arrives late, at any step of its successor, stores no event twice or
// out of order.
func TestABatchArrivesDuringATakeover(t *testing.T) {
	t.Parallel()
	for _, step := range []string{beforeSend, duringSend, afterSend, beforeAcknowledge, afterAcknowledge} {
		for batch := range int64(2) {
			for _, outboxes := range []int{1, 2} {
				t.Run(fmt.Sprintf("batch %d of its successor, %s, %d outboxes", batch+1, step, outboxes), func(t *testing.T) {
					t.Parallel()
					r := newStepRig(t, outboxes)
					r.arriveLate(newHalt(batch+1, step, true))
				})
			}
		}
	}
}

func (r *stepRig) arriveLate(h *halt) {
	r.t.Helper()
	r.create(10)
	proxy := streamtest.NewProxy(r.t, r.broker.Addr())
	frozen := r.start(newHalt(2, beforeSend, false), proxy.URL())
	r.nextBatch(frozen)
	r.await(frozen.h.reached)
	r.await(frozen.h.tried) // of its first batch
	proxy.Hang()
	close(frozen.h.goOn)

	successor := r.start(h, r.broker.ClientURL())
	for range h.batch - 1 {
		r.nextBatch(successor)
	}
	r.await(h.reached)
	frozen.h.dead.Store(true)
	proxy.Resume()
	r.await(frozen.h.tried)
	frozen.stop()
	close(h.goOn)
	r.awaitAll()
	successor.stop()
	r.wantOnce()
}
