package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/web"
	"missioncontrol/supervisor/web/dashboard"
)

// Every route except those of the dashboard and of MCP, which describes itself, is in the
// OpenAPI document, and nothing else.
func TestTheDocumentTellsOfEveryRoute(t *testing.T) {
	t.Parallel()
	var served, described []string
	for _, pattern := range web.Patterns() {
		if _, path, _ := strings.Cut(pattern, " "); path != "/{$}" && path != "/mcp" && !strings.HasPrefix(path, dashboard.Prefix) {
			served = append(served, pattern)
		}
	}
	for _, op := range api.Operations() {
		if op.HTTP == "" {
			continue
		}
		described = append(described, op.HTTP)
		reads := strings.HasPrefix(op.HTTP, "GET ") || op == api.OpWaitMany.Operation
		if op.Access != api.AccessAgent && reads != (op.Access == api.AccessRead) {
			t.Errorf("%s: tokens of viewers allow it: %t; the table of operations says otherwise", op.HTTP, reads)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served:    %v\ndescribed: %v", served, described)
	}
}

// The documents have the version of the supervisor that serves them.
func TestTheDocumentsHaveTheVersion(t *testing.T) {
	t.Parallel()
	service, _ := newServiceWith(t, func(cfg *supervisor.Config) { cfg.Version = "7.8.9-rc.1" })
	server := httptest.NewServer(web.Handler(service, quiet))
	t.Cleanup(server.Close)
	for path, want := range map[string]string{api.PathOpenAPI: "..", "/api/asyncapi.json": "127.0.0.1:4222"} {
		_, text, _ := call(t, "GET", server.URL+path, "")
		var document struct {
			Info    struct{ Version string }
			Servers jsontext.Value
		}
		must(t, json.Unmarshal([]byte(text), &document, json.MatchCaseInsensitiveNames(true)))
		if document.Info.Version != "7.8.9-rc.1" || !strings.Contains(string(document.Servers), `"`+want+`"`) {
			t.Errorf("%s: version %q, servers %s", path, document.Info.Version, document.Servers)
		}
	}
}

// Requests and replies are as the document describes them.
func TestRequestsAndRepliesAreAsDocumented(t *testing.T) {
	t.Parallel()
	rule := alerts.Rule{Name: "failing", Metric: "missions.windows.1h.success_rate", Comparison: alerts.Below, Threshold: 0.5}
	service, _ := newServiceWith(t, func(cfg *supervisor.Config) { cfg.Alerts = []alerts.Rule{rule} })
	checkDocumented(t, service, []documented{
		{"POST", "/api/missions", `{"id":"m-1","name":"one","data":{"a":[1]},"tags":["a"],"deadline":9000000000}`, 200},
		{"POST", "/api/missions", `{"missions":[{"name":"x"},{"name":""}]}`, 200},
		{"POST", "/api/missions", `{"id":"m-1","name":"two"}`, 409},
		{"POST", "/api/missions", `{"name":"x","brief":true}`, 200},
		{"POST", "/api/missions", `{"missions":[{"name":"x"},{"name":""}],"brief":true}`, 200},
		{"GET", "/api/missions?status=PENDING&limit=1", "", 200},
		{"GET", "/api/missions/m-1", "", 200},
		{"GET", "/api/missions/m-2", "", 404},
		{"GET", "/api/missions/m-1/log?limit=1", "", 200},
		{"GET", "/api/missions/m-1/wait?timeout_seconds=0.01", "", 408},
		{"POST", "/api/missions/wait", `{"ids":["m-1"],"until":"any","timeout_seconds":0}`, 200},
		{"POST", "/api/missions/wait", `{"ids":["m-1","m-1"]}`, 400},
		{"POST", "/api/missions/wait", `{"ids":["m-2"]}`, 404},
		{"GET", "/api/missions/stats", "", 200},
		{"GET", "/api/missions/history?minutes=2", "", 200},
		{"GET", "/api/missions/queues", "", 200},
		{"GET", "/api/missions/history?minutes=2&run_times=true", "", 200},
		{"GET", "/api/alerts", "", 200},
		{"GET", "/api/session", "", 200},
		{"POST", "/api/missions/m-1/cancel", `{"reason":"enough"}`, 200},
		{"POST", "/api/missions/m-1/retry", `{}`, 200},
		{"DELETE", "/api/missions/m-1", "", 200},
		{"GET", "/api/supervisor/health", "", 200},
		{"GET", "/api/supervisor/status", "", 200},
		{"GET", "/api/supervisor/agents", "", 200},
		{"GET", "/api/queries", "", 200},
		{"GET", "/api/agents/activity", "", 200},
		{"GET", api.PathAsyncAPI, "", 200},
	})
}

// Requests of agents and their replies are as the document describes them.
func TestRequestsOfAgentsAreAsDocumented(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	checkDocumented(t, service, []documented{
		{"POST", "/api/missions", `{"id":"m-1","name":"one"}`, 200},
		{"POST", "/api/agents/w1/claim", `{"max":1}`, 404},
		{"POST", "/api/agents/w1/register", `{"name":"worker","types":["default"],"capacity":2}`, 200},
		{"POST", "/api/agents/w1/claim", `{"max":1,"wait_seconds":1}`, 200},
		{"POST", "/api/agents/w1/heartbeat", `{"running":[{"mission_id":"m-1","lease":1}]}`, 200},
		{"POST", "/api/agents/w1/progress", `{"mission_id":"m-1","lease":1,"percent":50}`, 200},
		{"POST", "/api/agents/w1/log", `{"mission_id":"m-1","lease":1,"message":"half of it"}`, 200},
		{"POST", "/api/agents/w1/create", `{"mission_id":"m-1","lease":1,"missions":[{"id":"m-2","name":"child"}]}`, 200},
		{"POST", "/api/agents/w1/signals", `{"mission_id":"m-1","lease":1}`, 200},
		{"POST", "/api/agents/w1/inputs", `{"mission_id":"m-1","lease":1,"source":"m-2"}`, 404},
		{"POST", "/api/agents/w1/release", `{"mission_id":"m-1","lease":7}`, 409},
		{"POST", "/api/agents/w1/complete", `{"mission_id":"m-1","lease":1,"result":{"bytes":1234}}`, 200},
		{"POST", "/api/agents/w1/fail", `{"mission_id":"m-1","lease":1,"error":"late"}`, 409},
		{"POST", "/api/agents/w1/leave", `{}`, 200},
	})
}

// Requests about what missions wait for, keep and are told are as the document describes them.
func TestFlowRequestsAreAsDocumented(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	checkDocumented(t, service, []documented{
		{"POST", "/api/missions", `{"missions":[{"id":"deploy","name":"d","after":[{"mission":"build"},{"batch":"tests","when":"ended"},` +
			`{"signal":"approved","prompt":"Deploy?","choices":["yes","no"]}],"after_timeout_seconds":60,"on_unmet":"fail","max_usage":{"usd":5},` +
			`"on_exceeded":"ask","retry_policy":{"first_seconds":1}},{"id":"build","name":"b","batch":"tests"}],"close_batch":true}`, 200},
		{"GET", "/api/missions/deploy", "", 200},
		{"GET", "/api/missions?waiting=signal", "", 200},
		{"GET", "/api/missions?batch=tests&limit=2", "", 200},
		{"GET", "/api/missions?waiting=limit", "", 200},
		{"POST", "/api/missions/deploy/signal", `{"name":"approved","data":"yes","signal_id":"s-1"}`, 200},
		{"POST", "/api/missions/deploy/signal", `{"name":"a b"}`, 400},
		{"GET", "/api/missions/deploy", "", 200},
		{"GET", "/api/missions/deploy/graph", "", 200},
		{"GET", "/api/missions/nowhere/graph", "", 404},
		{"GET", "/api/batches?limit=5", "", 200},
		{"GET", "/api/batches/tests", "", 200},
		{"GET", "/api/batches/nowhere", "", 404},
		{"POST", "/api/batches/empty/close", `{}`, 200},
		{"POST", "/api/missions/deploy/cancel", `{}`, 200},
		{"POST", "/api/missions/deploy/retry", `{"fresh":true,"dependents":true}`, 200},
	})
}

// documented is a request, and the status of its reply.
type documented struct {
	method, path, body string
	status             int
}

// checkDocumented sends requests, and compares them and their replies with the document.
func checkDocumented(t *testing.T, service *supervisor.Service, requests []documented) {
	t.Helper()
	server := httptest.NewServer(web.Handler(service, quiet))
	t.Cleanup(server.Close)
	url := server.URL
	_, text, _ := call(t, "GET", url+api.PathOpenAPI, "")
	document, err := libopenapi.NewDocument([]byte(text))
	must(t, err)
	v, errs := validator.NewValidator(document)
	for _, err := range errs {
		t.Fatal(err)
	}
	for _, c := range requests {
		request := func() *http.Request {
			r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
			must(t, err)
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			return r
		}
		reply, err := http.DefaultClient.Do(request())
		must(t, err)
		if reply.StatusCode != c.status {
			body, _ := io.ReadAll(reply.Body)
			t.Errorf("%s %s: %d %s", c.method, c.path, reply.StatusCode, body)
		}
		if valid, errs := v.ValidateHttpRequestResponse(request(), reply); !valid {
			for _, err := range errs {
				t.Errorf("%s %s: %s", c.method, c.path, err.Error())
				for _, because := range err.SchemaValidationErrors {
					t.Errorf("  %s at %s", because.Reason, because.FieldPath)
				}
			}
		}
		must(t, reply.Body.Close())
	}
}
