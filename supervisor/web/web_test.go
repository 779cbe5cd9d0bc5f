package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"missioncontrol/eventstream"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/fatal"
)

var quiet = slog.New(slog.DiscardHandler)

// newService runs a supervisor whose broker is away, which must only affect its health.
func newService(t testing.TB) (*supervisor.Service, *sqlitestore.Store) {
	t.Helper()
	return newServiceWith(t, func(*supervisor.Config) {})
}

// newServiceWith is newService with a modified configuration.
func newServiceWith(t testing.TB, configure func(*supervisor.Config)) (*supervisor.Service, *sqlitestore.Store) {
	t.Helper()
	log := quiet
	store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db"), Logger: log})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	stream, err := eventstream.Open(eventstream.Config{URL: "nats://127.0.0.1:1", Logger: log})
	must(t, err)
	t.Cleanup(func() { _ = stream.Close(context.Background()) }) // there is no broker to drain to
	cfg := supervisor.Config{Store: store, Stream: stream, Logger: log, Version: "1.2.3"}
	configure(&cfg)
	service, err := supervisor.New(cfg)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(ctx) })
	t.Cleanup(func() { stop(); loops.Wait() })
	return service, store
}

// newServer serves it over HTTP, to all clients.
func newServer(t *testing.T) (url string, closeStore func()) {
	t.Helper()
	return newGuarded(t, web.Guard{})
}

// newGuarded serves it with a guard.
func newGuarded(t *testing.T, guard web.Guard) (url string, closeStore func()) {
	t.Helper()
	service, store := newService(t)
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.Serve(listener, service, guard, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	return "http://" + server.Addr(), func() { must(t, store.Close()) }
}

var must = fatal.If

func call(t *testing.T, method, url, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Host = request.Header.Get("Host") // "" for the address
	reply, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { must(t, reply.Body.Close()) }()
	text, err := io.ReadAll(reply.Body)
	must(t, err)
	return reply.StatusCode, string(text), reply.Header
}

func TestEverythingAnswersWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"POST", "/api/missions", `{"id":"m-1","name":"one","tags":["a"]}`, 200, `"created":true`},
		{"POST", "/api/missions", `{"id":"m-1","name":"one","tags":["a"]}`, 200, `"created":false`},
		{"POST", "/api/missions", `{"id":"m-1","name":"two"}`, 409, `"code":"conflict"`},
		{"POST", "/api/missions", `{"missions":[{"name":"x"},{"name":""}]}`, 200, `"field":"name"`},
		{"GET", "/api/missions/m-1", "", 200, `"status":"PENDING"`},
		{"GET", "/api/missions?status=PENDING&limit=1&tag=a", "", 200, `"id":"m-1"`},
		{"GET", "/api/missions?limit=x", "", 400, `"field":"limit"`},
		{"GET", "/api/missions?stats=PENDING", "", 400, `"field":"stats"`},
		{"GET", "/api/missions?limit=1&limit=2", "", 400, `"field":"limit"`},
		{"GET", "/api/missions/stats", "", 200, `"by_status":{`},
		{"GET", "/api/missions/stats", "", 200, `"windows":{"5m":{"since":`},
		{"GET", "/api/missions/history?minutes=1", "", 200, `"created":2,"started":0,"completed":0,"failed":0,"cancelled":0,"pending":2,"running":0}]}`},
		{"GET", "/api/missions/queues", "", 200, `{"queues":[{"type":"default","pending":2,"claimable":2,"held":0,"since":`},
		{"GET", "/api/missions/queues?type=t", "", 400, `"field":"type"`},
		{"GET", "/api/missions/history?minutes=1&run_times=true", "", 200, `"running":0}],"run_times":[`},
		{"GET", "/api/missions/history?run_times=1", "", 400, `"field":"run_times"`},
		{"GET", "/api/missions/history?minutes=1441", "", 400, `"field":"minutes"`},
		{"GET", "/api/missions/history?type=a%20b", "", 400, `"field":"type"`},
		{"GET", "/api/missions/history?hours=1", "", 400, `"field":"hours"`},
		{"GET", "/api/alerts", "", 200, `{"alerts":[]}`},
		{"GET", "/api/missions/m-1/log", "", 200, `"message":"created, PENDING"`},
		{"GET", "/api/missions/m-1/wait?timeout_seconds=0.01", "", 408, `"code":"timeout"`},
		{"POST", "/api/missions/m-1/cancel", `{"reason":"enough"}`, 200, `"status":"CANCELLED"`},
		{"POST", "/api/missions/m-1/cancel", ``, 409, `"code":"conflict"`},
		{"POST", "/api/missions/m-1/cancel", `{"id":"m-2"}`, 400, `"field":"id"`},
		{"POST", "/api/missions/m-1/cancel", `[`, 400, `"field":"body"`},
		{"POST", "/api/missions/m-1/retry", ``, 200, `"status":"PENDING"`},
		{"POST", "/api/missions/bulk", `{"action":"cancel","filter":{"tag":"a"},"dry_run":true}`, 200, `{"matched":1,"changed":0,"errors":[],"as_of":`},
		{"POST", "/api/missions/bulk", `{"action":"cancel","filter":{"limit":1}}`, 400, `"field":"filter.limit"`},
		{"DELETE", "/api/missions/m-1", ``, 200, `"status":"CANCELLED"`},
		{"GET", "/api/missions/m-1", "", 404, `"code":"not_found"`},
		{"GET", "/api/missions/a%20b", "", 400, `"field":"id"`},
		{"GET", "/api/supervisor/status", "", 200, `"total_missions":1`},
		{"GET", "/api/supervisor/health", "", 200, `"status":"degraded"`},
		{"GET", "/api/supervisor/agents", "", 200, `"agents":[]`},
		{"GET", "/api/supervisor/nothing", "", 404, `"code":"not_found"`},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/readyz", "", 200, "ready"},
		{"GET", "/metrics", "", 200, `missioncontrol_missions{status="pending"} 1`},
		{"GET", "/", "", 200, "<title>Mission Control</title>"},
		{"GET", "/ui/main.js", "", 200, "import "},
		{"GET", "/ui/nothing.js", "", 404, `"code":"not_found"`},
		{"GET", "/api/queries", "", 200, `"state":"degraded"`},
		{"GET", "/api/agents/activity", "", 200, `"state":"degraded"`},
		{"GET", "/api/agents/activity?after=x", "", 400, `"field":"after"`},
	} {
		status, body, header := call(t, c.method, url+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s: %d %s\nwant %d and %s", c.method, c.path, status, body, c.status, c.has)
		}
		if strings.HasPrefix(c.path, "/api/") && (header.Get("Content-Type") != "application/json" || !json.Valid([]byte(body))) {
			t.Errorf("%s %s is not JSON: %s", c.method, c.path, body)
		}
	}
}

