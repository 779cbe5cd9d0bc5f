package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RestoreSchema3 puts a data set of schema 3 into a Redis, and returns how far a clock is ahead
// that shows the time at which it was last used.
func RestoreSchema3(t testing.TB, client redis.UniversalClient, partitions int) func() time.Duration {
	t.Helper()
	f := readFixture(t, partitions)
	f.restore(t, client)
	return f.ahead(0)
}
