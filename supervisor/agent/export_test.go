package agent

import "time"

// MaxSetbacks is after how many setbacks in a row an agent goes offline.
const MaxSetbacks = maxSetbacks

// RestAfter is how long an agent claims nothing after the nth setback in a row.
func RestAfter(n int) time.Duration { return restAfter(n) }

// Resting returns cfg with other waits after setbacks.
func (cfg Config) Resting(rest func(n int) time.Duration) Config {
	cfg.rest = rest
	return cfg
}
