package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/supervisor/web"
)

// Schedules are set, looked at, triggered and deleted over HTTP, by operators; viewers look.
func TestSchedulesOverHTTP(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	viewer, operator := []string{"Authorization", "Bearer token-of-viewer"}, []string{"Authorization", "Bearer token-of-operator"}
	const spec = `{"cron":"0 2 * * *","time_zone":"Europe/Berlin","mission":{"name":"report"},"starts_at":null}`
	for _, c := range []struct {
		method, path, body string
		as                 []string
		status             int
		has                string
	}{
		{"PUT", "/api/schedules/nightly", spec, viewer, 403, `"forbidden"`},
		{"PUT", "/api/schedules/nightly", spec, operator, 200, `"by":"the-operator","by_proven":true,"next_times":[`},
		{"PUT", "/api/schedules/nightly", `{"id":"other"}`, operator, 400, `"field":"id"`},
		{"PUT", "/api/schedules/nightly", `{"cron":"x"}`, operator, 400, `"field":"cron"`},
		{"GET", "/api/schedules/nightly", "", viewer, 200, `"id":"nightly","cron":"0 2 * * *","time_zone":"Europe/Berlin"`},
		{"PUT", "/api/schedules/nightly", strings.Replace(spec, "report", "other", 1)[:len(spec)-2] + `,"if_changed_at":5}`, operator, 409, `"conflict"`},
		{"GET", "/api/schedules/never", "", viewer, 404, `"not_found"`},
		{"GET", "/api/schedules?limit=1", "", viewer, 200, `{"schedules":[{"id":"nightly"`},
		{"GET", "/api/schedules/preview?cron=0+2+*+*+*&count=2", "", viewer, 200, `{"times":[`},
		{"GET", "/api/schedules/preview?cron=0+2+*+*+*&count=2&from=1767232800", "", viewer, 200, `{"times":[1767232800,1767319200]}`},
		{"GET", "/api/schedules?times=true", "", viewer, 200, `"next_times":[`},
		{"GET", "/api/schedules?times=false", "", viewer, 200, `"total":1`},
		{"GET", "/api/schedules?times=yes", "", viewer, 400, `"field":"times"`},
		{"GET", "/api/schedules/preview?every_seconds=60&offset_seconds=5", "", viewer, 200, `{"times":[`},
		{"POST", "/api/schedules/nightly/trigger", "", viewer, 403, `"forbidden"`},
		{"POST", "/api/schedules/nightly/trigger", "", operator, 200, `"schedule_id":"nightly"`},
		{"POST", "/api/schedules/nightly/trigger", "", operator, 200, `"created":false`},
		{"POST", "/api/schedules/nightly/backfill", `{"from":1700000000,"to":1700086400}`, operator, 200, `{"created":1,"existing":0}`},
		{"DELETE", "/api/schedules/nightly", "", viewer, 403, `"forbidden"`},
		{"DELETE", "/api/schedules/nightly", "", operator, 200, `"id":"nightly"`},
		{"DELETE", "/api/schedules/nightly", "", operator, 404, `"not_found"`},
	} {
		status, text, _ := call(t, c.method, url+c.path, c.body, c.as...)
		if status != c.status || !strings.Contains(text, c.has) || !json.Valid([]byte(text)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
}
