package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// families reads a metrics page, in the format that supports native histograms.
func families(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	format := expfmt.NewFormat(expfmt.TypeProtoDelim)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	must(t, err)
	request.Header.Set("Accept", string(format))
	reply, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { must(t, reply.Body.Close()) }()
	decoder := expfmt.NewDecoder(reply.Body, expfmt.ResponseFormat(reply.Header))
	all := map[string]*dto.MetricFamily{}
	for {
		var family dto.MetricFamily
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		all[family.GetName()] = &family
	}
}

// sample returns the value of a counter or gauge, or the observation count of a
// histogram. Labels are alternating names and values.
func sample(t *testing.T, all map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		want[labels[i]] = labels[i+1]
	}
	for _, m := range all[name].GetMetric() {
		matches := 0
		for _, label := range m.GetLabel() {
			if want[label.GetName()] == label.GetValue() {
				matches++
			}
		}
		if matches != len(want) {
			continue
		}
		switch {
		case m.Histogram != nil:
			return float64(m.GetHistogram().GetSampleCount())
		case m.Counter != nil:
			return m.GetCounter().GetValue()
		}
		return m.GetGauge().GetValue()
	}
	t.Errorf("there is no %s with %v", name, labels)
	return -1
}

// The metrics match what was done, and the documentation lists all of them.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	doSomeOfEach(t, p.client())
	missATime(t, p.client())
	_, err := p.client().SetLimit(t.Context(), missions.LimitSpec{Name: "anthropic", Paused: true})
	must(t, err)
	awaitEmptyOutbox(t, p.client())
	sendNonsense(t, p.Broker)
	if code := statusOf(t, p.HTTP+"/api/missions/nowhere"); code != http.StatusNotFound {
		t.Fatalf("status %d", code)
	}

	all := families(t, p.HTTP)
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{4, "missioncontrol_missions_created_total", nil},
		{1, "missioncontrol_missions_finished_total", []string{"outcome", "completed"}},
		{1, "missioncontrol_missions_finished_total", []string{"outcome", "failed"}},
		{1, "missioncontrol_missions_finished_total", []string{"outcome", "cancelled"}},
		{1, "missioncontrol_missions_requeued_total", nil},
		{2, "missioncontrol_usage_total", []string{"unit", "usd"}},
		{0, "missioncontrol_missions_waiting", []string{"for", "signal"}},
		{1, "missioncontrol_schedules_missed", nil},
		{1, "missioncontrol_schedule_occurrences_missed_total", nil},
		{0, "missioncontrol_schedule_overdue_seconds", nil},
		{0, "missioncontrol_limit_running", []string{"limit", "anthropic"}},
		{1, "missioncontrol_limit_full", []string{"limit", "anthropic"}},
		{3, "missioncontrol_mission_queue_duration_seconds", nil},
		{1, "missioncontrol_mission_run_duration_seconds", []string{"outcome", "completed"}},
		{1, "missioncontrol_mission_run_duration_seconds", []string{"outcome", "failed"}},
		{4, "missioncontrol_requests_total", []string{"endpoint", "missions-create", "outcome", "ok"}},
		{1, "missioncontrol_requests_total", []string{"endpoint", "missions-get", "outcome", "failed"}},
		{4, "missioncontrol_request_duration_seconds", []string{"endpoint", "missions-create"}},
		{0, "missioncontrol_requests_in_flight", []string{"endpoint", "missions-create"}},
		{1, "missioncontrol_http_requests_total", []string{"route", "GET /api/missions/{id}", "code", "404"}},
		{1, "missioncontrol_http_request_duration_seconds", []string{"route", "GET /api/missions/{id}"}},
		{4, "missioncontrol_store_step_duration_seconds", []string{"step", "create"}},
		{1, "missioncontrol_missions", []string{"status", "pending"}},
		{1, "missioncontrol_leader", nil},
		{1, "missioncontrol_build_info", nil},
		{1, "missioncontrol_broker_refused_total", []string{"kind", "protocol"}},
		{0, "missioncontrol_broker_refused_total", []string{"kind", "sign_in"}},
	} {
		if got := sample(t, all, want.name, want.labels...); got != want.value {
			t.Errorf("%s%v is %v, should be %v", want.name, want.labels, got, want.value)
		}
	}
	for name, family := range all {
		if family.GetType() == dto.MetricType_HISTOGRAM && strings.HasPrefix(name, "missioncontrol_") && family.GetMetric()[0].GetHistogram().Schema == nil {
			t.Errorf("%s is no native histogram", name)
		}
	}

	text := get(t, p.HTTP+"/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	must(t, err)
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	if strings.Contains(text, "secret") {
		t.Error("a name that somebody has chosen is in the metrics")
	}
	wantDocumented(t, all)
	wantDashboard(t, all)
}