func TestAnotherSitesPageCannotChangeAnything(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"forged"}`, "Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example")
	if status != http.StatusForbidden || !strings.HasPrefix(body, `{"error":{"code":"forbidden","message":`) {
		t.Errorf("%d %s", status, body)
	}
}

// A name of another site that points at our loopback address must be refused.
func TestOnlyThisMachinesNamesAreAnswered(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	for host, want := range map[string]int{
		"":               200,
		"localhost":      200,
		"LOCALHOST.:80":  200,
		"mc.localhost":   200,
		"127.0.0.1":      200,
		"127.1.2.3:8080": 200,
		"[::1]:8080":     200,
		"[::1]":          200,

		"evil.example":           403,
		"evil.example:8080":      403,
		"localhost.evil.example": 403,
		"notlocalhost":           403,
		"192.0.2.7":              403,
		"127.0.0.1.evil.example": 403,
	} {
		for _, path := range []string{"/api/supervisor/status", "/metrics", "/"} {
			status, body, _ := call(t, "GET", url+path, "", "Host", host)
			if status != want || want == 403 && !strings.HasPrefix(body, `{"error":{"code":"forbidden","message":`) {
				t.Errorf("%s of %q: %d %s", path, host, status, body)
			}
		}
	}
}

// Only a browser could be tricked into this, and browsers send a host.
func TestARequestWithoutAHostIsAnswered(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	if reply := raw(t, url, "GET /healthz HTTP/1.0\r\n\r\n"); !strings.HasPrefix(reply, "HTTP/1.0 200 OK\r\n") {
		t.Errorf("%s", reply)
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "/api/missions", "GET, HEAD, POST"},
		{"POST", "/api/supervisor/status", "GET, HEAD"},
		{"PATCH", "/api/missions/m-1", "DELETE, GET, HEAD"},
		{"GET", "/api/missions/m-1/cancel", "POST"},
		{"DELETE", "/healthz", "GET, HEAD"},
	} {
		status, body, header := call(t, c.method, url+c.path, "")
		if status != http.StatusMethodNotAllowed || header.Get("Allow") != c.allow || !strings.HasPrefix(body, `{"error":{"code":"method_not_allowed"`) {
			t.Errorf("%s %s: %d %s, Allow %q", c.method, c.path, status, body, header.Get("Allow"))
		}
	}
	status, body, header := call(t, "PUT", url+"/nowhere", "")
	if status != http.StatusNotFound || header.Get("Allow") != "" || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestABodyThatIsTooLarge(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	status, body, _ := call(t, "POST", url+"/api/missions", strings.Repeat("x", 8<<20+1))
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"code":"too_large"`) {
		t.Errorf("%d %.200s", status, body)
	}
}

func TestAStoreThatIsDownIsSaid(t *testing.T) {
	t.Parallel()
	url, closeStore := newServer(t)
	closeStore()
	for path, want := range map[string]struct {
		status int
		has    string
	}{
		"/api/supervisor/health": {200, `"status":"error"`},
		"/api/supervisor/status": {503, `"code":"unavailable"`},
		"/readyz":                {503, "the store does not answer"},
		"/healthz":               {200, "ok"},
		"/metrics":               {200, "missioncontrol_store_up 0"},
	} {
		if status, body, _ := call(t, "GET", url+path, ""); status != want.status || !strings.Contains(body, want.has) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestATakenAddressIsSaid(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	_, err := web.Listen(strings.TrimPrefix(url, "http://"))
	if err == nil || !strings.Contains(err.Error(), "another process uses") || !strings.Contains(err.Error(), "--http") {
		t.Fatalf("%v", err)
	}
}

// No page may embed what is served here.
func TestAnswersCannotBeFramed(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{})
	for _, path := range []string{"/", "/healthz", "/api/missions", "/nothing"} {
		_, _, header := call(t, "GET", url+path, "")
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
}
