package web_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/tlstest"
)

func tokens() web.Tokens {
	token := func(role roles.Role) web.Token {
		return web.Token{Name: "the-" + string(role), Role: role, Hash: sha256.Sum256([]byte("token-of-" + role))}
	}
	return web.Tokens{token(roles.Viewer), token(roles.Operator), token(roles.Admin), token(roles.Agent)}
}

// Every path, for every client: allowed, unknown token, or forbidden.
func TestTokensOpenWhatTheirRoleMayDo(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	hasty := func() time.Time { return time.Unix(0, 0).Add(time.Duration(calls.Add(1)) * time.Hour) } // so that no address sends too many at once
	url := newAt(t, hasty, web.Guard{Tokens: tokens()}, quiet)
	nobody := []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic token-of-admin", "token-of-admin", "Bearer token-of-admin-", "Bearer token-of-admi"}
	for _, c := range []struct {
		method, path string
		role         roles.Role // the least role that is allowed
	}{
		{"GET", "/healthz", ""},
		{"GET", "/readyz", ""},
		{"GET", "/api/session", ""},
		{"DELETE", "/api/session", ""},
		{"GET", "/metrics", roles.Viewer},
		{"GET", "/", ""},
		{"GET", "/nowhere", roles.Viewer},
		{"GET", "/api/supervisor/health", roles.Viewer},
		{"HEAD", "/api/supervisor/status", roles.Viewer},
		{"GET", "/api/supervisor/agents", roles.Viewer},
		{"GET", "/api/missions", roles.Viewer},
		{"GET", "/api/missions/stats", roles.Viewer},
		{"GET", "/api/missions/history", roles.Viewer},
		{"GET", "/api/missions/queues", roles.Viewer},
		{"GET", "/api/alerts", roles.Viewer},
		{"GET", "/api/agents/activity", roles.Viewer},
		{"GET", "/api/missions/m", roles.Viewer},
		{"GET", "/api/missions/m/log", roles.Viewer},
		{"GET", "/api/missions/m/wait", roles.Viewer},
		{"GET", "/api/missions/m/graph", roles.Viewer},
		{"GET", "/api/batches", roles.Viewer},
		{"GET", "/api/batches/b", roles.Viewer},
		{"POST", "/api/missions/m/signal", roles.Operator},
		{"POST", "/api/missions/bulk", roles.Operator},
		{"POST", "/api/batches/b/close", roles.Operator},
		{"POST", "/api/missions", roles.Operator},
		{"POST", "/api/missions/m/cancel", roles.Operator},
		{"POST", "/api/missions/m/retry", roles.Operator},
		{"DELETE", "/api/missions/m", roles.Operator},
		{"PUT", "/nowhere", roles.Operator},
	} {
		for _, authorization := range nobody {
			status, body, header := call(t, c.method, url+c.path, "", "Authorization", authorization)
			if unknown := status == http.StatusUnauthorized; unknown == (c.role == "") {
				t.Errorf("%s %s by %q: %d %s", c.method, c.path, authorization, status, body)
			}
			if c.role != "" && (header.Get("WWW-Authenticate") == "" || c.method != "HEAD" && !strings.HasPrefix(body, `{"error":{"code":"unauthorized",`)) {
				t.Errorf("%s %s by %q: %s %v", c.method, c.path, authorization, body, header)
			}
		}
		for _, role := range []roles.Role{roles.Viewer, roles.Operator, roles.Admin} {
			status, body, _ := call(t, c.method, url+c.path, "", "Authorization", "bearer token-of-"+string(role))
			in := c.role != roles.Operator || role != roles.Viewer
			if in != (status != http.StatusForbidden) || status == http.StatusUnauthorized {
				t.Errorf("%s %s by %s: %d %s", c.method, c.path, role, status, body)
			}
			if !in && !strings.HasPrefix(body, `{"error":{"code":"forbidden",`) {
				t.Errorf("%s %s by %s: %s", c.method, c.path, role, body)
			}
		}
	}
}

