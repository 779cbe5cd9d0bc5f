package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web/dashboard"
)

// Token is a bearer token that somebody may show. The token itself is not kept.
type Token struct {
	Name string // of whom it was made for
	Role roles.Role
	Hash [sha256.Size]byte // of the token
}

// Tokens say who may do what over HTTP; nil lets everybody do everything.
type Tokens []Token

// find returns the token that this text is, nil for none. How long it takes does not
// depend on the tokens that there are, but for their number.
func (t Tokens) find(text string) (found *Token) {
	hash := sha256.Sum256([]byte(text))
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].Hash[:]) == 1 {
			found = &t[i]
		}
	}
	return found
}

// shown returns the token that a request shows, nil when it shows none that is known.
// The header is what counts; the cookie is for browsers, which send it by themselves.
func (t Tokens) shown(r *http.Request) *Token {
	if header := r.Header.Get("Authorization"); header != "" {
		return t.find(bearer(header))
	}
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	return t.find(cookie.Value)
}

// bearer is the token in an Authorization header, "" when it holds something else.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// open are the paths that need no token: they tell nothing, or take one themselves.
// Whatever else is served needs one, also what will be added.
var open = map[string]bool{"/": true, "/healthz": true, "/readyz": true, sessionPath: true}

// isOpen reports whether a path needs no token. The page for people can be had without
// one: it asks for it.
func isOpen(path string) bool { return open[path] || strings.HasPrefix(path, dashboard.Prefix) }

// needs returns the role that a request takes: what only looks is a viewer's.
func needs(r *http.Request) roles.Role {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return roles.Viewer
	}
	return roles.Operator
}

// authorize lets requests through whose bearer may make them.
func (d scope) authorize(next http.Handler) http.Handler {
	if d.tokens == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		token, needed := d.tokens.shown(r), needs(r)
		switch {
		case token == nil:
			d.unknown(w, r)
		case !token.Role.Covers(needed):
			d.refuse(w, r, forbidden("this takes the token of a role that may do it: "+string(needed)))
		default:
			next.ServeHTTP(w, withToken(r, token))
		}
	})
}

// unknown refuses a request that shows no token that is known, with 429 once its address
// has shown too many.
func (d scope) unknown(w http.ResponseWriter, r *http.Request) {
	if d.tooMany(w, r) {
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="missioncontrol"`)
	d.refuse(w, r, &api.Error{Code: api.CodeUnauthorized,
		Message: "this takes a token that is known here, in the header Authorization: Bearer TOKEN"})
}

// tooMany counts a request that shows a token that is not known, and refuses it if its
// address has shown too many. A cookie does not count: browsers send it by themselves.
func (d scope) tooMany(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "" {
		return false
	}
	wait := d.attempts.fail(remoteAddress(r))
	if wait == 0 {
		return false
	}
	seconds := int64(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	d.refuse(w, r, &api.Error{Code: missions.CodeOverloaded,
		Message: fmt.Sprintf("too many tokens that are not known here have come from this address; try again in %d s", seconds)})
	return true
}
