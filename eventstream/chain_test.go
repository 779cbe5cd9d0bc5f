package eventstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
)

// inspector is a proxy that calls a function for each published event, counted from 0
// since the last reset. If it returns false, the event is dropped, as by a broker that
// refuses an event whose acknowledgement nobody requested.
type inspector struct {
	url string

	mu    sync.Mutex
	n     int
	event func(n int, conn net.Conn) bool
}

func newInspector(t *testing.T, target string) *inspector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &inspector{url: "nats://" + l.Addr().String()}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			done.Go(func() { _, _ = io.Copy(client, broker); _ = client.Close() })
			done.Go(func() { i.forward(client, broker); _ = broker.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	return i
}

// forward copies the client's protocol lines, and the messages that follow them.
func (i *inspector) forward(client, broker net.Conn) {
	in := bufio.NewReader(client)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		frame := []byte(line)
		if fields := strings.Fields(line); fields[0] == "PUB" || fields[0] == "HPUB" {
			size, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				return
			}
			body := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			frame = append(frame, body...)
			if strings.HasPrefix(fields[1], "events.mission.") && !i.allows(client) {
				continue
			}
		}
		if _, err := broker.Write(frame); err != nil {
			return
		}
	}
}

func (i *inspector) allows(conn net.Conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return i.event == nil || i.event(i.n-1, conn)
}

func (i *inspector) reset(event func(n int, conn net.Conn) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n, i.event = 0, event
}

func (i *inspector) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.n
}

// chainRig is a stream whose next batch is a chain.
type chainRig struct {
	t       *testing.T
	proxy   *inspector
	stream  *eventstream.Stream
	foreign jetstream.JetStream
	want    []string // the events' IDs, in order
}

func newChainRig(t *testing.T, timing eventstream.Timing) *chainRig {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Shutdown(context.Background()) })
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	r := &chainRig{t: t, proxy: newInspector(t, broker.Addr())}
	if r.foreign, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if r.stream, err = eventstream.Open(eventstream.Config{URL: r.proxy.url, Timing: timing}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.stream.Close(context.Background()) })
	r.publish(r.batch(2)) // event by event
	return r
}

func (r *chainRig) batch(n int) []charter.Event {
	events := make([]charter.Event, n)
	for i := range events {
		now := time.Now()
		events[i] = charter.New(charter.MissionLogAppended{MissionID: "m", LogLevel: "info", Message: fmt.Sprint(i), AppendedAt: now}, now)
		r.want = append(r.want, events[i].ID.String())
	}
	return events
}

// publish continues with the rest until all events are stored, as the relay does, and
// returns how many calls that took.
func (r *chainRig) publish(events []charter.Event) (calls int) {
	r.t.Helper()
	awaitConnected(r.t.Context(), r.t, r.stream)
	for calls = 1; ; calls++ {
		stored, err := r.stream.PublishBatch(r.t.Context(), events)
		if err == nil {
			return calls
		}
		if errors.Is(err, context.Canceled) {
			r.t.Fatal(err)
		}
		events = events[stored:]
		awaitConnected(r.t.Context(), r.t, r.stream)
	}
}

// intrude stores a message of another publisher.
func (r *chainRig) intrude() {
	if _, err := r.foreign.Publish(context.Background(), "events.test.foreign", nil, jetstream.WithMsgID(nats.NewInbox())); err != nil {
		r.t.Error(err)
	}
}

// wantStored fails unless the stream has exactly the published events, in order, beside
// those of others.
func (r *chainRig) wantStored() {
	r.t.Helper()
	messages, err := streamtest.Stored(r.t.Context(), r.foreign, "EVENTS")
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		if m.Subject != "events.test.foreign" {
			got = append(got, m.Header.Get("ce-id"))
		}
	}
	if !slices.Equal(got, r.want) {
		r.t.Fatalf("the stream has %d events, want these %d, in order:\n%v\n%v", len(got), len(r.want), got, r.want)
	}
}

