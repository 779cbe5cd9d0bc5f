package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/alerts"
)

// alertRequests formats rules in short form.
func alertRequests(rules []alerts.Rule) (lines string) {
	for _, r := range rules {
		lines += fmt.Sprintf("%s: %s%s %s %g for %s, %d samples\n", r.Name, r.Metric, r.Type, r.Comparison, r.Threshold, r.For, r.MinSamples)
	}
	return lines
}

func TestAlertRulesComeFromTheFile(t *testing.T) {
	t.Parallel()
	s, err := load(t, nil, nil, "")
	must(t, err)
	const defaults = `event-stream-degraded: events.degraded >= 1 for 1m0s, 0 samples
limit-full: limits.full > 0 for 1h0m0s, 0 samples
limit-paused: limits.paused > 0 for 1h0m0s, 0 samples
max-usage-near: missions.highest_usage_ratio >= 0.8 for 0s, 0 samples
missions-failing: missions.windows.1h.success_rate < 0.8 for 1m0s, 20 samples
missions-waiting: missions.oldest_claimable_seconds > 900 for 1m0s, 0 samples
no-agent: missions.pending_without_agent > 0 for 2m0s, 0 samples
outbox-growing: events.waiting > 10000 for 2m0s, 0 samples
person-needed: missions.oldest_signal_wait_seconds > 3600 for 1m0s, 0 samples
schedule-missed: schedules.missed > 0 for 0s, 0 samples
schedule-overdue: schedules.overdue_seconds > 60 for 1m0s, 0 samples
`
	equal(t, "rules by default", alertRequests(s.Config.Alerts), defaults)

	s, err = load(t, nil, nil, `
alerts:
  - name: slow   # a rule of one's own
    metric: missions.windows.5m.duration_seconds.p95
    comparison: ">"
    threshold: 30
    for: 5m
    type: resize
  - name: idle
    metric: agents.utilization
    comparison: below
    threshold: 0.05
    for: 1d
  - name: missions-failing
    threshold: 0.5
  - name: outbox-growing
    enabled: false
`)
	must(t, err)
	equal(t, "rules", alertRequests(s.Config.Alerts), `event-stream-degraded: events.degraded >= 1 for 1m0s, 0 samples
idle: agents.utilization < 0.05 for 24h0m0s, 0 samples
limit-full: limits.full > 0 for 1h0m0s, 0 samples
limit-paused: limits.paused > 0 for 1h0m0s, 0 samples
max-usage-near: missions.highest_usage_ratio >= 0.8 for 0s, 0 samples
missions-failing: missions.windows.1h.success_rate < 0.5 for 1m0s, 20 samples
missions-waiting: missions.oldest_claimable_seconds > 900 for 1m0s, 0 samples
no-agent: missions.pending_without_agent > 0 for 2m0s, 0 samples
person-needed: missions.oldest_signal_wait_seconds > 3600 for 1m0s, 0 samples
schedule-missed: schedules.missed > 0 for 0s, 0 samples
schedule-overdue: schedules.overdue_seconds > 60 for 1m0s, 0 samples
slow: missions.windows.5m.duration_seconds.p95resize > 30 for 5m0s, 0 samples
`)
	s, err = load(t, []string{"--alert-defaults", "off"}, nil, "alerts:\n- {name: big, metric: missions.total, comparison: '>=', threshold: 1_000_000}\n")
	must(t, err)
	equal(t, "without defaults", alertRequests(s.Config.Alerts), "big: missions.total >= 1e+06 for 1m0s, 0 samples\n")
}

func TestARuleThatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	const good = "metric: missions.total, comparison: '>', threshold: 1"
	for text, want := range map[string]string{
		"alerts: 5":                                                  "it must be a list of rules",
		"alerts: {name: x}":                                          "it must be a list of rules",
		"alerts: [5]":                                                "rule 1 must consist of lines like metric:",
		"alerts: [{metric: missions.total}]":                         "rule 1: name is required",
		"alerts: [{name: a b, " + good + "}]":                        "rule 1 (a b): name may contain only letters",
		"alerts: [{name: x, " + good + ", y: 1}]":                    `rule 1 (x): "y" is not one of name, enabled, metric,`,
		"alerts: [{name: x, metric: [a]}]":                           "rule 1 (x): metric must be a single value",
		"alerts: [{name: x, " + good + "}, {name: x, " + good + "}]": "rule 2 (x): another rule has the same name",
		"alerts: [{name: x}]":                                        "rule 1 (x): metric is required",
		"alerts: [{name: x, metric: missions.p95, comparison: '>', threshold: 1}]":            `rule 1 (x): metric "missions.p95" is not a metric; did you mean missions.duration_seconds.p95`,
		"alerts: [{name: x, metric: missions.total, threshold: 1}]":                           "rule 1 (x): comparison is required",
		"alerts: [{name: x, metric: missions.total, comparison: '>'}]":                        "rule 1 (x): threshold is required",
		"alerts: [{name: x, metric: missions.total, comparison: over, threshold: 1}]":         `rule 1 (x): comparison "over" is not one of`,
		"alerts: [{name: x, metric: missions.total, comparison: '>', threshold: lots}]":       `rule 1 (x): threshold: "lots" is not a number`,
		"alerts: [{name: x, " + good + ", for: soon}]":                                        `rule 1 (x): for: "soon" is not a duration`,
		"alerts: [{name: x, " + good + ", for: 2d}]":                                          "rule 1 (x): for: 2d is not between",
		"alerts: [{name: x, " + good + ", min_samples: 5}]":                                   "rule 1 (x): min_samples is only for metrics of a window",
		"alerts: [{name: x, " + good + ", enabled: perhaps}]":                                 `rule 1 (x): enabled: "perhaps" is not true or false`,
		"alerts: [{name: x, metric: events.waiting, comparison: '>', threshold: 1, type: t}]": "rule 1 (x): type cannot be used with events.waiting",
		"alerts: [{name: \"x\\e[31m\"}]":                                                      "rule 1 (x",
	} {
		_, err := load(t, nil, nil, text+"\n")
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Error(), want) || !strings.Contains(usage.Error(), "alerts in ") ||
			!strings.Contains(usage.Error(), "line 1: ") || strings.ContainsAny(usage.Error(), "\n\x1b") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	rules := "alerts:\n" + strings.Repeat("- {name: xN, "+good+"}\n", 101)
	for i := range 101 {
		rules = strings.Replace(rules, "xN", fmt.Sprint("x", i), 1)
	}
	if _, err := load(t, nil, nil, rules); err == nil || !strings.Contains(err.Error(), "more than 100 rules") {
		t.Errorf("too many: %v", err)
	}
}

