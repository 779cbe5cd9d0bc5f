package redistest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/test/fatal"
)

// slots is how many a Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters.
type Cluster struct{ Nodes []*Server }

// StartCluster starts a cluster of n masters with further settings, and waits until
// it serves.
func StartCluster(t testing.TB, n int, args ...string) *Cluster {
	t.Helper()
	dir := t.TempDir()
	c := &Cluster{}
	for i := range n {
		settings := append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000"}, args...)
		settings = append(settings, "--cluster-port", FreePort(t))
		c.Nodes = append(c.Nodes, start(t, subdirectory(t, dir, fmt.Sprint("node-", i)), settings...))
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	clients := make([]*redis.Client, n)
	for i, node := range c.Nodes {
		clients[i] = node.Client()
		must(t, clients[i].ClusterAddSlotsRange(ctx, i*slots/n, (i+1)*slots/n-1).Err())
	}
	for _, node := range c.Nodes[1:] {
		bus := node.args[len(node.args)-1]
		must(t, clients[0].Do(ctx, "CLUSTER", "MEET", "127.0.0.1", node.port(), bus).Err())
	}
	// A state of ok does not say that every slot is served, where full coverage is not
	// required.
	signs := []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", n), fmt.Sprintf("cluster_slots_ok:%d", slots)}
	for _, client := range clients {
		until(ctx, t, func() bool {
			info, err := client.ClusterInfo(ctx).Result()
			return err == nil && !slices.ContainsFunc(signs, func(sign string) bool { return !strings.Contains(info, sign) })
		})
	}
	return c
}

// URL is where the cluster is, as a store wants it.
func (c *Cluster) URL() string {
	addrs := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		addrs[i] = node.Addr
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

var must = fatal.If

// until asks again and again until something holds.
func until(ctx context.Context, t testing.TB, holds func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("it does not come to hold")
		}
	}
}
