package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"missioncontrol/supervisor/web"
)

// The cookie is as narrow as the browser's address allows: Secure where its page came
// over TLS, and limited to the path below which a proxy serves us.
func TestTheCookieFitsTheAddress(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens(), Hosts: []string{"mc.example.com"}})
	for _, c := range []struct {
		headers []string
		want    string // name, path and Secure
	}{
		{nil, "missioncontrol / false"},
		{[]string{"Origin", "http://mc.example.com"}, "missioncontrol / false"},
		{[]string{"Origin", "https://mc.example.com"}, "__Host-missioncontrol / true"},
		{[]string{"X-Forwarded-Proto", "https"}, "__Host-missioncontrol / true"},
		{[]string{"X-Forwarded-Proto", "HTTPS, http"}, "__Host-missioncontrol / true"},
		{[]string{"X-Forwarded-Proto", "http"}, "missioncontrol / false"},
		{[]string{"Mission-Control-Path", "/mc/"}, "missioncontrol /mc/ false"},
		{[]string{"Mission-Control-Path", "/mc/", "Origin", "https://mc.example.com"}, "__Secure-missioncontrol /mc/ true"},
		{[]string{"Mission-Control-Path", "/mc/", "X-Forwarded-Proto", "https"}, "__Secure-missioncontrol /mc/ true"},
		{[]string{"Mission-Control-Path", "/a;Domain=example.com/"}, "missioncontrol / false"},
		{[]string{"Mission-Control-Path", "mc/"}, "missioncontrol / false"},
		{[]string{"Mission-Control-Path", "/mc"}, "missioncontrol / false"},
		{[]string{"Mission-Control-Path", "/a b/"}, "missioncontrol / false"},
		{[]string{"Mission-Control-Path", "/" + strings.Repeat("a", 300) + "/"}, "missioncontrol / false"},
	} {
		headers := append([]string{"Host", "mc.example.com"}, c.headers...)
		status, body, header := call(t, "POST", url+"/api/session", "", append(headers, "Authorization", "Bearer token-of-viewer")...)
		cookie, err := http.ParseSetCookie(header.Get("Set-Cookie"))
		if status != http.StatusOK || err != nil {
			t.Errorf("%v: %d %s %v", c.headers, status, body, err)
			continue
		}
		if got := strings.Join([]string{cookie.Name, cookie.Path, map[bool]string{true: "true", false: "false"}[cookie.Secure]}, " "); got != c.want || !cookie.HttpOnly {
			t.Errorf("%v: %s, want %s", c.headers, got, c.want)
		}
		if status, body, _ := call(t, "GET", url+"/api/missions", "", "Cookie", "other=1; "+cookie.Name+"="+cookie.Value); status != http.StatusOK {
			t.Errorf("%v: with the cookie: %d %s", c.headers, status, body)
		}
		_, _, header = call(t, "DELETE", url+"/api/session", "", headers...)
		if gone, err := http.ParseSetCookie(header.Get("Set-Cookie")); err != nil || gone.Name != cookie.Name || gone.Path != cookie.Path || gone.MaxAge >= 0 {
			t.Errorf("%v: signing out sends %v", c.headers, header["Set-Cookie"])
		}
	}
}

// Of several cookies one with a known token is enough, and over TLS one that plain HTTP
// may have set is worth nothing.
func TestSeveralCookies(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	for _, c := range []struct {
		cookie, proto string
		want          int
	}{
		{"missioncontrol=wrong; missioncontrol=token-of-viewer", "", 200},
		{"__Host-missioncontrol=of-another; __Secure-missioncontrol=token-of-viewer", "https", 200},
		{"missioncontrol=token-of-viewer", "https", 401},
		{"missioncontrol=wrong; missioncontrol=neither", "", 401},
	} {
		if status, body, _ := call(t, "GET", url+"/api/missions", "", "Cookie", c.cookie, "X-Forwarded-Proto", c.proto); status != c.want {
			t.Errorf("%+v: %d %s", c, status, body)
		}
	}
}

// A person who types a path into a browser gets a page, programs get the format of the
// API. All addresses are relative.
func TestATypedPathGetsAPage(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{
		"/missions":                 "302 ./#/missions",
		"/missions/":                "302 ./../#/missions",
		"/missions?status=FAILED":   "302 ./#/missions?status=FAILED",
		"/mission/a%2Fb":            "302 ./../#/mission/a%2Fb",
		"/nowhere":                  `404 href="./"`,
		"/no/where":                 `404 href="./../"`,
		"/api/nowhere":              `401 "unauthorized"`,
		"/metrics":                  `401 "unauthorized"`,
		"//evil.example":            "401 ",
		"/missions/../../..//evil/": "401 ",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		must(t, err)
		request.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		reply, err := browser.Do(request)
		must(t, err)
		body, err := io.ReadAll(reply.Body)
		must(t, err)
		must(t, reply.Body.Close())
		got := fmt.Sprint(reply.StatusCode, " ", reply.Header.Get("Location"), string(body))
		status, text, _ := strings.Cut(want, " ")
		if !strings.HasPrefix(got, status) || !strings.Contains(got, text) || strings.HasPrefix(reply.Header.Get("Location"), "/") || strings.Contains(reply.Header.Get("Location"), "//") {
			t.Errorf("%s: %.300s, want %s", path, got, want)
		}
		if status, body, _ := call(t, "GET", url+path, "", "Accept", "application/json"); status == http.StatusOK || strings.Contains(body, "<html") {
			t.Errorf("a program asks for %s: %d %s", path, status, body)
		}
	}
}
