package streamtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ClusterConfig configures a cluster.
type ClusterConfig struct {
	// Nodes is the number of brokers. Default 3.
	Nodes int
	// Accounts are accounts with JetStream, each with a user of the same name and
	// password. If empty, all clients share one account.
	Accounts []string
	// Hidden keeps the brokers from advertising each other to clients.
	Hidden bool
}

// Cluster is a cluster of real brokers with JetStream on disk, inside the test
// process, on free loopback ports. Its methods are for one goroutine unless they
// say otherwise.
type Cluster struct {
	tb    testing.TB
	nodes []*node
}

// node is one broker. It always keeps its ports and its directory.
type node struct {
	options string // configuration file
	url     string

	mu     sync.Mutex
	broker *server.Server // nil while killed
}

// StartCluster starts a cluster with the given number of brokers, and returns when
// it can store streams. It is shut down when the test ends.
func StartCluster(tb testing.TB, nodes int) *Cluster {
	tb.Helper()
	return StartClusterWith(tb, ClusterConfig{Nodes: nodes})
}

// StartClusterWith is [StartCluster] with a configuration.
func StartClusterWith(tb testing.TB, cfg ClusterConfig) *Cluster {
	tb.Helper()
	if cfg.Nodes == 0 {
		cfg.Nodes = 3
	}
	c := &Cluster{tb: tb}
	tb.Cleanup(c.stop)
	clients, routes := FreePorts(tb, cfg.Nodes), FreePorts(tb, cfg.Nodes)
	for i := range cfg.Nodes {
		c.nodes = append(c.nodes, &node{
			options: cfg.write(tb, i, clients[i], routes),
			url:     fmt.Sprintf("nats://127.0.0.1:%d", clients[i]),
		})
	}
	for i := range c.nodes {
		c.start(i)
	}
	c.AwaitReady()
	return c
}

// brokerDir returns a directory for a broker of a cluster, which is removed when the test ends. Such a
// broker can still write its metadata after it has shut down, so that one try is not enough.
func brokerDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "streamtest-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		for os.RemoveAll(dir) != nil { // until the test's own timeout
			<-again.C
		}
	})
	return dir
}

// write writes the configuration file of node i.
func (cfg ClusterConfig) write(tb testing.TB, i, client int, routes []int) string {
	tb.Helper()
	dir := brokerDir(tb)
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: n%d\nlisten: 127.0.0.1:%d\n", i, client)
	fmt.Fprintf(&b, "jetstream { store_dir: %q, max_mem: 256MB, max_file: 4GB }\n", filepath.Join(dir, "store"))
	fmt.Fprintf(&b, "cluster { name: streamtest, listen: 127.0.0.1:%d, no_advertise: %v, routes: [\n", routes[i], cfg.Hidden)
	for _, port := range routes {
		fmt.Fprintf(&b, "  nats://127.0.0.1:%d\n", port)
	}
	b.WriteString("] }\n")
	if len(cfg.Accounts) > 0 {
		b.WriteString("accounts {\n  $SYS { users: [{ user: system, password: system }] }\n")
		for _, name := range cfg.Accounts {
			fmt.Fprintf(&b, "  %s { jetstream: enabled, users: [{ user: %s, password: %s }] }\n", name, name, name)
		}
		b.WriteString("}\n")
	}
	path := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// URLs returns the addresses of the brokers, for clients.
func (c *Cluster) URLs() []string {
	out := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = n.url
	}
	return out
}

// URL returns all of URLs in one string, as clients accept it.
func (c *Cluster) URL() string { return strings.Join(c.URLs(), ",") }

// Broker returns broker i, or nil while it is killed. It may be called
// concurrently.
func (c *Cluster) Broker(i int) *server.Server {
	c.nodes[i].mu.Lock()
	defer c.nodes[i].mu.Unlock()
	return c.nodes[i].broker
}

// Node returns the number of the broker with that name, as in a stream's cluster
// info.
func (c *Cluster) Node(name string) int {
	c.tb.Helper()
	var i int
	if _, err := fmt.Sscanf(name, "n%d", &i); err != nil || i < 0 || i >= len(c.nodes) {
		c.tb.Fatalf("no broker is called %q", name)
	}
	return i
}

// Kill stops broker i, with all its connections.
func (c *Cluster) Kill(i int) {
	c.nodes[i].mu.Lock()
	broker := c.nodes[i].broker
	c.nodes[i].broker = nil
	c.nodes[i].mu.Unlock()
	if broker != nil {
		broker.Shutdown()
		broker.WaitForShutdown()
	}
}

// Restart restarts a killed broker with its stored data, and returns when it serves
// clients.
func (c *Cluster) Restart(i int) {
	c.tb.Helper()
	c.start(i)
	if !c.Broker(i).ReadyForConnections(Timeout) {
		c.tb.Fatalf("broker n%d is not ready", i)
	}
}

func (c *Cluster) start(i int) {
	c.tb.Helper()
	opts, err := server.ProcessConfigFile(c.nodes[i].options)
	if err != nil {
		c.tb.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	broker, err := server.NewServer(opts)
	if err != nil {
		c.tb.Fatal(err)
	}
	broker.Start()
	c.nodes[i].mu.Lock()
	defer c.nodes[i].mu.Unlock()
	c.nodes[i].broker = broker
}

// AwaitReady waits until every broker is up and known to the cluster. The server
// library has no notification for it.
func (c *Cluster) AwaitReady() {
	c.tb.Helper()
	deadline := time.NewTimer(Timeout)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !c.ready() {
		select {
		case <-tick.C:
		case <-deadline.C:
			c.tb.Fatal("the cluster is not ready")
		}
	}
}

func (c *Cluster) ready() bool {
	leaders := 0
	for i := range c.nodes {
		b := c.Broker(i)
		if b == nil || !b.JetStreamEnabled() || !b.ReadyForConnections(time.Millisecond) || !b.JetStreamIsCurrent() {
			return false
		}
		if b.JetStreamIsLeader() && len(b.JetStreamClusterPeers()) == len(c.nodes) {
			leaders++
		}
	}
	return leaders == 1
}

func (c *Cluster) stop() {
	var all sync.WaitGroup
	for i := range c.nodes {
		all.Go(func() { c.Kill(i) })
	}
	all.Wait()
}

// FreePorts returns loopback ports that were free a moment ago. They are below the
// range for outgoing connections, so that a program that starts later, or restarts,
// finds its port free.
func FreePorts(tb testing.TB, n int) []int {
	tb.Helper()
	var out []int
	for tries := 0; len(out) < n; tries++ {
		if tries > 1000 {
			tb.Fatal("no free ports")
		}
		port := 10_000 + rand.IntN(22_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		out = append(out, port)
	}
	return out
}
