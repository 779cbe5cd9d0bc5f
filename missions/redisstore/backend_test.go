package redisstore

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/redisstore/redistest"
)

// TestBackendAnswersLikeMemory runs random histories on a Backend beside a backend in memory.
// Now and then another Backend takes over.
func TestBackendAnswersLikeMemory(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t, "--appendonly", "no", "--save", "").URL()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	for seed := range enginetest.Histories(t) {
		partitions := 1 + 2*int(seed%2) //nolint:gosec // 1 or 3
		another := func() (engine.Backend, error) {
			cfg := Config{URL: url + fmt.Sprint("?prefix=compared-", seed), Logger: slog.New(slog.DiscardHandler)}.WithDefaults()
			where, err := ParseURL(cfg.URL)
			if err != nil {
				return nil, err
			}
			b := newBackend(&connection{client: client, where: where, log: cfg.Logger}, cfg)
			t.Cleanup(b.Close)
			return b, b.open(t.Context(), partitions)
		}
		first, err := another()
		if err != nil {
			t.Fatal(err)
		}
		compared := enginetest.Compare(first, another)
		compared.Shared = true
		counted, err := enginetest.Run(compared, enginetest.Actions(seed, 1500))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %+v", seed, counted)
	}
}