// doSomeOfEach completes, fails, cancels and releases a mission, and requests one
// that does not exist.
func doSomeOfEach(t *testing.T, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	agent := c.Agent("secret-agent")
	_, err := agent.Register(ctx, api.RegisterRequest{Name: "secret-name", Types: []string{"secret-type"}, Capacity: 4})
	must(t, err)
	for i, end := range []func(api.LeaseRef) error{
		func(l api.LeaseRef) error {
			return agent.Complete(ctx, api.Completion{LeaseRef: l, Report: api.Report{Usage: missions.Usage{"usd": 2}}})
		},
		func(l api.LeaseRef) error {
			return agent.Fail(ctx, api.Failure{LeaseRef: l, Error: "secret", Retryable: ptr(false)})
		},
		func(l api.LeaseRef) error { return agent.Release(ctx, l) },
	} {
		_, _, err := c.Create(ctx, api.MissionSpec{ID: fmt.Sprintf("secret-%d", i), Name: "secret", Type: "secret-type"})
		must(t, err)
		claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 1})
		must(t, err)
		must(t, end(api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}))
	}
	_, _, err = c.Create(ctx, api.MissionSpec{ID: "secret-cancelled", Name: "secret"})
	must(t, err)
	_, err = c.Cancel(ctx, "secret-cancelled", "")
	must(t, err)
	if _, err := c.Get(ctx, "secret-nowhere"); err == nil {
		t.Error("a mission that is not there was found")
	}
}

// missATime has a schedule miss the only time at which it is due.
func missATime(t *testing.T, c *client.Client) {
	t.Helper()
	_, err := c.CloseBatch(t.Context(), "closed")
	must(t, err)
	at := missions.At(time.Now().Add(2 * time.Second).Truncate(time.Second))
	_, err = c.SetSchedule(t.Context(), missions.ScheduleSpec{ID: "secret-schedule", EverySeconds: 1, StartsAt: at, EndsAt: at,
		Mission: missions.Template{Name: "secret", Batch: "closed"}})
	must(t, err)
	eventually.Holds(t, func() bool {
		s, err := c.Schedule(t.Context(), "secret-schedule")
		must(t, err)
		return s.Missed == 1
	}, func() string { return "the schedule misses nothing" })
}

// sendNonsense sends the broker invalid protocol data, and waits until it closes
// the connection.
func sendNonsense(t *testing.T, broker string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(broker, "nats://"))
	must(t, err)
	_, err = io.WriteString(c, "CONNECT nonsense\r\n")
	must(t, err)
	_, err = io.Copy(io.Discard, c)
	must(t, errors.Join(err, c.Close()))
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	reply, err := http.Get(url)
	must(t, err)
	must(t, reply.Body.Close())
	return reply.StatusCode
}

var metricRow = regexp.MustCompile("(?m)^\\| `(missioncontrol_[a-z_]+)` \\| ([a-z]+) \\| ([a-z, ]*) \\|")

// wantDocumented checks the table in METRICS.md, including types and labels.
func wantDocumented(t *testing.T, all map[string]*dto.MetricFamily) {
	t.Helper()
	text, err := os.ReadFile("../docs/METRICS.md")
	must(t, err)
	var output []string
	for _, row := range metricRow.FindAllStringSubmatch(string(text), -1) {
		name, kind, labels := row[1], row[2], row[3]
		output = append(output, name)
		family, there := all[name]
		if !there {
			if name != "missioncontrol_store_step_errors_total" { // nothing has failed
				t.Errorf("METRICS.md tells of %s, which is not there", name)
			}
			continue
		}
		if is := strings.ToLower(family.GetType().String()); is != kind {
			t.Errorf("%s is a %s, and a %s in METRICS.md", name, is, kind)
		}
		var has []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			has = append(has, label.GetName())
		}
		wants := slices.DeleteFunc(strings.Split(labels, ", "), func(s string) bool { return s == "" })
		slices.Sort(has)
		slices.Sort(wants)
		if !slices.Equal(has, wants) {
			t.Errorf("%s has the labels %v, and %v in METRICS.md", name, has, wants)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "missioncontrol_") && !slices.Contains(output, name) {
			t.Errorf("METRICS.md does not tell of %s", name)
		}
	}
}

var metricName = regexp.MustCompile(`\b(?:missioncontrol|process|go)_[a-z_]+\b`)

// wantDashboard checks that the dashboard queries existing metrics and can be
// imported by Grafana.
func wantDashboard(t *testing.T, all map[string]*dto.MetricFamily) {
	t.Helper()
	text, err := os.ReadFile("../docs/grafana/missioncontrol.json")
	must(t, err)
	var dashboard struct {
		Title, UID    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			GridPos     struct{ H, W, X, Y int }
			Datasource  struct{ Type, UID string }
			Targets     []struct{ RefID, Expr string }
		}
		Templating struct{ List []struct{ Name, Type string } }
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	must(t, decoder.Decode(&dashboard))
	if dashboard.Title == "" || dashboard.UID == "" || dashboard.SchemaVersion < 36 {
		t.Errorf("the dashboard is %q, %q, of schema %d", dashboard.Title, dashboard.UID, dashboard.SchemaVersion)
	}
	ids, taken, asked := map[int]bool{}, map[[2]int]string{}, map[string]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.ID == 0 {
			t.Errorf("%s has the id %d", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s is where %s is", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		if len(panel.Targets) == 0 || panel.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks %v for %v", panel.Title, panel.Datasource, panel.Targets)
		}
		for _, target := range panel.Targets {
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				asked[strings.TrimSuffix(name, "_bucket")] = true
			}
		}
	}
	for name := range asked {
		if _, there := all[name]; !there && name != "missioncontrol_store_step_errors_total" {
			t.Errorf("the dashboard asks for %s", name)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "missioncontrol_") && !asked[name] && name != "missioncontrol_build_info" {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
