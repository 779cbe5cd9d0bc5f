package redisstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/leader"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/missions/storetest"
)

// TestConformanceOfTheEngine runs the suite on the engine with a Backend.
func TestConformanceOfTheEngine(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t, "--appendfsync", "no").URL()
	options, err := redis.ParseURL(url)
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { must(t, client.Close()) })
	storetest.Run(t, func(t *testing.T, options storetest.Options) storetest.Harness {
		var ahead atomic.Int64
		prefix := newPrefix()
		open := func(t *testing.T) *leader.Store {
			t.Helper()
			store, err := leader.Open(t.Context(), leader.Config{
				Engine:  engine.Config{OutboxLimit: options.OutboxLimit, Retry: options.Retry},
				Backend: redisstore.NewBackend(client, prefix, 0, 1, nil, silent()), Logger: silent(), Name: prefix,
				Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
			})
			must(t, err)
			return store
		}
		store := open(t)
		t.Cleanup(func() { must(t, store.Close()) })
		return storetest.Harness{
			Store:   store,
			Advance: func(d time.Duration) { ahead.Add(int64(d)) },
			Reopen: func(t *testing.T) missions.Store {
				t.Helper()
				must(t, store.Close())
				store = open(t)
				return store
			},
		}
	})
}
