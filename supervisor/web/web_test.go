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
)

var quiet = slog.New(slog.DiscardHandler)

// newService runs a supervisor whose broker is away, which must not matter to
// anything but its health.
func newService(t testing.TB) (*supervisor.Service, *sqlitestore.Store) {
	t.Helper()
	log := quiet
	store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db"), Logger: log})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	stream, err := eventstream.Open(eventstream.Config{URL: "nats://127.0.0.1:1", Logger: log})
	must(t, err)
	t.Cleanup(func() { _ = stream.Close(context.Background()) }) // there is nothing to drain to
	service, err := supervisor.New(supervisor.Config{Store: store, Stream: stream, Logger: log, Version: "1.2.3"})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(ctx) })
	t.Cleanup(func() { stop(); loops.Wait() })
	return service, store
}

// newServer serves it over HTTP.
func newServer(t *testing.T) (url string, closeStore func()) {
	t.Helper()
	service, store := newService(t)
	server, err := web.Start("127.0.0.1:0", service, quiet)
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	return "http://" + server.Addr(), func() { must(t, store.Close()) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, method, url, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
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
		{"GET", "/api/missions/m-1/log", "", 200, `"message":"created, PENDING"`},
		{"GET", "/api/missions/m-1/wait?timeout_seconds=0.01", "", 408, `"code":"timeout"`},
		{"POST", "/api/missions/m-1/cancel", `{"reason":"enough"}`, 200, `"status":"CANCELLED"`},
		{"POST", "/api/missions/m-1/cancel", ``, 409, `"code":"conflict"`},
		{"POST", "/api/missions/m-1/cancel", `{"id":"m-2"}`, 400, `"field":"id"`},
		{"POST", "/api/missions/m-1/cancel", `[`, 400, `"field":"body"`},
		{"POST", "/api/missions/m-1/retry", ``, 200, `"status":"PENDING"`},
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
		{"GET", "/", "", 200, "/api/supervisor/health"},
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
	if status != http.StatusForbidden {
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
		"/readyz":                {503, "the store is closed"},
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
	_, err := web.Start(strings.TrimPrefix(url, "http://"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "is taken") || !strings.Contains(err.Error(), "--http") {
		t.Fatalf("%v", err)
	}
}