// A batch of new events needs two acknowledgements.
func TestABatchIsAcknowledgedByItsEnds(t *testing.T) {
	t.Parallel()
	r := newChainRig(t, eventstream.Timing{})
	r.proxy.reset(nil)
	before := r.stream.Status()
	ack, err := r.stream.PublishBatchWhile(t.Context(), nil, r.batch(100))
	if err != nil || ack != (eventstream.BatchAck{Stored: 100, Newest: 99, Seq: 102}) {
		t.Fatalf("%+v, %v", ack, err)
	}
	if n := r.proxy.count(); n != 100 {
		t.Fatalf("100 events were sent %d times", n)
	}
	if after := r.stream.Status(); after.Published-before.Published != 100 || after.Duplicates != 0 {
		t.Fatalf("status %+v", after)
	}
	r.wantStored()
	messages, err := streamtest.Stored(t.Context(), r.foreign, "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages[2:] {
		previous := ""
		if i > 0 {
			previous = r.want[i+1]
		}
		if got := m.Header.Get("Nats-Expected-Last-Msg-Id"); got != previous {
			t.Fatalf("event %d names %q, want %q", i, got, previous)
		}
	}
}

// An event that the broker does not store is missing in its batch. That is noticed even
// if a message of another publisher gets the event's sequence, so that the batch's
// sequences fit.
func TestAnEventThatIsPassedOverIsNoticed(t *testing.T) {
	t.Parallel()
	for at := range 10 {
		for _, replaced := range []bool{false, true} {
			t.Run(fmt.Sprintf("event %d, replaced %t", at, replaced), func(t *testing.T) {
				t.Parallel()
				r := newChainRig(t, eventstream.Timing{AckTimeout: time.Second})
				r.proxy.reset(func(n int, _ net.Conn) bool {
					if n == at && replaced {
						r.intrude()
					}
					return n != at
				})
				r.publish(r.batch(10))
				r.wantStored()
			})
		}
	}
}

// Another publisher's message between two events costs a repetition, and nothing else.
func TestAMessageBetweenTwoEventsOfABatch(t *testing.T) {
	t.Parallel()
	for at := range 10 {
		t.Run(fmt.Sprintf("before event %d", at), func(t *testing.T) {
			t.Parallel()
			r := newChainRig(t, eventstream.Timing{})
			r.proxy.reset(func(n int, _ net.Conn) bool {
				if n == at {
					r.intrude()
				}
				return true
			})
			if calls := r.publish(r.batch(10)); calls != 1 {
				t.Fatalf("it took %d calls", calls)
			}
			r.wantStored()
			r.proxy.reset(nil)
			r.publish(r.batch(10)) // event by event, for a while
			r.wantStored()
			if got := r.stream.Status().Duplicates; got != 0 {
				t.Fatalf("%d duplicates", got)
			}
		})
	}
}

// A connection that ends during a batch leaves a part of it in the stream. The caller
// continues with the rest.
func TestAConnectionEndsDuringABatch(t *testing.T) {
	t.Parallel()
	for at := range 10 {
		t.Run(fmt.Sprintf("at event %d", at), func(t *testing.T) {
			t.Parallel()
			r := newChainRig(t, eventstream.Timing{})
			var once sync.Once
			r.proxy.reset(func(n int, conn net.Conn) bool {
				if n == at {
					once.Do(func() { _ = conn.Close() })
				}
				return true
			})
			r.publish(r.batch(10))
			r.publish(r.batch(10))
			r.wantStored()
		})
	}
}

// A batch that is repeated is stored once, wherever the part ends that was stored before,
// and whatever was stored behind it.
func TestAPartOfABatchIsStoredAlready(t *testing.T) {
	t.Parallel()
	for stored := range 11 {
		for _, between := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d events, with another's %t", stored, between), func(t *testing.T) {
				t.Parallel()
				r := newChainRig(t, eventstream.Timing{})
				events := r.batch(10)
				r.publish(events[:stored])
				if between {
					r.intrude()
				}
				r.publish(events)
				r.wantStored()
				if got := r.stream.Status().Duplicates; got != uint64(stored) {
					t.Fatalf("%d duplicates, want %d", got, stored)
				}
			})
		}
	}
}

// Telemetry of the same process does not break batches.
func TestTelemetryBesideBatches(t *testing.T) {
	t.Parallel()
	r := newChainRig(t, eventstream.Timing{})
	r.proxy.reset(nil)
	for range 20 {
		var emitting sync.WaitGroup
		emitting.Go(func() {
			for range 500 {
				r.stream.Emit(benchEvent())
				runtime.Gosched()
			}
		})
		r.publish(r.batch(200))
		emitting.Wait()
	}
	if n := r.proxy.count(); n != 20*200 {
		t.Fatalf("%d events were sent %d times", 20*200, n)
	}
	messages, err := streamtest.Stored(t.Context(), r.foreign, "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) <= len(r.want) {
		t.Fatal("no telemetry was stored")
	}
}
