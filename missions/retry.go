package missions

import "time"

// RetryPolicy says how long a failed mission waits before its next attempt.
// The zero value stands for [DefaultRetryPolicy].
type RetryPolicy struct {
	Base   time.Duration // the wait after the first failure
	Max    time.Duration // no wait is longer
	Jitter float64       // 0 to 1: the part of the wait that is left to chance
}

// DefaultRetryPolicy waits about 1 s, 2 s, 4 s … up to 5 minutes, each ±20 %.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{Base: time.Second, Max: 5 * time.Minute, Jitter: 0.2}
}

// Delay returns the wait after the given attempt (1 is the first). chance, in
// [0, 1), picks the jitter, so that a wait can be computed and not only drawn:
// 0.5 gives the middle.
func (p RetryPolicy) Delay(attempt int, chance float64) time.Duration {
	if p == (RetryPolicy{}) {
		p = DefaultRetryPolicy()
	}
	delay := p.Max
	if shift := max(attempt, 1) - 1; p.Base <= p.Max>>min(shift, 63) {
		delay = p.Base << shift
	}
	return min(p.Max, time.Duration(float64(delay)*(1+p.Jitter*(2*chance-1))))
}
