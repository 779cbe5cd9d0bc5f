package eventstream

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
)

// outcomes collects the outcomes that a window delivers.
type outcomes chan outcome

func (o outcomes) settle(_ int, out outcome) { o <- out }

func (o outcomes) next(t *testing.T) outcome {
	t.Helper()
	select {
	case out := <-o:
		return out
	case <-time.After(time.Minute):
		t.Fatal("nothing was settled")
		return outcome{}
	}
}

// testWindow returns a window of n messages and the requests it sends. The test
// answers them itself, or not.
func testWindow(t *testing.T, n int) (*window, chan *nats.Msg, chan error) {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		nc.Close()
		if err := broker.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	sent := make(chan *nats.Msg, 100)
	if _, err := nc.ChanSubscribe("events.x", sent); err != nil {
		t.Fatal(err)
	}
	failures := make(chan error, 100)
	w, err := newWindow(nc, "EVENTS", n, time.Minute, func(err error) { failures <- err })
	if err != nil {
		t.Fatal(err)
	}
	return w, sent, failures
}

func (w *window) mustSend(t *testing.T, to settler) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.acquire(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.send(&nats.Msg{Subject: "events.x"}, to, 0); err != nil {
		t.Fatal(err)
	}
}

func TestWindowExpires(t *testing.T) {
	t.Parallel()
	w, sent, failures := testWindow(t, 1)
	got := make(outcomes, 10)
	w.mustSend(t, got)
	w.expire(time.Now().Add(59 * time.Second)) // one second before the timeout
	first := <-sent
	if len(got) != 0 {
		t.Fatalf("settled early: %+v", <-got)
	}
	w.expire(time.Now().Add(61 * time.Second))
	if o := got.next(t); !errors.Is(o.err, ErrAckTimeout) {
		t.Errorf("outcome = %+v, want ErrAckTimeout", o)
	}
	if err := <-failures; !errors.Is(err, ErrAckTimeout) {
		t.Errorf("failure = %v, want ErrAckTimeout", err)
	}

	// Its token is free again, and its acknowledgement comes too late.
	w.mustSend(t, got)
	second := <-sent
	for _, answer := range []struct {
		to   *nats.Msg
		body string
	}{{first, `{"stream":"EVENTS","seq":1}`}, {second, `{"stream":"EVENTS","seq":2}`}} {
		if err := answer.to.Respond([]byte(answer.body)); err != nil {
			t.Fatal(err)
		}
	}
	if o := got.next(t); o.seq != 2 || o.err != nil {
		t.Errorf("outcome = %+v, want sequence 2", o)
	}
}

// A message that is not an acknowledgement settles nothing; the acknowledgement
// after it does.
func TestWindowIgnoresWhatIsNoAcknowledgement(t *testing.T) {
	t.Parallel()
	w, sent, failures := testWindow(t, 1)
	got := make(outcomes, 10)
	w.mustSend(t, got)
	msg := <-sent
	if !strings.HasPrefix(msg.Reply, AckPrefix) {
		t.Errorf("acknowledgements come to %s", msg.Reply)
	}
	for _, body := range []string{``, `{}`, `{"cancel":[],"lost":[]}`, `{"stream":"OTHER","seq":1}`, `{"stream":"EVENTS","seq":2}`} {
		if err := msg.Respond([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if o := got.next(t); o.seq != 2 || o.err != nil {
		t.Errorf("outcome = %+v, want sequence 2", o)
	}
	if len(failures) != 0 {
		t.Errorf("failure = %v", <-failures)
	}
}

func TestWindowEnds(t *testing.T) {
	t.Parallel()
	w, _, failures := testWindow(t, 10)
	got := make(outcomes, 10)
	for range 3 {
		w.mustSend(t, got)
	}
	w.end(ErrDisconnected)
	for range 3 {
		if o := got.next(t); !errors.Is(o.err, ErrDisconnected) {
			t.Errorf("outcome = %+v, want ErrDisconnected", o)
		}
	}
	if len(failures) != 0 {
		t.Errorf("a lost connection is no failure of the stream: %v", <-failures)
	}
	if err := w.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.send(&nats.Msg{Subject: "events.x"}, got, 0); !errors.Is(err, ErrDisconnected) {
		t.Errorf("send after the end: %v, want ErrDisconnected", err)
	}
	if err := w.drain(t.Context()); err != nil {
		t.Errorf("tokens were lost: %v", err)
	}
}

func TestHealthLogsOncePerPeriod(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	h := newHealth(slog.New(slog.NewTextHandler(&text, nil)), "nats://broker")
	for range 2 {
		h.degraded("the broker is away")
		h.degraded("the broker is away")
		h.degraded("the broker has no JetStream")
		if st := h.snapshot(); st.State != Degraded || st.Reason != "the broker has no JetStream" {
			t.Errorf("status = %+v", st)
		}
		h.connected()
		h.connected()
	}
	if n := strings.Count(text.String(), "event stream degraded"); n != 2 {
		t.Errorf("%d lines of degradation, want 2:\n%s", n, text.String())
	}
	if n := strings.Count(text.String(), "event stream connected"); n != 2 {
		t.Errorf("%d lines of connection, want 2:\n%s", n, text.String())
	}
}
