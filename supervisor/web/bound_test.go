package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"missioncontrol/supervisor/web"
)

// Bodies that are on their way are bounded in all: who sends what there is no room for
// is refused at once, and everything else is answered.
func TestBodiesOnTheirWayAreBounded(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	server := httptest.NewServer(web.Handler(service, quiet))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const most = 8 << 20
	begun, ended := make(chan struct{}), make(chan struct{})
	for range 8 {
		go func() {
			defer func() { ended <- struct{}{} }()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/missions", &slowBody{ctx: ctx, begun: begun})
			if err != nil {
				t.Error(err)
				return
			}
			request.ContentLength = most
			if reply, err := http.DefaultClient.Do(request); err == nil {
				_ = reply.Body.Close()
				t.Error("a body that never came is answered")
			}
		}()
		<-begun
	}
	for status := 0; status != http.StatusTooManyRequests; {
		var body string
		status, body, _ = call(t, "POST", server.URL+"/api/missions", `{"name":"`+strings.Repeat("x", 300)+`"}`)
		if status == http.StatusTooManyRequests && !strings.Contains(body, `"code":"overloaded"`) {
			t.Error(body)
		}
	}
	for _, path := range []string{"/api/supervisor/health", "/api/supervisor/status", "/api/missions"} {
		if status, body, _ := call(t, "GET", server.URL+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	cancel()
	for range 8 {
		<-ended
	}
}

// slowBody is a body of which one byte comes, and then nothing until its context ends.
type slowBody struct {
	ctx   context.Context
	begun chan<- struct{}
	sent  bool
}

func (b *slowBody) Read(p []byte) (int, error) {
	if !b.sent {
		b.sent = true
		p[0] = ' '
		return 1, nil
	}
	select {
	case b.begun <- struct{}{}:
	case <-b.ctx.Done():
	}
	<-b.ctx.Done()
	return 0, io.ErrUnexpectedEOF
}
