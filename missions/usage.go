package missions

import (
	"maps"
	"math"
)

// Usage is what a mission has used, by unit, such as usd or input_tokens.
type Usage map[string]float64

// Bounds of a [Usage].
const (
	MaxUnits     = 8
	MaxUnitChars = 32
	maxAmount    = 1e15

	// MaxCountedUnits is how many units the statistics of a type distinguish; usage in
	// other units counts only on its missions.
	MaxCountedUnits = 32
)

// CheckUsage checks a report of usage.
func CheckUsage(field string, u Usage) error { return u.check(field) }

func (u Usage) check(field string) error {
	if len(u) > MaxUnits {
		return TooLarge(field, "has more than %d units", MaxUnits)
	}
	for unit, amount := range u {
		if !isUnit(unit) {
			return Invalid(field, "has a unit that is not 1 to %d of a-z, 0-9 and _", MaxUnitChars)
		}
		if math.IsNaN(amount) || amount < 0 || amount > maxAmount {
			return Invalid(field+"."+unit, "must be between 0 and %g", maxAmount)
		}
	}
	return nil
}

// Plus returns the sum of two usages, which stay as they are.
func (u Usage) Plus(other Usage) Usage {
	if len(other) == 0 {
		return u
	}
	sum := make(Usage, len(u)+len(other))
	maps.Copy(sum, u)
	for unit, amount := range other {
		sum[unit] += amount
	}
	return sum
}

func isUnit(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= MaxUnitChars
}

// RetryOptions are what a mission changes of the supervisor's [RetryPolicy]. What is left out
// stays as it is.
type RetryOptions struct {
	FirstSeconds *float64 `json:"first_seconds,omitzero"` // wait after the first failure
	Factor       *float64 `json:"factor,omitzero"`        // 1 to 100: how much longer each wait is than the one before
	MaxSeconds   *float64 `json:"max_seconds,omitzero"`   // longest wait
	Jitter       *float64 `json:"jitter,omitzero"`        // 0 to 1: the random part of the wait
}

func (o *RetryOptions) check() error {
	if o == nil {
		return nil
	}
	for _, f := range []struct {
		name        string
		value       *float64
		least, most float64
	}{
		{"first_seconds", o.FirstSeconds, 0, maxTimeoutSeconds},
		{"factor", o.Factor, 1, 100},
		{"max_seconds", o.MaxSeconds, 0, maxTimeoutSeconds},
		{"jitter", o.Jitter, 0, 1},
	} {
		if f.value != nil && (math.IsNaN(*f.value) || *f.value < f.least || *f.value > f.most) {
			return Invalid("retry_policy."+f.name, "must be between %g and %g", f.least, f.most)
		}
	}
	return nil
}

// With returns the policy with a mission's options.
func (p RetryPolicy) With(o *RetryOptions) RetryPolicy {
	if p == (RetryPolicy{}) {
		p = DefaultRetryPolicy()
	}
	if o == nil {
		return p
	}
	if o.FirstSeconds != nil {
		p.Base = Seconds(*o.FirstSeconds)
	}
	if o.Factor != nil {
		p.Factor = *o.Factor
	}
	if o.MaxSeconds != nil {
		p.Max = Seconds(*o.MaxSeconds)
	}
	if o.Jitter != nil {
		p.Jitter = *o.Jitter
	}
	p.fixed = true
	return p
}

// CheckRetryAfter checks retry_after_seconds of a failure.
func CheckRetryAfter(seconds float64) error {
	if math.IsNaN(seconds) || seconds < 0 || seconds > maxTimeoutSeconds {
		return Invalid("retry_after_seconds", "must be between 0 and %d", maxTimeoutSeconds)
	}
	return nil
}
