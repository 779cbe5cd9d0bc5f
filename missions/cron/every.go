package cron

import "time"

// NextEvery returns the first of the times after one that are a multiple of a period since the Unix epoch, plus an offset. The
// period is at least a second.
func NextEvery(after time.Time, period, offset time.Duration) time.Time {
	since := (after.Sub(time.Unix(0, 0)) - offset) % period // since the latest one
	if since < 0 {
		since += period
	}
	return after.Add(period - since)
}
