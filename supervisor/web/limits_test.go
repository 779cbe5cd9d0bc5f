package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/supervisor/web"
)

// Limits are set, looked at and deleted over HTTP, by operators; viewers look.
func TestLimitsOverHTTP(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	viewer, operator := []string{"Authorization", "Bearer token-of-viewer"}, []string{"Authorization", "Bearer token-of-operator"}
	const spec = `{"total":25,"per_key":3,"keys":{"tenant-7":{"weight":4}},"note":"contract 2026"}`
	for _, c := range []struct {
		method, path, body string
		as                 []string
		status             int
		has                string
	}{
		{"PUT", "/api/limits/anthropic", spec, viewer, 403, `"forbidden"`},
		{"PUT", "/api/limits/anthropic", spec, operator, 200, `"by":"the-operator","by_proven":true,"running":0,"waiting":0,"spent":0,"full":"","opens_at":null,"busiest":[],"keys_full":0}`},
		{"PUT", "/api/limits/anthropic", `{"name":"other"}`, operator, 400, `"field":"name"`},
		{"PUT", "/api/limits/anthropic", `{"total":-1}`, operator, 400, `"field":"total"`},
		{"GET", "/api/limits/anthropic", "", viewer, 200, `{"name":"anthropic","total":25,"per_key":3,"keys":{"tenant-7":{"weight":4}},"note":"contract 2026","blocked_until":null,`},
		{"GET", "/api/limits/never", "", viewer, 404, `"not_found"`},
		{"GET", "/api/limits?limit=1", "", viewer, 200, `{"limits":[{"name":"anthropic"`},
		{"POST", "/api/missions", `{"name":"n","key":"tenant-7","limits":["anthropic"],"requires":{"gpu":"h100"}}`, operator, 200, `"key":"tenant-7","limits":["anthropic"],"requires":{"gpu":"h100"}`},
		{"POST", "/api/missions/wait", `{"ids":["nowhere"]}`, viewer, 404, `"not_found"`},
		{"GET", "/api/missions?key=tenant-7", "", viewer, 200, `"key":"tenant-7"`},
		{"DELETE", "/api/limits/anthropic", "", viewer, 403, `"forbidden"`},
		{"DELETE", "/api/limits/anthropic", "", operator, 200, `"name":"anthropic"`},
		{"DELETE", "/api/limits/anthropic", "", operator, 404, `"not_found"`},
	} {
		status, text, _ := call(t, c.method, url+c.path, c.body, c.as...)
		if status != c.status || !strings.Contains(text, c.has) || !json.Valid([]byte(text)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
}
