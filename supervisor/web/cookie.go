package web

import (
	"net/http"
	"net/netip"
	"strings"

	"missioncontrol/supervisor/api"
)

// The names of the cookie that holds a browser's token. Neither plain HTTP nor another
// host can set those with a prefix; the first is for a whole host, as browsers enforce.
const (
	cookieOfHost = "__Host-missioncontrol"
	cookieSecure = "__Secure-missioncontrol"
	cookiePlain  = "missioncontrol"
)

// setCookie gives a browser a token to send until it is closed, or removes the token if
// it is "". Scripts cannot read the cookie, and requests from other sites do not carry
// it. A browser that reached us over TLS sends it over TLS only.
func setCookie(w http.ResponseWriter, r *http.Request, token string) {
	path, name := cookiePath(r), cookiePlain
	secure := overTLS(r) || strings.HasPrefix(strings.ToLower(r.Header.Get("Origin")), "https://")
	switch {
	case secure && path == "/":
		name = cookieOfHost
	case secure:
		name = cookieSecure
	}
	cookie := &http.Cookie{Name: name, Value: token, Path: path, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// cookieTokens returns the tokens in the cookies of a request, those first that only a
// secure page of ours can have set. A browser sends several if several supervisors are
// below one name.
func cookieTokens(r *http.Request) (tokens []string) {
	names := []string{cookieOfHost, cookieSecure}
	if !overTLS(r) {
		names = append(names, cookiePlain)
	}
	for _, name := range names {
		for _, cookie := range r.CookiesNamed(name) {
			tokens = append(tokens, cookie.Value)
		}
	}
	return tokens
}

// overTLS reports whether a request is known to have left its client over TLS: it came
// so, or a proxy on this machine says that it did. Other machines' word does not count.
func overTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && strings.EqualFold(strings.TrimSpace(proto), "https")
}

// maxCookiePath is how long a path may be that a cookie is limited to.
const maxCookiePath = 256

// cookiePath returns the path that the page says it is served at, or "/". Only the
// browser knows what a proxy has put before our paths.
func cookiePath(r *http.Request) string {
	path := r.Header.Get(api.HeaderPath)
	if !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") || len(path) > maxCookiePath ||
		strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(";,\"\\", r) }) {
		return "/"
	}
	return path
}
