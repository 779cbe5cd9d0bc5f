package eventstream_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/streamtest"
)

// threeNodes is the harness of a cluster shared by all tests. Each test has its own
// account, with its own streams, and its own proxies in front of the brokers, which
// it can hang or stop.
type threeNodes struct {
	cluster *streamtest.Cluster
	account string
	proxies []*streamtest.Proxy
}

// accounts is more than the number of tests.
const accounts = 100

func openCluster(t *testing.T) streamtest.Open {
	t.Helper()
	cfg := streamtest.ClusterConfig{Hidden: true} // clients connect through the proxies
	for n := range accounts {
		cfg.Accounts = append(cfg.Accounts, fmt.Sprintf("test%d", n))
	}
	cluster := streamtest.StartClusterWith(t, cfg)
	var taken atomic.Int64
	return func(t *testing.T) streamtest.Harness {
		t.Helper()
		h := &threeNodes{cluster: cluster, account: cfg.Accounts[taken.Add(1)-1]}
		for _, url := range cluster.URLs() {
			h.proxies = append(h.proxies, streamtest.NewProxy(t, address(url)))
		}
		return h
	}
}

// address returns the host and port of a URL.
func address(url string) string { return strings.TrimPrefix(url, "nats://") }

// login adds the account's credentials to addresses.
func (h *threeNodes) login(urls []string) string {
	out := make([]string, len(urls))
	for i, url := range urls {
		out[i] = fmt.Sprintf("nats://%s:%s@%s", h.account, h.account, address(url))
	}
	return strings.Join(out, ",")
}

func (h *threeNodes) Config() eventstream.Config {
	var urls []string
	for _, p := range h.proxies {
		urls = append(urls, p.URL())
	}
	return eventstream.Config{URL: h.login(urls)}
}

func (h *threeNodes) Replicas() int    { return 3 }
func (h *threeNodes) AdminURL() string { return h.login(h.cluster.URLs()) }

func (h *threeNodes) Stop(*testing.T) {
	for _, p := range h.proxies {
		p.SetTarget("127.0.0.1:1") // nothing listens there
		p.Cut()
	}
}

func (h *threeNodes) Start(*testing.T) {
	for i, p := range h.proxies {
		p.SetTarget(address(h.cluster.URLs()[i]))
	}
}

func (h *threeNodes) Hang(*testing.T) {
	for _, p := range h.proxies {
		p.Hang()
	}
}

func (h *threeNodes) Resume(*testing.T) {
	for _, p := range h.proxies {
		p.Resume()
	}
}

func TestThreeNodeCluster(t *testing.T) {
	t.Parallel()
	streamtest.Run(t, openCluster(t), streamtest.Features{JetStream: true})
}

func TestClusterNodes(t *testing.T) {
	t.Parallel()
	streamtest.RunCluster(t)
}
