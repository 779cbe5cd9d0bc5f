package eventstream_test

import (
	"context"
	"net"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
)

// oneBroker is the harness of an embedded broker behind a proxy.
type oneBroker struct {
	dir    string
	proxy  *streamtest.Proxy
	broker *embedded.Server // nil while stopped
}

func openBroker(t *testing.T) streamtest.Harness {
	t.Helper()
	h := &oneBroker{dir: t.TempDir()}
	h.broker = h.start(t)
	h.proxy = streamtest.NewProxy(t, h.broker.Addr())
	t.Cleanup(func() {
		if h.broker != nil {
			h.Stop(t)
		}
	})
	return h
}

func (h *oneBroker) start(t *testing.T) *embedded.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
	defer cancel()
	broker, err := embedded.Start(ctx, embedded.Config{StoreDir: h.dir})
	if err != nil {
		t.Fatal(err)
	}
	return broker
}

func (h *oneBroker) Config() eventstream.Config { return eventstream.Config{URL: h.proxy.URL()} }
func (h *oneBroker) Replicas() int              { return 1 }
func (h *oneBroker) AdminURL() string           { return h.broker.ClientURL() }
func (h *oneBroker) Hang(*testing.T)            { h.proxy.Hang() }
func (h *oneBroker) Resume(*testing.T)          { h.proxy.Resume() }

func (h *oneBroker) Stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), streamtest.Timeout)
	defer cancel()
	if err := h.broker.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	h.broker = nil
}

func (h *oneBroker) Start(t *testing.T) {
	t.Helper()
	h.broker = h.start(t)
	h.proxy.SetTarget(h.broker.Addr())
}

func TestEmbeddedBroker(t *testing.T) {
	t.Parallel()
	streamtest.Run(t, openBroker, streamtest.Features{JetStream: true})
}

// noStorage is the harness of a broker without JetStream, or of no broker.
type noStorage struct {
	streamtest.Harness // not used, see streamtest.Features
	url                string
}

func (h noStorage) Config() eventstream.Config { return eventstream.Config{URL: h.url} }

func TestBrokerWithoutJetStream(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) streamtest.Harness {
		broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		go broker.Start()
		if !broker.ReadyForConnections(streamtest.Timeout) {
			t.Fatal("the broker is not ready")
		}
		t.Cleanup(func() {
			broker.Shutdown()
			broker.WaitForShutdown()
		})
		return noStorage{url: broker.ClientURL()}
	}
	streamtest.Run(t, open, streamtest.Features{Reason: "has no JetStream"})
}

func TestNoBroker(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) streamtest.Harness {
		// A port that was free a moment ago.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u := url.URL{Scheme: "nats", Host: l.Addr().String()}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return noStorage{url: u.String()}
	}
	streamtest.Run(t, open, streamtest.Features{Reason: "cannot be reached: connect: connection refused"})
}

// A broker that accepts connections and sends nothing.
func TestSilentBroker(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) streamtest.Harness {
		proxy := streamtest.NewProxy(t, "127.0.0.1:1")
		proxy.Hang()
		return noStorage{url: proxy.URL()}
	}
	streamtest.Run(t, open, streamtest.Features{Reason: "cannot be reached: "})
}
