package test

import (
	"testing"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions/redisstore/redistest"
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
	}
	return p
}
