package missions

import (
	"math"
	"time"
)

// RetryPolicy sets how long a failed mission waits before its next attempt. The
// zero value means [DefaultRetryPolicy].
type RetryPolicy struct {
	Base   time.Duration // the wait after the first failure
	Max    time.Duration // the longest wait
	Jitter float64       // 0 to 1: the random part of the wait
	Factor float64       // how much longer each wait is than the one before; 0: 2

	fixed bool // zero fields are meant
}

// DefaultRetryPolicy waits about 1 s, 2 s, 4 s … up to 5 minutes, each ±20 %.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{Base: time.Second, Max: 5 * time.Minute, Jitter: 0.2}
}

// Delay returns the wait after the given attempt (1 is the first). chance, in [0,
// 1), selects the jitter, so that a wait can also be computed: 0.5 gives the
// middle.
func (p RetryPolicy) Delay(attempt int, chance float64) time.Duration {
	if p == (RetryPolicy{}) {
		p = DefaultRetryPolicy()
	}
	delay := p.Max
	if p.Factor != 0 && p.Factor != 2 {
		if grown := float64(p.Base) * math.Pow(p.Factor, float64(max(attempt, 1)-1)); grown < float64(p.Max) {
			delay = time.Duration(grown)
		}
	} else if shift := max(attempt, 1) - 1; p.Base <= p.Max>>min(shift, 63) {
		delay = p.Base << shift
	}
	return min(p.Max, time.Duration(float64(delay)*(1+p.Jitter*(2*chance-1))))
}
