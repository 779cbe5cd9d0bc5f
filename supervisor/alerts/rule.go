// Package alerts defines alert rules, the metrics that rules may watch, and
// notifications over HTTP. Package missions decides when an alert is raised and
// resolved. The supervisor's leader checks the rules and stores the results.
package alerts

import (
	"context"
	"math"
	"slices"
	"time"

	"missioncontrol/missions"
)

// Rule is a condition that raises an alert.
type Rule struct {
	Name       string        // 1 to 64 of A-Z a-z 0-9 _ -, unique among the rules
	Metric     string        // one of [Metrics]
	Comparison Comparison    // of the metric with the threshold
	Threshold  float64       // in the metric's unit; finite
	For        time.Duration // how long the condition must hold, or not hold, to count; 0 to 24 h
	Type       string        // limits the metric to one type of missions; "": all

	// MinSamples is how many missions a window must count for its figure to be
	// meaningful: below it, the metric has no value. Only for metrics of windows.
	MinSamples int64
}

// Comparison is how a metric is compared with a threshold.
type Comparison string

// The comparisons.
const (
	Above   Comparison = ">"
	AtLeast Comparison = ">="
	Below   Comparison = "<"
	AtMost  Comparison = "<="
)

// Comparisons lists every comparison.
func Comparisons() []Comparison { return []Comparison{Above, AtLeast, Below, AtMost} }

func (c Comparison) holds(value, threshold float64) bool {
	switch c {
	case Above:
		return value > threshold
	case AtLeast:
		return value >= threshold
	case Below:
		return value < threshold
	case AtMost:
		return value <= threshold
	}
	return false
}

// Bounds of rules.
const (
	MaxRules   = 100
	MaxFor     = 24 * time.Hour
	DefaultFor = time.Minute
)

// Defaults returns the rules that apply if none are configured.
func Defaults() []Rule {
	return []Rule{
		{Name: "event-stream-degraded", Metric: "events.degraded", Comparison: AtLeast, Threshold: 1, For: time.Minute},
		{Name: "missions-failing", Metric: "missions.windows.1h.success_rate", Comparison: Below, Threshold: 0.8,
			For: time.Minute, MinSamples: 20},
		{Name: "missions-waiting", Metric: "missions.oldest_claimable_seconds", Comparison: Above, Threshold: 900, For: time.Minute},
		{Name: "no-agent", Metric: "missions.pending_without_agent", Comparison: Above, Threshold: 0, For: 2 * time.Minute},
		{Name: "max-usage-near", Metric: "missions.highest_usage_ratio", Comparison: AtLeast, Threshold: 0.8, For: 0},
		{Name: "outbox-growing", Metric: "events.waiting", Comparison: Above, Threshold: 10_000, For: 2 * time.Minute},
		{Name: "limit-full", Metric: "limits.full", Comparison: Above, Threshold: 0, For: time.Hour},
		{Name: "limit-paused", Metric: "limits.paused", Comparison: Above, Threshold: 0, For: time.Hour},
		{Name: "schedule-missed", Metric: "schedules.missed", Comparison: Above, Threshold: 0, For: 0},
		{Name: "schedule-overdue", Metric: "schedules.overdue_seconds", Comparison: Above, Threshold: 60, For: time.Minute},
		{Name: "person-needed", Metric: "missions.oldest_signal_wait_seconds", Comparison: Above, Threshold: 3600, For: time.Minute},
	}
}

// Validate returns the first error in a rule, as a missions.ErrInvalid that names the
// field as in the config file.
func (r *Rule) Validate() error {
	if err := missions.CheckToken("name", r.Name); err != nil {
		return err
	}
	if r.Metric == "" {
		return missions.Invalid("metric", "is required")
	}
	m, known := lookup(r.Metric)
	switch {
	case !known:
		return missions.Invalid("metric", "%q is not a metric; they begin with missions., agents., events., limits. or schedules.", r.Metric)
	case r.Comparison == "":
		return missions.Invalid("comparison", "is required: one of >, >=, <, <=")
	case !slices.Contains(Comparisons(), r.Comparison):
		return missions.Invalid("comparison", "%q is not one of >, >=, <, <=", string(r.Comparison))
	case math.IsNaN(r.Threshold) || math.IsInf(r.Threshold, 0):
		return missions.Invalid("threshold", "is not a number")
	case r.For < 0 || r.For > MaxFor:
		return missions.Invalid("for", "is not between 0 and 24 hours")
	case r.MinSamples < 0 || r.MinSamples > 1e9:
		return missions.Invalid("min_samples", "is not between 0 and 1,000,000,000")
	case r.MinSamples > 0 && m.samples == nil:
		return missions.Invalid("min_samples", "is only for metrics of a window, such as missions.windows.1h.success_rate, not for %s", r.Metric)
	case r.Type != "" && !m.typed:
		return missions.Invalid("type", "cannot be used with %s, which is not counted by type", r.Metric)
	case r.Type != "":
		return missions.CheckToken("type", r.Type)
	}
	return nil
}

// ValidateAll checks a set of rules.
func ValidateAll(rules []Rule) error {
	if len(rules) > MaxRules {
		return missions.TooLarge("alerts", "has more than %d rules", MaxRules)
	}
	seen := map[string]bool{}
	for i := range rules {
		if err := rules[i].Validate(); err != nil {
			return err
		}
		if seen[rules[i].Name] {
			return missions.Invalid("name", "two rules have the name %q", rules[i].Name)
		}
		seen[rules[i].Name] = true
	}
	return nil
}

// Look returns the metric's current value, or nil if it has none, and whether the
// rule's condition holds. The error is the source's.
func (r *Rule) Look(ctx context.Context, f *Figures) (value *float64, holds bool, err error) {
	m, _ := lookup(r.Metric)
	if r.MinSamples > 0 {
		n, err := m.samples(ctx, f, r.Type)
		if err != nil || n < r.MinSamples {
			return nil, false, err
		}
	}
	if value, err = m.read(ctx, f, r.Type); err != nil || value == nil {
		return nil, false, err
	}
	return value, r.Comparison.holds(*value, r.Threshold), nil
}
