package redisstore_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/missions/storetest"
)

// BenchmarkFlow is storetest.Flow, on one Redis and on a cluster with some partitions. It reports
// the processor time of the Redis that has partition 0, of the others, and of this process.
func BenchmarkFlow(b *testing.B) {
	persisted := []string{"--appendonly", "yes", "--appendfsync", "everysec"}
	b.Run("one Redis", func(b *testing.B) {
		server := redistest.Start(b, persisted...)
		flow(b, redisstore.Config{URL: server.URL()}, server)
	})
	for _, partitions := range []int{1, 12} {
		b.Run(fmt.Sprintf("cluster, partitions=%d", partitions), func(b *testing.B) {
			cluster := redistest.StartCluster(b, 3, persisted...)
			flow(b, redisstore.Config{URL: cluster.URL(), Partitions: partitions}, cluster.Nodes...)
		})
	}
}

func flow(b *testing.B, cfg redisstore.Config, nodes ...*redistest.Server) {
	cfg.OutboxLimit = 1 << 40
	s := mustOpen(b, cfg)
	var first, others []*redis.Client
	for _, node := range nodes {
		client := node.Client()
		if n, err := client.Exists(b.Context(), "{mc:0}:meta").Result(); err == nil && n == 1 {
			first = append(first, client)
		} else {
			others = append(others, client)
		}
	}
	spent := func(clients []*redis.Client) (sum time.Duration) {
		for _, client := range clients {
			sum += processor(b, client)
		}
		return sum
	}
	was, others0, here := spent(first), spent(others), used(b)
	storetest.Flow(b, s)
	perMission := func(d time.Duration, unit string) {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), unit)
	}
	perMission(spent(first)-was, "µs-redis")
	if len(others) > 0 {
		perMission(spent(others)-others0, "µs-other-nodes")
	}
	perMission(used(b)-here, "µs-here")
}

// used returns the processor time that this process has used so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	var of syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &of))
	return time.Duration(of.Utime.Nano() + of.Stime.Nano())
}
