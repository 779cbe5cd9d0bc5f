package alerts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"missioncontrol/supervisor/alerts"
)

func TestEveryMetricHasAdvice(t *testing.T) {
	t.Parallel()
	for _, metric := range alerts.Metrics() {
		rule := alerts.Rule{Metric: metric}
		if text := rule.Advice(); !strings.HasSuffix(text, ".") {
			t.Errorf("the advice for %s is %q", metric, text)
		}
	}
	for metric, want := range map[string]string{
		"missions.pending_without_agent":            "supervisor agent run",
		"missions.oldest_claimable_seconds":         "start more agents",
		"missions.windows.5m.queue_seconds.p95":     "start more agents",
		"missions.windows.1h.success_rate":          "supervisor missions retry",
		"missions.per_minute.failed":                "supervisor missions retry",
		"missions.windows.24h.duration_seconds.p50": "stall limit",
		"missions.created":                          "programs that create them",
		"agents.online":                             "hosts and logs",
		"events.degraded":                           "supervisor doctor",
		"events.waiting":                            "disk and load",
		"limits.full":                               "supervisor limits",
		"limits.paused":                             "supervisor limits resume",
		"schedules.missed":                          "supervisor schedules backfill",
		"schedules.overdue_seconds":                 "supervisor doctor",
	} {
		if text := (&alerts.Rule{Metric: metric}).Advice(); !strings.Contains(text, want) {
			t.Errorf("the advice for %s is %q, want %q in it", metric, text, want)
		}
	}
}

func TestARuleNamesTheTypesForWhichItHolds(t *testing.T) {
	t.Parallel()
	var reads []string
	for _, c := range []struct {
		rule alerts.Rule
		want string
	}{
		{alerts.Rule{Metric: "missions.total", Comparison: alerts.Below, Threshold: 8}, "[t]"}, // 7 of t, 10 of each other type
		{alerts.Rule{Metric: "missions.total", Comparison: alerts.Below, Threshold: 11}, "[t u]"},
		{alerts.Rule{Metric: "missions.total", Comparison: alerts.Above, Threshold: 10}, "[]"},
		{alerts.Rule{Metric: "missions.total", Comparison: alerts.Above, Threshold: 10, Type: "given"}, "[given]"},
		{alerts.Rule{Metric: "missions.windows.1h.success_rate", Comparison: alerts.Below, Threshold: 0.5, MinSamples: 9999}, "[t u]"},
		{alerts.Rule{Metric: "missions.pending_without_agent", Comparison: alerts.Above}, "[u t]"},
		{alerts.Rule{Metric: "agents.online", Comparison: alerts.Below, Threshold: 1000}, "[]"},
	} {
		types, err := c.rule.Types(t.Context(), alerts.NewFigures(figures{reads: &reads}))
		if got := fmt.Sprint(types); err != nil || got != c.want {
			t.Errorf("%+v: %s %v, want %s", c.rule, got, err, c.want)
		}
	}
	for _, metric := range []string{"missions.total", "missions.pending_without_agent"} {
		if _, err := (&alerts.Rule{Metric: metric}).Types(t.Context(), alerts.NewFigures(figures{&reads, true})); !errors.Is(err, errAway) {
			t.Errorf("%s: %v, want the source's error", metric, err)
		}
	}
}
