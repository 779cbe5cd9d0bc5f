package redisstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/missions/storetest"
	"missioncontrol/test/fatal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silent is for tests that provoke failures, which a store logs.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// dataSets numbers data sets, so that many share one Redis.
var dataSets atomic.Int64

func newPrefix() string { return fmt.Sprint("test-", dataSets.Add(1)) }

// mustOpen opens a store that is closed when the test ends.
func mustOpen(t testing.TB, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = silent()
	}
	s, err := redisstore.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// opener opens stores of their own, with a number of partitions, on one Redis.
func opener(url string, partitions int) storetest.Opener {
	return func(t *testing.T, options storetest.Options) storetest.Harness {
		var ahead atomic.Int64
		cfg := redisstore.Config{
			URL: url + "?prefix=" + newPrefix(), Partitions: partitions, OutboxLimit: options.OutboxLimit, Retry: options.Retry,
			Ahead: func() time.Duration { return time.Duration(ahead.Load()) },
		}
		store := mustOpen(t, cfg)
		return storetest.Harness{
			Store:   store,
			Advance: func(d time.Duration) { ahead.Add(int64(d)) },
			Reopen: func(t *testing.T) missions.Store {
				t.Helper()
				if err := store.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				store = mustOpen(t, cfg)
				return store
			},
		}
	}
}

// TestConformance runs the suite on a single Redis and on a cluster of three, with
// one partition and, where all clocks are one, with several: as the users of
// docs/OPERATIONS.md, which have exactly the permissions that a store needs.
func TestConformance(t *testing.T) {
	redis := func(t *testing.T) string {
		server := redistest.Start(t, "--appendfsync", "no")
		user(t, server, "mc", prefixed(documented(t, "one Redis"), "test-*")...)
		return as("mc", server)
	}
	cluster := func(t *testing.T) string {
		cluster := redistest.StartCluster(t, 3)
		for _, node := range cluster.Nodes {
			user(t, node, "mc", prefixed(documented(t, "a Redis Cluster"), "test-*")...)
		}
		return strings.Replace(cluster.URL(), "://", "://mc:PASSWORD@", 1)
	}
	for name, on := range map[string]struct {
		start      func(*testing.T) string
		partitions int
	}{
		"redis": {redis, 1}, "redis, 3 partitions": {redis, 3},
		"cluster": {cluster, 1}, "cluster, 4 partitions": {cluster, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, opener(on.start(t), on.partitions))
		})
	}
}

var must = fatal.If