// A mistake in a list is reported with its own line in the file.
func TestAMistakeInAListHasItsLine(t *testing.T) {
	t.Parallel()
	const head = "# settings\nlease: 10s\n\nalerts:   # our own\n  # about speed\n  - name: slow\n\n    metric: missions.total\n    comparison: '>'\n    threshold: 1\n"
	for text, want := range map[string]string{
		head + "  - name: x\n    metric: missions.pendng\n    comparison: '>'\n    threshold: 1\nhttp: off\n": `line 12: rule 2 (x): metric "missions.pendng" is not a metric; did you mean missions.pending?`,
		head + "  - name: x\n    # comment\n    metric: missions.total\n    threshold: 1\n":                   "line 11: rule 2 (x): comparison is required",
		head + "  -\n    name: x\n    metric: missions.total\n    comparison: '>'\n    threshold: lots\n":     "line 15: rule 2 (x): threshold: ",
		head + "  - 5\n":                    "line 11: rule 2 must consist of lines",
		"alerts:\n- name: x\n  metrik: 5\n": `line 3: rule 1 (x): "metrik" is not one of`,
		"lease: 9s\nalerts: [{name: a, metric: missions.total, comparison: '>', threshold: 1},\n  {name: a}]\n": "line 3: rule 2 (a): another rule",
		"{lease: 9s,\nalerts: [{name: a, metric: missions.p0, comparison: '>', threshold: 1}]}\n":               "rule 1 (a): metric \"missions.p0\" is not a metric",
		"lease: 9s\nusers:\n  # who\n  - name: mary\n    role: viewer\n    nkye: x\nlisten: 127.0.0.1:0\n":      "line 6 has an unexpected value",
	} {
		_, err := load(t, nil, nil, text)
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestAnUnknownMetricNamesTheNearestOfItsKind(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"missions.pendng":                      "did you mean missions.pending?",
		"mission.pending":                      "did you mean missions.pending?",
		"mission.success_rate":                 "did you mean missions.success_rate?",
		"agents.failed":                        "did you mean agents.",
		"agent.online":                         "did you mean agents.online?",
		"events.dropd":                         "did you mean events.dropped?",
		"missions.windows.1h.sucess_rate":      "did you mean missions.windows.1h.success_rate?",
		"missions.p95":                         "did you mean missions.duration_seconds.p95, missions.queue_seconds.p95, missions.windows.1h.duration_seconds.p95, missions.windows.1h.queue_seconds.p95?",
		"missions.windows.2h.duration_seconds": "did you mean missions.windows.",
		"Missions.Pending":                     "did you mean missions.pending?",
		"x":                                    "they begin with missions., agents., events., limits. or schedules.",
	} {
		if got := nearestMetric(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestTheAlertWebhook(t *testing.T) {
	t.Parallel()
	s, err := load(t, nil, map[string]string{"SUPERVISOR_ALERT_WEBHOOK_SECRET": "geheim"}, "alert_webhook: https://x/y\nalert_interval: 2s\n")
	must(t, err)
	if s.Config.Webhook == nil || s.Config.AlertInterval != 2*time.Second {
		t.Errorf("%+v", s.Config)
	}
	for want, args := range map[string][]string{
		"--alert-webhook-secret needs a webhook; add --alert-webhook URL":    {"--alert-webhook-secret", "geheim"},
		"--alert-webhook: it is not a URL like":                              {"--alert-webhook", "geheim"},
		"--alert-webhook: the part of the secret after whsec_ is not base64": {"--alert-webhook", "http://x", "--alert-webhook-secret", "whsec_geheim!"},
	} {
		if _, err := load(t, args, nil, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
