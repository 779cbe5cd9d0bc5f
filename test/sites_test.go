package test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// site is where supervisors run: a kind of store and a kind of broker.
type site struct {
	t      *testing.T
	dir    string
	args   []string
	broker string // the URLs of the external broker, "" for the embedded one
}

// Stores and brokers of a site. Each returns the flags it adds to serve.
var (
	stores = map[string]func(*testing.T) []string{
		"sqlite": func(*testing.T) []string { return nil },
		"redis":  func(t *testing.T) []string { return []string{"--store", redistest.Start(t).URL()} },
		"redis-cluster": func(t *testing.T) []string {
			return []string{"--store", redistest.StartCluster(t, 3).URL() + "?partitions=4"}
		},
	}
	brokers = map[string]func(*testing.T) string{
		"embedded": func(*testing.T) string { return "" },
		"cluster":  func(t *testing.T) string { return streamtest.StartCluster(t, 3).URL() },
	}
)

// everywhere runs a scenario with every store and every broker.
func everywhere(t *testing.T, scenario func(*testing.T, *site)) {
	for store, addStore := range stores {
		for broker, addBroker := range brokers {
			t.Run(store+", "+broker, func(t *testing.T) {
				t.Parallel()
				scenario(t, newSite(t, addStore(t), addBroker(t)))
			})
		}
	}
}

func newSite(t *testing.T, store []string, broker string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), args: store, broker: broker}
	if broker != "" {
		s.args = append(s.args, "--server", broker)
	}
	return s
}

// start runs a supervisor at the site.
func (s *site) start(args ...string) *supervisor {
	s.t.Helper()
	p := start(s.t, s.dir, append(append([]string{}, s.args...), args...)...)
	if s.broker != "" {
		p.Broker = s.broker
		s.awaitReached()
	}
	return p
}

// awaitReached waits until a supervisor is reached over each broker of the site: a broker learns
// later than its peer, to which the supervisor is connected, what it subscribes to. A supervisor
// receives requests on three connections.
func (s *site) awaitReached() {
	s.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for url := range strings.SplitSeq(s.broker, ",") {
		nc, err := nats.Connect(url)
		must(s.t, err)
		c := client.New(nc)
		for _, ask := range []func() error{
			func() error { _, err := c.Health(s.t.Context()); return err },
			func() error { _, err := c.Get(s.t.Context(), "none"); return err },
			func() error { _, err := c.Agent("none").Heartbeat(s.t.Context(), api.HeartbeatRequest{}); return err },
		} {
			for errors.Is(ask(), client.ErrNoSupervisor) {
				select {
				case <-again.C:
				case <-s.t.Context().Done():
					s.t.Fatalf("no supervisor is reached over %s", url)
				}
			}
		}
		nc.Close()
	}
}
