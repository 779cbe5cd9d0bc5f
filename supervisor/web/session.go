package web

import (
	"net/http"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// session returns the session of a request.
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

// session returns the session of a request, with what the client may try first.
func (d frontEnd) session(r *http.Request) api.Session {
	session := d.tokens.get().session(r)
	if first := d.first.Load(); first != nil && roles.Role(session.Role).Covers(roles.Operator) {
		session.FirstCommands = *first
	}
	return session
}

// signIn makes a browser keep the token of the Authorization header. The server keeps
// nothing, so every supervisor with the same tokens recognises the browser.
func (d frontEnd) signIn(w http.ResponseWriter, r *http.Request) {
	if d.tokens.get() != nil {
		token := bearer(r.Header.Get("Authorization"))
		found := d.tokens.get().find(token)
		switch {
		case found == nil:
			d.unknown(w, r)
			return
		case found.Role == roles.Agent:
			d.refuse(w, r, forbidden("this token is for the agent "+found.Name+", not for people"))
			return
		}
		setCookie(w, r, token)
	}
	d.reply(w, r, http.StatusOK, d.session(r))
}

// signOut makes a browser forget its token.
func (d frontEnd) signOut(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, "")
	d.reply(w, r, http.StatusOK, api.Session{Authentication: d.tokens.get() != nil})
}

// whoAmI returns what the client may do, and whether it needs a token for more.
func (d frontEnd) whoAmI(w http.ResponseWriter, r *http.Request) {
	session := d.session(r)
	if session.Role == "" && d.tooMany(w, r) {
		return
	}
	d.reply(w, r, http.StatusOK, session)
}
