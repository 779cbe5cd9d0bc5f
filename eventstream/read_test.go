package eventstream_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// wire is the way to a broker on which one text is replaced by another one of its length.
type wire struct {
	net.Conn
	sent, received [2]string // what is replaced by what
	once           bool      // only the first time
	replaced       *atomic.Int32
}

func (w wire) Dial(network, address string) (conn net.Conn, err error) {
	w.Conn, err = net.Dial(network, address)
	return w, err
}

func (w wire) Write(b []byte) (int, error) { return w.Conn.Write(w.replace(b, w.sent)) }

func (w wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	copy(b, w.replace(b[:n], w.received))
	return n, err
}

func (w wire) replace(b []byte, texts [2]string) []byte {
	if texts[0] == "" || !bytes.Contains(b, []byte(texts[0])) || w.once && w.replaced.Load() > 0 {
		return b
	}
	w.replaced.Add(1)
	return bytes.ReplaceAll(b, []byte(texts[0]), []byte(texts[1]))
}

// readAll reads a stream of five events over a wire.
func readAll(t *testing.T, w wire) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), streamtest.Patience)
	defer cancel()
	broker := openBroker(t)
	// Whatever is sent to nowhere is taken, so that nobody is told that nobody is there.
	nowhere, err := nats.Connect(broker.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nowhere.Close)
	if _, err := nowhere.Subscribe("$JS.API.CONSUMER.MSG.LOST.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := nowhere.Flush(); err != nil {
		t.Fatal(err)
	}
	w.replaced = &atomic.Int32{}
	cfg := broker.Config()
	cfg.DialTimeout = 500 * time.Millisecond
	cfg.Options = []nats.Option{nats.SetCustomDialer(w)}
	s, err := eventstream.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	for changed := s.Changed(); s.Status().State != eventstream.Connected; changed = s.Changed() {
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("not connected: %+v", s.Status())
		}
	}
	for range 5 {
		if _, err := s.Publish(ctx, charter.New(charter.MissionCreated{}, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	if err := s.Read(ctx, nil, 0, 9, func(e eventstream.Stored) error {
		got = append(got, e.Seq)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []uint64{1, 2, 3, 4, 5}) {
		t.Errorf("it read %v", got)
	}
	if w.replaced.Load() == 0 {
		t.Error("nothing was wrong with the wire")
	}
}

// While a cluster elects, a reader's first request may get lost, and nothing comes.
func TestAReadOutlivesALostRequest(t *testing.T) {
	t.Parallel()
	readAll(t, wire{sent: [2]string{"$JS.API.CONSUMER.MSG.NEXT.", "$JS.API.CONSUMER.MSG.LOST."}, once: true})
}

// A consumer beside a copy that lags behind knows of less than there is.
func TestAReadGoesOnWhereACopyLags(t *testing.T) {
	t.Parallel()
	readAll(t, wire{received: [2]string{`"num_pending":5`, `"num_pending":0`}})
}
