package streamtest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/test/output"
)

// Timeout limits every single wait of the suite.
const Timeout = 40 * time.Second

// bench is the environment of each test in the suite.
type bench struct {
	*testing.T
	Harness
	log *output.Buffer
}

func newBench(t *testing.T, h Harness) *bench {
	return &bench{T: t, Harness: h, log: &output.Buffer{}}
}

// ctx returns a context with a generous deadline.
func (b *bench) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	b.Cleanup(cancel)
	return ctx
}

// must fails the test unless err is nil.
func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// config returns the harness's configuration, with short waits and a logger that
// the test reads.
func (b *bench) config() eventstream.Config {
	cfg := b.Harness.Config()
	cfg.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	cfg.AckTimeout = 4 * time.Second
	cfg.DialTimeout = 2 * time.Second
	cfg.ProbeInterval = 500 * time.Millisecond
	cfg.ProbeWait = 20 * time.Millisecond
	cfg.ProbeMaxWait = 200 * time.Millisecond
	cfg.ReconnectWait = 10 * time.Millisecond
	cfg.ReconnectMax = 100 * time.Millisecond
	cfg.PingInterval = time.Second
	return cfg
}

// open opens a stream that is closed when the test ends.
func (b *bench) open(cfg eventstream.Config) *eventstream.Stream {
	b.Helper()
	s, err := eventstream.Open(cfg)
	b.must(err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Timeout)
		defer cancel()
		_ = s.Close(ctx) // tests of Close check its error
	})
	return s
}

// connected opens a stream and waits until it is connected.
func (b *bench) connected() *eventstream.Stream {
	b.Helper()
	s := b.open(b.config())
	b.awaitState(s, eventstream.Connected)
	return s
}

func (b *bench) awaitState(s *eventstream.Stream, want eventstream.State) eventstream.Status {
	b.Helper()
	return b.await(s, string(want), func(st eventstream.Status) bool { return st.State == want })
}

// awaitReason waits until the stream is degraded and its reason contains text.
func (b *bench) awaitReason(s *eventstream.Stream, text string) eventstream.Status {
	b.Helper()
	return b.await(s, text, func(st eventstream.Status) bool {
		return st.State == eventstream.Degraded && strings.Contains(st.Reason, text)
	})
}

func (b *bench) await(s *eventstream.Stream, what string, ok func(eventstream.Status) bool) eventstream.Status {
	b.Helper()
	deadline := time.After(Timeout)
	for {
		changed := s.Changed()
		status := s.Status()
		if ok(status) {
			return status
		}
		select {
		case <-changed:
		case <-deadline:
			b.Fatalf("waiting for %q, the status is still %+v\nlog:\n%s", what, status, b.log)
		}
	}
}

// awaitChange waits for a channel of Changed.
func (b *bench) awaitChange(s *eventstream.Stream, changed <-chan struct{}) {
	b.Helper()
	select {
	case <-changed:
	case <-time.After(Timeout):
		b.Fatalf("no change of the status %+v\nlog:\n%s", s.Status(), b.log)
	}
}

// admin returns a connection of the test's own.
func (b *bench) admin() jetstream.JetStream {
	b.Helper()
	nc, err := nats.Connect(b.AdminURL(), nats.Name("streamtest:admin"), nats.NoReconnect(), nats.Timeout(Timeout),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	b.must(err)
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(Timeout))
	b.must(err)
	return js
}

// retry calls ask until it returns true. On a cluster a request may get no response
// during an election.
func (b *bench) retry(what string, ask func(ctx context.Context) (bool, error)) {
	b.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx := b.ctx(); ; {
		once, cancel := context.WithTimeout(ctx, time.Second)
		done, err := ask(once)
		cancel()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.Fatalf("%s: %v", what, err)
		}
	}
}

// createStream creates a stream as an operator would.
func (b *bench) createStream(js jetstream.JetStream, cfg jetstream.StreamConfig) {
	b.Helper()
	b.retry("creating the stream "+cfg.Name, func(ctx context.Context) (bool, error) {
		_, err := js.CreateStream(ctx, cfg)
		return err == nil, err
	})
}

// stored reads everything that a stream holds.
func (b *bench) stored(js jetstream.JetStream, stream string) []*jetstream.RawStreamMsg {
	b.Helper()
	out, err := Stored(b.ctx(), js, stream)
	b.must(err)
	return out
}

// storedNumbers returns the numbers of the stored mission events, in stream order.
func (b *bench) storedNumbers(js jetstream.JetStream) []int {
	b.Helper()
	var out []int
	for _, msg := range b.stored(js, eventstream.DefaultStreamName) {
		ev, err := charter.Decode(msg.Data)
		b.must(err)
		out = append(out, number(b, ev))
	}
	return out
}

// at is a time with a fraction, so that a lost fraction is noticed.
var at = time.Date(2026, 3, 1, 12, 30, 15, 250_001_000, time.UTC)

// created returns the mission.created event number n.
func created(n int) charter.Event {
	return charter.New(charter.MissionCreated{
		MissionID: fmt.Sprintf("m-%d", n), Name: fmt.Sprintf("mission %d", n), Type: "default",
		Priority: "NORMAL", Status: "PENDING", CreatedAt: at,
	}, at)
}

// progressed returns a telemetry event with a target.
func progressed(n int) charter.Event {
	return charter.New(charter.MissionProgressed{MissionID: fmt.Sprintf("m-%d", n), Percent: 50, Message: "half", ProgressedAt: at}, at)
}

// invalid returns an event that Charter rejects.
func invalid() charter.Event {
	e := created(0)
	e.Type = "Not A Type"
	return e
}

func batchOf(from, to int) []charter.Event {
	var out []charter.Event
	for n := from; n < to; n++ {
		out = append(out, created(n))
	}
	return out
}

// number is the inverse of created.
func number(b *bench, ev charter.Event) int {
	b.Helper()
	p, err := charter.DecodePayload(&ev)
	b.must(err)
	c, ok := p.(*charter.MissionCreated)
	if !ok {
		v, isValue := p.(charter.MissionCreated)
		if !isValue {
			b.Fatalf("%s is not a mission.created", ev.Type)
		}
		c = &v
	}
	var n int
	_, err = fmt.Sscanf(c.MissionID, "m-%d", &n)
	b.must(err)
	return n
}

// upTo returns 0, 1, ... n-1.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
