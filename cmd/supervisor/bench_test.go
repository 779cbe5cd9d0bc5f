package main

import (
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// benchReport is what bench --json prints.
type benchReport struct {
	Missions          int       `json:"missions"`
	Failed            int       `json:"failed"`
	Seconds           float64   `json:"seconds"`
	MissionsPerSecond float64   `json:"missions_per_second"`
	CreatesPerSecond  float64   `json:"creates_per_second"`
	Create            latencies `json:"create_seconds"`
	ToAgent           latencies `json:"to_agent_seconds"`
}

type latencies struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// A load of each kind is created, completed, measured, and deleted.
func TestBenchMeasuresAndCleansUp(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for name, args := range map[string][]string{
		"one by one": {"--missions", "150", "--callers", "7", "--agents", "2", "--concurrency", "3"},
		"in batches": {"--missions", "150", "--callers", "2", "--agents", "1", "--batch", "40", "--payload", "1000"},
	} {
		code, out, stderr := b.run(t, append([]string{"bench", "--json"}, args...)...)
		equal(t, name+": exit code", code, 0)
		equal(t, name+": stderr", stderr, "")
		var report benchReport
		must(t, json.Unmarshal([]byte(out), &report))
		if report.Missions != 150 || report.Failed != 0 || report.MissionsPerSecond <= 0 || report.CreatesPerSecond <= 0 || report.Seconds <= 0 {
			t.Errorf("%s: %+v", name, report)
		}
		for what, l := range map[string]latencies{"create": report.Create, "to an agent": report.ToAgent} {
			if l.P50 <= 0 || l.P50 > l.P95 || l.P95 > l.P99 || l.P99 > l.Max || l.Max > report.Seconds {
				t.Errorf("%s, %s: %+v in %v s", name, what, l, report.Seconds)
			}
		}
		stats, err := b.client.Stats(t.Context(), "bench")
		must(t, err)
		equal(t, name+": missions left", stats.Total, int64(0))
	}
}

func TestBenchKeepsMissionsForWhoWantsThem(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	code, out, _ := b.run(t, "bench", "--missions", "30", "--payload", "10", "--type", "load", "--keep")
	equal(t, "exit code", code, 0)
	for _, line := range []string{"Benchmark of nats://", "Missions: 30 of 10 B each, created by 32 callers in batches of 1", "Done: ", "To an agent: p50 "} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in:\n%s", line, out)
		}
	}
	list, err := b.client.List(t.Context(), api.ListRequest{Type: "load", Status: missions.Completed})
	must(t, err)
	equal(t, "missions", len(list.Missions), 30)
	equal(t, "data", string(list.Missions[0].Data), `{"load":"xxxxxxxxxx"}`)
}

func TestBenchIsInterrupted(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := b.start(t, "bench", "--missions", "1000000", "--callers", "4")
	for {
		stats, err := b.client.Stats(t.Context(), "bench")
		must(t, err)
		if stats.ByStatus[missions.Completed] > 0 {
			break
		}
	}
	c.interrupt()
	equal(t, "exit code", c.wait(t), exitInterrupted)
	if !strings.Contains(c.out.String(), "Done: ") || !strings.Contains(c.err.String(), "interrupted") {
		t.Errorf("stdout %s\nstderr %s", c.out, c.err)
	}
	stats, err := b.client.Stats(t.Context(), "bench")
	must(t, err)
	equal(t, "missions left", stats.Total, int64(0))
}

func TestBenchLoadsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--missions", "0"}, {"--agents", "-1"}, {"--concurrency", "1001"}, {"--batch", "1001"}, {"--callers", "0"},
		{"--payload", "600000"}, {"--type", "a b"}, {"extra"},
	} {
		c := newCall(nil)
		c.start(t, append([]string{"bench"}, args...)...)
		equal(t, strings.Join(args, " "), c.wait(t), exitUsage)
		if !strings.Contains(c.err.String(), strings.TrimPrefix(args[0], "--")) {
			t.Errorf("%v: %s", args, c.err)
		}
	}
}
