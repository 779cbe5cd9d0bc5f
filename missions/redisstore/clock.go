package redisstore

import (
	"sync"
	"time"
)

// Clock tells the time of Redis, between two answers of Redis with the help of a clock of this
// machine that never steps. It may be used concurrently.
//
// Redis says what time it is with every commit and election. It was that time at some moment between the
// request and the answer, so the clock is set if it cannot have been right, and otherwise left
// alone. A slow answer does not disturb it.
type Clock struct {
	steady func() time.Duration

	mu  sync.Mutex
	set bool
	at  time.Time     // it was this time
	was time.Duration // when steady said this
}

// NewClock returns a clock. steady is a clock that never steps; by default this machine's.
func NewClock(steady func() time.Duration) *Clock {
	if steady == nil {
		began := time.Now()
		steady = func() time.Duration { return time.Since(began) }
	}
	return &Clock{steady: steady, at: time.Now()}
}

// Now returns the time of Redis.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(c.steady())
}

func (c *Clock) now(steady time.Duration) time.Time { return c.at.Add(steady - c.was) }

// Steady returns how much time has passed since some moment, whatever Redis' clock does.
func (c *Clock) Steady() time.Duration { return c.steady() }

// observe takes what Redis said to a request that was sent when steady said so.
func (c *Clock) observe(sent time.Duration, said time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	received := c.steady()
	if late := said.Sub(c.now(received)); !c.set || late > 0 {
		c.at, c.was = said, received
	} else if early := c.now(sent).Sub(said); early > 0 {
		c.at, c.was = said, sent
	}
	c.set = true
}
