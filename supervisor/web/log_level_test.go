package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/output"
)

// handled returns the answer of a service's front end, and what it logs.
func handled(t *testing.T, service *supervisor.Service, request *http.Request) (status int, log string) {
	t.Helper()
	var written output.Buffer
	handler := web.Handler(service, slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug})))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer.Code, written.String()
}

// A browser that leaves while it waits for an answer needs nobody.
func TestAClientThatLeavesIsNoError(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	_, err := service.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: "m", Name: "n"}})
	must(t, err)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	request := httptest.NewRequestWithContext(ctx, "GET", "http://localhost/api/missions/m/wait?timeout_seconds=60", nil)
	if _, log := handled(t, service, request); !strings.Contains(log, "level=DEBUG msg=\"a request failed\"") {
		t.Errorf("the log: %s", log)
	}
}

// A store that is away is one matter, and not one for each request.
func TestAStoreThatIsAwayIsNoErrorOfEachRequest(t *testing.T) {
	t.Parallel()
	service, store := newService(t)
	must(t, store.Close())
	request := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/missions/m", nil)
	status, log := handled(t, service, request)
	if status != http.StatusServiceUnavailable || !strings.Contains(log, "level=WARN msg=\"a request failed\"") {
		t.Errorf("%d, and the log: %s", status, log)
	}
}
