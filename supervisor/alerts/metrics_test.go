package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
)

// figures is a source in which each figure has a different value.
type figures struct {
	reads *[]string
	fails bool
}

var errAway = errors.New("the store is away")

func (f figures) read(what string) error {
	*f.reads = append(*f.reads, what)
	if f.fails {
		return errAway
	}
	return nil
}

func spread(first float64) missions.Distribution {
	n := func(by float64) *float64 { value := first + by; return &value }
	return missions.Distribution{Average: n(0), P50: n(1), P95: n(2), P99: n(3)}
}

func window(first int64) missions.Window {
	rate := float64(first) / 1000
	return missions.Window{Created: first + 1, Started: first + 2, Completed: first + 3, Failed: first + 4, Cancelled: first + 5,
		SuccessRate: &rate, Duration: spread(float64(first) + 10), Queue: spread(float64(first) + 20),
		Usage: missions.Usage{"usd": float64(first) + 0.5}}
}

func (f figures) Stats(_ context.Context, kind string) (missions.Stats, error) {
	rate, oldest, claimable, asked, ratio := 0.25, 33.0, 22.0, 44.0, 0.85
	total := int64(10)
	if kind == "t" {
		total = 7
	}
	return missions.Stats{
		Total:       total,
		ByType:      map[string]int64{"t": 6, "u": 4, "none": 0},
		ByStatus:    map[missions.Status]int64{"PENDING": 1, "RUNNING": 2, "COMPLETED": 3, "FAILED": 4, "CANCELLED": 5},
		SuccessRate: &rate, Duration: spread(40), Queue: spread(50), OldestPendingSeconds: &oldest, OldestClaimableSeconds: &claimable,
		OldestSignalWaitSeconds: &asked, HighestUsageRatio: &ratio, Usage: missions.Usage{"usd": 70.5},
		Waiting:   map[missions.WaitKind]int64{"mission": 11, "batch": 12, "signal": 13, "time": 14},
		PerMinute: map[missions.Happening]int64{"created": 61, "started": 62, "completed": 63, "failed": 64, "cancelled": 65},
		Windows:   missions.Windows{FiveMinutes: window(100), Hour: window(200), Day: window(300)},
	}, f.read("stats " + kind)
}

func (f figures) Counts(context.Context) (missions.Counts, error) {
	return missions.Counts{ByStatus: map[missions.Status]int64{"RUNNING": 2}, Agents: 3, Slots: 8}, f.read("counts")
}

func (f figures) Unserved(context.Context) (map[string]int64, error) {
	return map[string]int64{"t": 4, "u": 5}, f.read("unserved")
}

func (f figures) AgentCount(_ context.Context, state missions.AgentState, kind string) (int64, error) {
	return int64(len(state) + 100*len(kind)), f.read("agents")
}

func (f figures) Waiting(context.Context) (int64, error) { return 71, f.read("waiting") }

func (f figures) Limits(context.Context) (missions.LimitFigures, error) {
	return missions.LimitFigures{Full: 93, Paused: 94}, f.read("limits")
}

func (f figures) Schedules(context.Context) (missions.ScheduleFigures, error) {
	return missions.ScheduleFigures{Missed: 91, Overdue: 92500 * time.Millisecond}, f.read("schedules")
}

func (f figures) Stream() alerts.StreamFigures {
	return alerts.StreamFigures{Degraded: true, Published: 81, Dropped: 82, Duplicates: 83}
}

