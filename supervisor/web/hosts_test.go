package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/web"
)

// newListening serves a supervisor on an address, and returns the URL to reach it.
func newListening(t *testing.T, service *supervisor.Service, address string, guard web.Guard) string {
	t.Helper()
	listener, err := web.Listen(address)
	must(t, err)
	server := web.Serve(listener, service, guard, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	_, port, _ := strings.Cut(server.Addr()[strings.LastIndex(server.Addr(), ":"):], ":")
	return "http://127.0.0.1:" + port
}

// Without tokens a name must be allowed, even if other machines can reach the address,
// as in a container whose port is published on a loopback address.
func TestWithoutTokensOnlyAllowedHostsAreAnswered(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	url := newListening(t, service, "0.0.0.0:0", web.Guard{Hosts: []string{"mc.example.com", "s1"}})
	for host, want := range map[string]int{
		"":                     200,
		"localhost":            200,
		"localhost:8080":       200,
		"LOCALHOST.:80":        200,
		"127.0.0.1:8080":       200,
		"192.0.2.7":            200,
		"[2001:db8::1]:8080":   200,
		"[::1]":                200,
		"mc.example.com":       200,
		"MC.Example.com.:8443": 200,
		"s1:8080":              200,

		"evil.example":                403,
		"evil.example:8080":           403,
		"mc.localhost":                403,
		"x.mc.example.com":            403,
		"mc.example.com.evil.example": 403,
		"127.0.0.1.evil.example":      403,
		"localhost.evil.example":      403,
		"2130706433":                  403,
	} {
		for _, path := range []string{"/api/supervisor/status", "/metrics", "/", "/healthz", "/readyz", "/api/session", "/api/supervisor/live"} {
			method := "GET"
			if path == "/api/supervisor/live" {
				method = "HEAD"
			}
			status, body, _ := call(t, method, url+path, "", "Host", host)
			if status != want || want == 403 && method == "GET" && !strings.HasPrefix(body, `{"error":{"code":"forbidden","message":`) {
				t.Errorf("%s of %q: %d %s", path, host, status, body)
			}
		}
	}
	status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"forged"}`, "Host", "evil.example:8080", "Origin", "http://evil.example:8080")
	if status != 403 || !strings.Contains(body, `evil.example`) || !strings.Contains(body, "--http-host") {
		t.Errorf("a page on another name creates a mission: %d %s", status, body)
	}
}

// Whatever a program puts into its Host header, the reply contains only safe
// characters.
func TestARefusedHostIsNamedHarmlessly(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	url := newListening(t, service, "0.0.0.0:0", web.Guard{Hosts: []string{"mc.example.com"}})
	for host, want := range map[string]string{
		"evil.example:80":            `"evil.example"`,
		"e;vil'(x)$":                 `"e?vil??x??"`,
		"[mc.example.com]x":          `"mc.example.com?x"`,
		strings.Repeat("a.b-", 1000): `"` + strings.Repeat("a.b-", 63) + `a"`,
	} {
		if reply := raw(t, url, "GET / HTTP/1.1\r\nConnection: close\r\nHost: "+host+"\r\n\r\n"); !strings.HasPrefix(reply, "HTTP/1.1 403 ") ||
			!strings.Contains(strings.ReplaceAll(reply, `\"`, `"`), "the host "+want+" is not allowed") {
			t.Errorf("%q: %s", host, reply)
		}
	}
}

// raw sends bytes and returns what arrives until the connection ends.
func raw(t *testing.T, url, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	must(t, err)
	defer func() { must(t, conn.Close()) }()
	_, err = io.WriteString(conn, request)
	must(t, err)
	reply, err := io.ReadAll(conn)
	must(t, err)
	return string(reply)
}

// Tokens keep other pages out, whatever name leads here. A loopback address answers to
// the names of this machine and to the allowed names, for a proxy in front.
func TestHostsBehindTokens(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	guard := web.Guard{Tokens: tokens(), Hosts: []string{"mc.example.com"}}
	anywhere, loopback := newListening(t, service, "0.0.0.0:0", guard), newListening(t, service, "127.0.0.1:0", guard)
	for _, c := range []struct {
		url, host string
		want      int
	}{
		{anywhere, "any.example", 200},
		{loopback, "mc.example.com", 200},
		{loopback, "mc.localhost", 200},
		{loopback, "any.example", 403},
		{loopback, "192.0.2.7", 403},
	} {
		if status, body, _ := call(t, "GET", c.url+"/api/missions", "", "Host", c.host, "Authorization", "Bearer token-of-viewer"); status != c.want {
			t.Errorf("%s of %q: %d %s", c.url, c.host, status, body)
		}
	}
}

// The Origin of a change must be the Host or an allowed name. The latter is for
// browsers behind a proxy that sets another Host.
func TestOriginsOfChanges(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	hosts := []string{"mc.example.com"}
	open := newListening(t, service, "0.0.0.0:0", web.Guard{Hosts: hosts})
	guarded := newListening(t, service, "0.0.0.0:0", web.Guard{Hosts: hosts, Tokens: tokens()})
	unnamed := newListening(t, service, "0.0.0.0:0", web.Guard{Tokens: tokens()})
	for _, c := range []struct {
		url, host, origin, site string
		want                    int
	}{
		{open, "mc.example.com:8080", "http://mc.example.com:8080", "", 200},
		{open, "", "https://mc.example.com", "", 200},
		{open, "localhost:8080", "http://localhost:8080", "", 200},
		{open, "localhost:8080", "http://localhost:9090", "", 403},
		{open, "", "https://evil.example", "", 403},
		{open, "mc.example.com", "https://evil.example", "", 403},
		{guarded, "", "https://mc.example.com", "", 200},
		{guarded, "", "https://MC.example.com:8443", "same-origin", 200},
		{guarded, "10.0.0.7:8080", "https://mc.example.com", "", 200},
		{guarded, "", "https://mc.example.com", "cross-site", 403},
		{guarded, "", "https://mc.example.com:9090", "same-site", 403},
		{guarded, "", "https://x.mc.example.com", "", 403},
		{guarded, "", "https://mc.example.com.evil.example", "", 403},
		{guarded, "", "https://evil.example/mc.example.com", "", 403},
		{guarded, "", "https://mc.example.com@evil.example", "", 403},
		{guarded, "", "chrome-extension://mc.example.com", "", 403},
		{guarded, "", "mc.example.com", "", 403},
		{guarded, "", "null", "", 403},
		{unnamed, "", "https://mc.example.com", "", 403},
	} {
		headers := []string{"Host", c.host, "Origin", c.origin, "Authorization", "Bearer token-of-operator"}
		if c.site != "" {
			headers = append(headers, "Sec-Fetch-Site", c.site)
		}
		for _, path := range []string{"/api/session", "/api/missions"} {
			if status, body, _ := call(t, http.MethodPost, c.url+path, `{"name":"x"}`, headers...); status != c.want {
				t.Errorf("%s of %+v: %d %s", path, c, status, body)
			}
		}
	}
}

// A client without a token learns from the probes whether requests are served, and
// nothing else.
func TestProbesTellNothingElse(t *testing.T) {
	t.Parallel()
	service, store := newService(t)
	must(t, store.Close())
	recorder := httptest.NewRecorder()
	web.Handler(service, quiet).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if got := recorder.Body.String(); recorder.Code != http.StatusServiceUnavailable || got != "the store does not answer\n" {
		t.Errorf("%d %q", recorder.Code, got)
	}
}
