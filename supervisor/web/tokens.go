package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// Token is a bearer token that somebody may show. The token itself is not kept.
type Token struct {
	Role roles.Role
	Hash [sha256.Size]byte // of the token
}

// Tokens say who may do what over HTTP; nil lets everybody do everything.
type Tokens []Token

// role returns what the bearer of a token is, "" for nobody. How long it takes does
// not depend on the tokens that there are, but for their number.
func (t Tokens) role(token string) (role roles.Role) {
	hash := sha256.Sum256([]byte(token))
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].Hash[:]) == 1 {
			role = t[i].Role
		}
	}
	return role
}

// open are the paths that need no token: a probe has none, and they tell nothing.
var open = map[string]bool{"/healthz": true, "/readyz": true}

// needs returns the role that a request takes: what only looks is a viewer's.
func needs(r *http.Request) roles.Role {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return roles.Viewer
	}
	return roles.Operator
}

// authorize lets requests through whose bearer may make them.
func (d door) authorize(tokens Tokens, next http.Handler) http.Handler {
	if tokens == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		role := tokens.role(strings.TrimSpace(token))
		needed := needs(r)
		switch {
		case !strings.EqualFold(scheme, "Bearer") || role == "":
			w.Header().Set("WWW-Authenticate", `Bearer realm="missioncontrol"`)
			d.refuse(w, r, &api.Error{Code: api.CodeUnauthorized,
				Message: "this takes a token that is known here, in the header Authorization: Bearer TOKEN"})
		case !role.Covers(needed):
			d.refuse(w, r, forbidden("this takes the token of a role that may do it: "+string(needed)))
		default:
			next.ServeHTTP(w, r)
		}
	})
}