func TestEveryMetricIsTheFigureOfItsName(t *testing.T) {
	t.Parallel()
	want := map[string]float64{
		"missions.total": 10, "missions.pending": 1, "missions.running": 2, "missions.completed": 3, "missions.failed": 4,
		"missions.cancelled": 5, "missions.success_rate": 0.25, "missions.oldest_pending_seconds": 33,
		"missions.oldest_claimable_seconds": 22, "missions.oldest_signal_wait_seconds": 44, "missions.highest_usage_ratio": 0.85,
		"missions.waiting.mission": 11, "missions.waiting.batch": 12, "missions.waiting.signal": 13, "missions.waiting.time": 14,
		"missions.pending_without_agent": 9,
		"missions.per_minute.created":    61, "missions.per_minute.started": 62, "missions.per_minute.completed": 63,
		"missions.per_minute.failed": 64, "missions.per_minute.cancelled": 65,
		"missions.duration_seconds.average": 40, "missions.duration_seconds.p50": 41, "missions.duration_seconds.p95": 42,
		"missions.duration_seconds.p99": 43, "missions.queue_seconds.average": 50, "missions.queue_seconds.p50": 51,
		"missions.queue_seconds.p95": 52, "missions.queue_seconds.p99": 53,
		"agents.online": 6, "agents.draining": 8, "agents.offline": 7, "agents.count": 3, "agents.slots": 8, "agents.utilization": 0.25,
		"events.degraded": 1, "events.published": 81, "events.dropped": 82, "events.duplicates": 83, "events.waiting": 71,
		"limits.full": 93, "limits.paused": 94,
		"schedules.missed": 91, "schedules.overdue_seconds": 92.5,
	}
	for name, first := range map[string]float64{"5m": 100, "1h": 200, "24h": 300} {
		for figure, by := range map[string]float64{"created": 1, "started": 2, "completed": 3, "failed": 4, "cancelled": 5} {
			want["missions.windows."+name+"."+figure] = first + by
		}
		want["missions.windows."+name+".success_rate"] = first / 1000
		for figure, by := range map[string]float64{"average": 0, "p50": 1, "p95": 2, "p99": 3} {
			want["missions.windows."+name+".duration_seconds."+figure] = first + 10 + by
			want["missions.windows."+name+".queue_seconds."+figure] = first + 20 + by
		}
	}
	if len(want) != len(alerts.Metrics()) {
		t.Errorf("there are %d metrics, want %d", len(alerts.Metrics()), len(want))
	}
	// Usage has metrics for units, of which nobody knows the names.
	for name, figure := range map[string]float64{"usage": 70.5, "windows.5m.usage": 100.5, "windows.1h.usage": 200.5, "windows.24h.usage": 300.5} {
		want["missions."+name+".usd"] = figure
	}
	want["missions.usage.tokens"] = 0
	var reads []string
	read := alerts.NewFigures(figures{reads: &reads})
	for metric, figure := range want {
		rule := alerts.Rule{Name: "r", Metric: metric, Comparison: alerts.AtLeast, Threshold: figure}
		value, holds, err := rule.Look(t.Context(), read)
		if err != nil || value == nil || *value != figure || !holds {
			t.Errorf("%s: %v %v %v, want %v", metric, value, holds, err, figure)
		}
	}
	if len(reads) != 9 { // stats, counts, unserved, waiting, limits, schedules, agents in three states
		t.Errorf("for all metrics %d reads were made: %v", len(reads), reads)
	}
}

func TestRulesAreNarrowedToATypeAndNeedTheirSamples(t *testing.T) {
	t.Parallel()
	var reads []string
	for _, c := range []struct {
		metric, kind string
		comparison   alerts.Comparison
		threshold    float64
		min          int64
		value        string
		holds        bool
	}{
		{"missions.total", "t", ">", 7, 0, "7", false},
		{"missions.total", "t", ">=", 7, 0, "7", true},
		{"missions.total", "", "<", 10, 0, "10", false},
		{"missions.total", "", "<=", 10, 0, "10", true},
		{"missions.pending_without_agent", "u", ">", 4, 0, "5", true},
		{"missions.pending_without_agent", "none", ">", 0, 0, "0", false},
		{"agents.online", "tt", "<", 207, 0, "206", true},
		{"missions.windows.1h.success_rate", "", "<", 0.5, 407, "0.2", true}, // 203 completed and 204 failed
		{"missions.windows.1h.success_rate", "", "<", 0.5, 408, "none", false},
		{"missions.windows.5m.duration_seconds.p95", "", ">", 1, 103, "112", true},
		{"missions.windows.5m.duration_seconds.p95", "", ">", 1, 104, "none", false},
		{"missions.windows.24h.queue_seconds.p50", "", ">", 1, 302, "321", true},
		{"missions.windows.24h.queue_seconds.p50", "", ">", 1, 303, "none", false},
	} {
		rule := alerts.Rule{Name: "r", Metric: c.metric, Type: c.kind, Comparison: c.comparison, Threshold: c.threshold, MinSamples: c.min}
		if err := rule.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		value, holds, err := rule.Look(t.Context(), alerts.NewFigures(figures{reads: &reads}))
		got := "none"
		if value != nil {
			got = strings.TrimSpace(fmt.Sprint(*value))
		}
		if err != nil || got != c.value || holds != c.holds {
			t.Errorf("%+v: %s %v %v", c, got, holds, err)
		}
	}
}

func TestAFigureThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	var reads []string
	for _, metric := range alerts.Metrics() {
		rule := alerts.Rule{Name: "r", Metric: metric, Comparison: alerts.Above}
		_, holds, err := rule.Look(t.Context(), alerts.NewFigures(figures{&reads, true}))
		stream := strings.HasPrefix(metric, "events.") && metric != "events.waiting"
		if !stream && (holds || !errors.Is(err, errAway)) {
			t.Errorf("%s: %v %v, want the source's error", metric, holds, err)
		}
	}
}
