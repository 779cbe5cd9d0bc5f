package web_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/tlstest"
)

// A browser that has sent a token once may do what its bearer may, until it signs out.
func TestABrowserSignsInAndOut(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	var cookie string
	send := func(method, path string, headers ...string) (int, string, http.Header) {
		t.Helper()
		if cookie != "" {
			headers = append(headers, "Cookie", cookie)
		}
		status, body, header := call(t, method, url+path, "", headers...)
		return status, strings.TrimSpace(body), header
	}
	expect := func(what string, status int, body string, wantStatus int, wantBody string) {
		t.Helper()
		if status != wantStatus || !strings.HasPrefix(body, wantBody) {
			t.Errorf("%s: %d %s, want %d %s", what, status, body, wantStatus, wantBody)
		}
	}
	status, body, _ := send("GET", "/api/session")
	expect("before", status, body, 200, `{"authentication":true}`)
	for _, header := range []string{"", "Bearer wrong", "Basic token-of-viewer"} {
		status, body, h := send("POST", "/api/session", "Authorization", header)
		expect("signing in with "+header, status, body, 401, `{"error":{"code":"unauthorized"`)
		if h.Get("Set-Cookie") != "" {
			t.Errorf("%q was given a cookie", header)
		}
	}
	status, body, h := send("POST", "/api/session", "Authorization", "Bearer token-of-viewer")
	expect("signing in", status, body, 200, `{"authentication":true,"role":"viewer","name":"the-viewer"}`)
	if got, want := h.Get("Set-Cookie"), "missioncontrol=token-of-viewer; Path=/; HttpOnly; SameSite=Strict"; got != want {
		t.Fatalf("the cookie is %q, want %q", got, want)
	}
	cookie, _, _ = strings.Cut(h.Get("Set-Cookie"), ";")
	status, body, _ = send("GET", "/api/session")
	expect("signed in", status, body, 200, `{"authentication":true,"role":"viewer","name":"the-viewer"}`)
	status, body, _ = send("GET", "/api/supervisor/status")
	expect("looking", status, body, 200, `{"status":`)
	status, body, _ = send("POST", "/api/missions")
	expect("changing", status, body, 403, `{"error":{"code":"forbidden"`)
	status, body, _ = send("GET", "/api/supervisor/status", "Authorization", "Bearer wrong")
	expect("a wrong header beside the cookie", status, body, 401, `{"error":{"code":"unauthorized"`)
	cookie += "x"
	status, body, _ = send("GET", "/api/supervisor/status")
	expect("another cookie", status, body, 401, `{"error":{"code":"unauthorized"`)
	status, body, h = send("DELETE", "/api/session")
	expect("signing out", status, body, 200, `{"authentication":true}`)
	if got, want := h.Get("Set-Cookie"), "missioncontrol=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"; got != want {
		t.Errorf("the cookie is %q, want %q", got, want)
	}
}

// Browsers send the cookie by themselves, so a page of another site could make them
// send it.
func TestACookieDoesNotHelpPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	const cookie = "missioncontrol=token-of-operator"
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", url}, 200},
	} {
		status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"x"}`, append(c.headers, "Cookie", cookie)...)
		if status != c.status {
			t.Errorf("%v: %d %s", c.headers, status, body)
		}
		if status, _, _ := call(t, "DELETE", url+"/api/session", "", append(c.headers, "Cookie", cookie)...); status != c.status {
			t.Errorf("%v: signing out was answered with %d", c.headers, status)
		}
	}
}

// Without tokens every client may do everything, and the session says so.
func TestASessionWithoutTokens(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	for _, method := range []string{"GET", "POST"} {
		status, body, header := call(t, method, url+"/api/session", "")
		if status != 200 || body != `{"authentication":false,"role":"admin"}`+"\n" || header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s %v", method, status, body, header)
		}
	}
}

// Over TLS the cookie is only sent over TLS.
func TestACookieOverTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	pair := authority.Server()
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	must(t, err)
	url, _ := newGuarded(t, web.Guard{Tokens: tokens(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	url = strings.Replace(url, "http:", "https:", 1)
	jar, err := cookiejar.New(nil)
	must(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Transport: transport, Jar: jar}
	send := func(method, path, token string) (status int, cookie string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, url+path, http.NoBody)
		must(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		reply, err := browser.Do(request)
		must(t, err)
		must(t, reply.Body.Close())
		return reply.StatusCode, reply.Header.Get("Set-Cookie")
	}
	if _, got := send("POST", "/api/session", "token-of-"+string(roles.Viewer)); !strings.HasPrefix(got, "__Host-missioncontrol=") || !strings.Contains(got, "; Secure") {
		t.Errorf("the cookie is %q", got)
	}
	if status, _ := send("GET", "/api/missions", ""); status != http.StatusOK {
		t.Errorf("with the cookie: %d", status)
	}
	send("DELETE", "/api/session", "")
	if status, _ := send("GET", "/api/missions", ""); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
}

// Clients that may change something are told what to try first; viewers and clients without
// a token are not.
func TestFirstCommands(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.Serve(listener, service, web.Guard{Tokens: tokens()}, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	session := func(token string) string {
		_, body, _ := call(t, "GET", "http://"+server.Addr()+"/api/session", "", "Authorization", "Bearer "+token)
		return body
	}
	if body := session("token-of-operator"); strings.Contains(body, "first_commands") {
		t.Errorf("before there are any: %s", body)
	}
	server.SetFirstCommands([]string{"supervisor agent run", `supervisor missions create "hello"`})
	const want = `"first_commands":["supervisor agent run","supervisor missions create \"hello\""]`
	for token, told := range map[string]bool{"token-of-operator": true, "token-of-viewer": false, "unknown": false} {
		if body := session(token); strings.Contains(body, want) != told || strings.Contains(body, "first_commands") != told {
			t.Errorf("%s: %s", token, body)
		}
	}
	web.Off().SetFirstCommands(nil)
}
