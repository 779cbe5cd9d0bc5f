package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the Sentinels call the master.
const MasterName = "mission"

// Sentinel is a master with a replica, and three Sentinels that watch over them.
type Sentinel struct {
	Master, Replica *Server
	watchers        []*Server
}

// StartSentinel starts a master, a replica and three Sentinels, and waits until
// all know each other.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	dir := t.TempDir()
	s := &Sentinel{Master: start(t, subdirectory(t, dir, "master"))}
	s.Replica = start(t, subdirectory(t, dir, "replica"), "--replicaof", "127.0.0.1 "+s.Master.port())
	for i := range 3 {
		s.watchers = append(s.watchers, startWatcher(t, subdirectory(t, dir, fmt.Sprint("sentinel-", i)), s.Master))
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for _, watcher := range s.watchers {
		client := redis.NewSentinelClient(&redis.Options{Addr: watcher.Addr})
		until(ctx, t, func() bool {
			others, err := client.Sentinels(ctx, MasterName).Result()
			replicas, also := client.Replicas(ctx, MasterName).Result()
			return err == nil && also == nil && len(others) == 2 && len(replicas) == 1 &&
				replicas[0]["master-link-status"] == "ok"
		})
		must(t, client.Close())
	}
	return s
}

// startWatcher starts one Sentinel, which writes its own configuration file.
func startWatcher(t testing.TB, dir string, master *Server) *Server {
	t.Helper()
	file := filepath.Join(dir, "sentinel.conf")
	config := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\nsentinel down-after-milliseconds %[1]s 500\n"+
		"sentinel failover-timeout %[1]s 4000\nsentinel resolve-hostnames no\n", MasterName, master.port())
	must(t, os.WriteFile(file, []byte(config), 0o600))
	s := &Server{t: t, Addr: "127.0.0.1:" + FreePort(t), dir: dir}
	s.command = []string{file, "--sentinel", "--port", s.port(), "--bind", "127.0.0.1", "--dir", dir}
	must(t, s.run())
	t.Cleanup(s.end)
	return s
}

// URL is where the master is found, as a store wants it.
func (s *Sentinel) URL() string {
	return fmt.Sprintf("redis-sentinel://%s,%s,%s/%s", s.watchers[0].Addr, s.watchers[1].Addr, s.watchers[2].Addr, MasterName)
}

// AwaitPromotion waits until the Sentinels have made the replica the master.
func (s *Sentinel) AwaitPromotion(t testing.TB) {
	t.Helper()
	client := s.Replica.Client()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	until(ctx, t, func() bool {
		role, err := client.Do(ctx, "ROLE").Slice()
		return err == nil && len(role) > 0 && role[0] == "master"
	})
}
