package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/web"
)

// FuzzHTTP sends any HTTP request. A request that the server's parser accepts is
// answered, under /api in JSON and with a status of the protocol that is not the
// supervisor's fault. A refused request changes nothing, and a mission that the input
// cannot name stays as it is.
func FuzzHTTP(f *testing.F) {
	for _, target := range []string{"/", "/healthz", "/readyz", "/metrics", "/api/supervisor/health", "/api/supervisor/status",
		"/api/supervisor/agents?state=online&limit=2", "/api/missions?status=PENDING&tag=a&limit=1&created_after=1&text=x", "/api/missions/stats?type=t", "/api/missions/history?minutes=5&type=t", "/api/missions/queues", "/api/alerts",
		"/api/missions/m1", "/api/missions/m1/log?limit=1&after=1", "/api/missions/m1/wait?timeout_seconds=1",
		"/api/events?type=mission.>&mission_id=m1&since=1", "/api/supervisor/live", "/api/queries", "/api/agents/activity?after=5", "/ui/main.js", "/api/missions/../x", "//", "*"} {
		f.Add("GET", target, "", "")
	}
	f.Add("POST", "/api/missions", "Content-Type: application/json\r\n", `{"id":"m2","name":"n","data":{"a":1},"stall_seconds":1}`)
	f.Add("POST", "/api/missions", "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n", `{"missions":[{"name":"n"},{}]}`)
	f.Add("POST", "/api/missions/m1/cancel", "", `{"reason":"why"}`)
	f.Add("POST", "/api/missions/m1/retry", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", ``)
	f.Add("DELETE", "/api/missions/m1", "", ``)
	f.Add("POST", "/api/agents/w1/heartbeat", "", `{"running":[{"mission_id":"m1","lease":1}]}`)
	f.Add("POST", "/api/agents/w1/claim", "", `{"max":1,"wait_seconds":60}`)
	f.Add("GET", "/api/agents/w1/commands", "", "")
	service, store := newService(f)
	handler := web.Handler(service, quiet)
	canary := uuid.NewString()
	_, err := service.Create(f.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: canary, Name: "canary"}})
	must(f, err)
	before := prepare(f, store, canary)
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		raw := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", method, target, headers, len(body), body)
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return // the server refuses it, too
		}
		if strings.HasSuffix(request.URL.Path, "/register") {
			return // an agent's missions change later, by themselves; over NATS the same is fuzzed
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if strings.HasSuffix(request.URL.Path, "/wait") || strings.HasPrefix(request.URL.Path, "/api/agents/") || request.URL.Path == "/api/events" || request.URL.Path == "/api/supervisor/live" {
			ctx, cancel = context.WithTimeout(ctx, time.Millisecond) // covers requests that may wait
			defer cancel()
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request.WithContext(ctx))
		judge(t, request, recorder.Result())
		after := state(t, store)
		if recorder.Code != http.StatusOK && after != before {
			t.Fatalf("it was refused and changed something:\nbefore %s\nafter  %s", before, after)
		}
		if !strings.Contains(after, canary) {
			t.Fatal("a mission that it could not name is gone")
		}
		if after != before {
			before = prepare(t, store, canary)
		}
	})
}

// judge checks a reply.
func judge(t *testing.T, request *http.Request, reply *http.Response) {
	t.Helper()
	switch reply.StatusCode {
	case http.StatusOK, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusBadRequest,
		http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge:
	default:
		t.Fatalf("status %d", reply.StatusCode)
	}
	body, err := io.ReadAll(reply.Body)
	must(t, err)
	if reply.Header.Get("Content-Type") != "application/json" {
		if reply.StatusCode == http.StatusOK && strings.HasPrefix(request.URL.Path, "/api/") && reply.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("it is not answered in JSON: %v", reply.Header)
		}
		return
	}
	var e struct{ Error *api.Error }
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("the reply is no JSON object: %v\n%s", err, body)
	}
	if reply.StatusCode != http.StatusOK && (e.Error == nil || e.Error.Message == "" || e.Error.Status() != reply.StatusCode) {
		t.Fatalf("this is no refusal of the protocol: %d %s", reply.StatusCode, body)
	}
}

// prepare creates the canary and a mission m1.
func prepare(t testing.TB, store *sqlitestore.Store, canary string) string {
	t.Helper()
	ctx := context.Background()
	page, err := store.List(ctx, missions.Filter{Limit: missions.MaxExamined})
	must(t, err)
	var ids []string
	for _, m := range page.Missions {
		if m.ID != canary {
			ids = append(ids, m.ID)
		}
	}
	_, err = store.Delete(ctx, ids)
	must(t, err)
	m := missions.Mission{ID: "m1", Name: "n"}
	m.Normalize()
	_, err = store.Create(ctx, []missions.Mission{m})
	must(t, err)
	return state(t, store)
}

// state returns everything that a request could change.
func state(t testing.TB, store *sqlitestore.Store) string {
	t.Helper()
	page, err := store.List(context.Background(), missions.Filter{Limit: missions.MaxExamined})
	must(t, err)
	text, err := json.Marshal(page)
	must(t, err)
	return string(text)
}
