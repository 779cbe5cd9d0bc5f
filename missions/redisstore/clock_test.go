package redisstore

import (
	"testing"
	"time"
)

// TestTheClockFollowsRedis: a step of Redis' clock is followed, and a slow answer disturbs nothing.
func TestTheClockFollowsRedis(t *testing.T) {
	t.Parallel()
	var steady time.Duration
	c := NewClock(func() time.Duration { return steady })
	redis := time.Unix(1_800_000_000, 0)
	want := func(what string, at time.Time) {
		t.Helper()
		if got := c.Now(); !got.Equal(at) {
			t.Errorf("%s: it is %v, want %v", what, got, at)
		}
	}
	c.observe(steady, redis)
	want("as Redis said", redis)
	steady += time.Minute
	want("a minute later", redis.Add(time.Minute))

	sent := steady // Redis said it at once, and the answer took three seconds
	steady += 3 * time.Second
	c.observe(sent, redis.Add(time.Minute))
	want("after a slow answer", redis.Add(time.Minute+3*time.Second))

	c.observe(steady, redis.Add(time.Hour))
	want("after a step forward", redis.Add(time.Hour))
	c.observe(steady, redis)
	want("after a step back", redis)
}
