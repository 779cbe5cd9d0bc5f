package web

import (
	"net/http"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

const sessionPath = "/api/session"

// session of a request.
func (t Tokens) session(r *http.Request) api.Session {
	if t == nil {
		return api.Session{Role: string(roles.Admin)}
	}
	token := t.shown(r)
	if token == nil {
		return api.Session{Authentication: true}
	}
	return api.Session{Authentication: true, Role: string(token.Role), Name: token.Name}
}

// cookieName is the name of the cookie that holds a browser's token. Over TLS it is one
// that neither plain HTTP nor another host can set.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-missioncontrol"
	}
	return "missioncontrol"
}

// setCookie gives a browser a token to show until it is closed, or takes it away when
// there is none. Scripts cannot read it, and requests that come from other sites do not
// carry it.
func setCookie(w http.ResponseWriter, r *http.Request, token string) {
	cookie := &http.Cookie{Name: cookieName(r), Value: token, Path: "/", HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// signIn has a browser keep the token in the Authorization header. Nothing is kept here,
// so that every supervisor with the same tokens knows the browser.
func (d scope) signIn(w http.ResponseWriter, r *http.Request) {
	if d.tokens != nil {
		token := bearer(r.Header.Get("Authorization"))
		if d.tokens.find(token) == nil {
			d.unknown(w, r)
			return
		}
		setCookie(w, r, token)
	}
	d.reply(w, r, http.StatusOK, d.tokens.session(r))
}

// signOut has a browser forget its token.
func (d scope) signOut(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, "")
	d.reply(w, r, http.StatusOK, api.Session{Authentication: d.tokens != nil})
}

// whoAmI tells what the one who asks may do, and whether a token is needed for more.
func (d scope) whoAmI(w http.ResponseWriter, r *http.Request) {
	session := d.tokens.session(r)
	if session.Role == "" && d.tooMany(w, r) {
		return
	}
	d.reply(w, r, http.StatusOK, session)
}