// An agent's requests are for the agent itself, whose name the token has, and for admins. An
// agent may not send any other request.
func TestTokensOfAgents(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	var mine, others []string
	for _, op := range api.Operations() {
		if method, path, _ := strings.Cut(op.HTTP, " "); op.Access == api.AccessAgent && method == http.MethodPost {
			mine = append(mine, "POST "+strings.Replace(path, "{agent}", "the-agent", 1))
			others = append(others, "POST "+strings.Replace(path, "{agent}", "w2", 1))
		}
	}
	others = append(others, "GET /api/agents/w2/commands", "GET /api/agents/the-agent2/commands", "GET /api/agents/activity",
		"GET /api/missions", "POST /api/missions", "GET /api/supervisor/agents", "GET /metrics", "GET /api/events", "POST /api/agents/the-agent",
		"POST /api/session")
	try := func(role roles.Role, request string, want int) {
		t.Helper()
		method, path, _ := strings.Cut(request, " ")
		status, body, _ := call(t, method, url+path, `{"nonsense":1}`, "Authorization", "Bearer token-of-"+string(role))
		if status != want {
			t.Errorf("%s by %s: %d %s, want %d", request, role, status, body, want)
		}
	}
	for _, request := range mine {
		try(roles.Agent, request, http.StatusBadRequest) // it came as far as its body
		try(roles.Admin, request, http.StatusBadRequest)
		try(roles.Operator, request, http.StatusForbidden)
		try(roles.Viewer, request, http.StatusForbidden)
	}
	for _, request := range others {
		try(roles.Agent, request, http.StatusForbidden)
	}
	try(roles.Agent, "POST /api/agents/the-agent%2F..%2Fw2/claim", http.StatusBadRequest) // this is no agent's id
	for _, role := range []roles.Role{roles.Operator, roles.Viewer} {
		try(role, "GET /api/agents/the-agent/commands", http.StatusForbidden)
	}
	for _, role := range []roles.Role{roles.Agent, roles.Admin} {
		openSource(t, url+"/api/agents/the-agent/commands", "Authorization", "Bearer token-of-"+string(role)).next("ready")
	}
}

func TestHTTPOverTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	server, client := authority.Server(), authority.Client()
	cert, err := tls.LoadX509KeyPair(server.Cert, server.Key)
	must(t, err)
	shown, err := tls.LoadX509KeyPair(client.Cert, client.Key)
	must(t, err)
	trusted := authority.Pool()
	for name, c := range map[string]struct {
		server, client *tls.Config
		in             bool
	}{
		"trusting":     {&tls.Config{}, &tls.Config{RootCAs: trusted}, true},
		"not trusting": {&tls.Config{}, &tls.Config{}, false},
		"mutual": {&tls.Config{ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert},
			&tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{shown}}, true},
		"mutual, nothing shown": {&tls.Config{ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert},
			&tls.Config{RootCAs: trusted}, false},
	} {
		c.server.Certificates = []tls.Certificate{cert}
		url, _ := newGuarded(t, web.Guard{TLS: c.server})
		transport := &http.Transport{TLSClientConfig: c.client}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(url, "http:", "https:", 1)+"/healthz", http.NoBody)
		must(t, err)
		reply, err := transport.RoundTrip(request)
		if err == nil {
			must(t, reply.Body.Close())
		}
		if (err == nil) != c.in {
			t.Errorf("%s: %v", name, err)
		}
		transport.CloseIdleConnections()
		if status, _, _ := call(t, "GET", url+"/healthz", ""); status != http.StatusBadRequest {
			t.Errorf("%s: plain HTTP was answered with %d", name, status)
		}
	}
}

// An event stream ends when its token is removed, and is not begun anew. Tokens that stay
// the same end nothing.
func TestARemovedTokenSeesNothingMore(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.Serve(listener, service, web.Guard{Tokens: tokens()}, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	url := "http://" + server.Addr() + "/api/supervisor/live"
	viewer := []string{"Authorization", "Bearer token-of-viewer"}
	source := openSource(t, url, viewer...)
	source.next("status")

	server.SetTokens(tokens())
	_, err = service.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{Name: "a"}})
	must(t, err)
	source.next("status")

	server.SetTokens(tokens()[1:])
	for range source.events { // until the connection ends
	}
	if status, body, _ := call(t, http.MethodGet, url, "", viewer...); status != http.StatusUnauthorized {
		t.Errorf("after the token was removed: %d %s", status, body)
	}
	openSource(t, url, "Authorization", "Bearer token-of-operator").next("status")
}
