package alerts_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
)

func good() alerts.Rule {
	return alerts.Rule{Name: "slow", Metric: "missions.windows.5m.duration_seconds.p95", Comparison: ">", Threshold: 30, For: time.Minute}
}

func TestARuleThatCannotBeUsedNamesItsField(t *testing.T) {
	t.Parallel()
	fine := good()
	if err := fine.Validate(); err != nil {
		t.Fatalf("a good rule: %v", err)
	}
	for field, spoil := range map[string][]func(*alerts.Rule){
		"name":       {func(r *alerts.Rule) { r.Name = "" }, func(r *alerts.Rule) { r.Name = "two words" }, func(r *alerts.Rule) { r.Name = strings.Repeat("x", 65) }},
		"metric":     {func(r *alerts.Rule) { r.Metric = "" }, func(r *alerts.Rule) { r.Metric = "missions" }, func(r *alerts.Rule) { r.Metric = "missions.pendng" }},
		"comparison": {func(r *alerts.Rule) { r.Comparison = "" }, func(r *alerts.Rule) { r.Comparison = "=" }},
		"threshold":  {func(r *alerts.Rule) { r.Threshold = math.NaN() }, func(r *alerts.Rule) { r.Threshold = math.Inf(1) }},
		"for":        {func(r *alerts.Rule) { r.For = -1 }, func(r *alerts.Rule) { r.For = 25 * time.Hour }},
		"min_samples": {func(r *alerts.Rule) { r.MinSamples = -1 },
			func(r *alerts.Rule) { r.Metric, r.MinSamples = "missions.success_rate", 5 }},
		"type": {func(r *alerts.Rule) { r.Type = "a b" }, func(r *alerts.Rule) { r.Metric, r.Type = "events.waiting", "t" }},
	} {
		for _, spoil := range spoil {
			rule := good()
			spoil(&rule)
			var refusal *missions.Error
			if err := rule.Validate(); !errors.As(err, &refusal) || refusal.Field != field {
				t.Errorf("%+v: %v, want one that names %s", rule, err, field)
			}
		}
	}
	misspelt := good()
	misspelt.Metric = "mission.success_rate"
	if err := misspelt.Validate(); err == nil || !strings.Contains(err.Error(), "missions., agents., events., limits. or schedules.") {
		t.Errorf("a misspelt metric: %v", err)
	}
	if err := alerts.ValidateAll([]alerts.Rule{good(), good()}); !errors.Is(err, missions.ErrInvalid) {
		t.Errorf("two of one name: %v", err)
	}
	if err := alerts.ValidateAll(slices.Repeat([]alerts.Rule{good()}, 101)); !errors.Is(err, missions.ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
	if err := alerts.ValidateAll(alerts.Defaults()); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}
