package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/eventually"
)

// A degraded event stream is an alert. HTTP and the metrics report it while the broker,
// which could carry an event about it, is away.
func TestAnAlertWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	degraded := alerts.Rule{Name: "degraded", Metric: "events.degraded", Comparison: alerts.AtLeast, Threshold: 1}
	quietRule := alerts.Rule{Name: "quiet", Metric: "missions.total", Comparison: alerts.Above, Threshold: 5}
	service, _ := newServiceWith(t, func(cfg *supervisor.Config) {
		cfg.Alerts, cfg.AlertInterval = []alerts.Rule{degraded, quietRule}, 10*time.Millisecond
	})
	handler := web.Handler(service, quiet)
	read := func(path string) string {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		return recorder.Body.String()
	}
	const firing = `"rule":"degraded","metric":"events.degraded","comparison":">=","threshold":1,"for_seconds":0,"value":1,"state":"firing"`
	eventually.Holds(t, func() bool { return strings.Contains(read("/api/alerts"), firing) },
		func() string { return "no alert fires: " + read("/api/alerts") })
	text := read("/metrics")
	for _, line := range []string{
		`missioncontrol_alert{rule="degraded",state="firing"} 1`, `missioncontrol_alert{rule="degraded",state="ok"} 0`,
		`missioncontrol_alert{rule="quiet",state="firing"} 0`, `missioncontrol_alert{rule="quiet",state="ok"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
