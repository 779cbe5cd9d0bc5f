package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web/dashboard"
)

// Token is a bearer token that clients may send. The token itself is not kept.
type Token struct {
	Name string // who it was made for
	Role roles.Role
	Hash [sha256.Size]byte // of the token
}

// Tokens say what each client may do over HTTP; nil allows everything to all clients.
type Tokens []Token

// liveTokens are the tokens at present.
type liveTokens struct{ current atomic.Pointer[tokenSet] }

// tokenSet is a set of tokens, and a context that ends when another set replaces it.
type tokenSet struct {
	tokens Tokens
	valid  context.Context
	end    context.CancelFunc
}

// set replaces the tokens, unless they are the same.
func (l *liveTokens) set(tokens Tokens) {
	old := l.current.Load()
	if old != nil && slices.Equal(old.tokens, tokens) {
		return
	}
	valid, end := context.WithCancel(context.Background())
	l.current.Store(&tokenSet{tokens, valid, end})
	if old != nil {
		old.end()
	}
}

// get returns the tokens; nil allows everything to all clients.
func (l *liveTokens) get() Tokens {
	if set := l.current.Load(); set != nil {
		return set.tokens
	}
	return nil
}

// still returns a context that ends when the tokens change, and whether a request, which
// may have waited since it was authorized, still has a token.
func (l *liveTokens) still(r *http.Request) (valid context.Context, allowed bool) {
	set := l.current.Load()
	if set == nil {
		return context.Background(), true
	}
	return set.valid, set.tokens == nil || set.tokens.shown(r) != nil
}

// find returns the token with this text, or nil. Its duration depends on the number of
// tokens, but not on their contents.
func (t Tokens) find(text string) (found *Token) {
	hash := sha256.Sum256([]byte(text))
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].Hash[:]) == 1 {
			found = &t[i]
		}
	}
	return found
}

// shown returns the token that a request sends, or nil if it sends no known token. The
// header takes precedence. The cookie is for browsers, which send it by themselves.
func (t Tokens) shown(r *http.Request) *Token {
	if header := r.Header.Get("Authorization"); header != "" {
		return t.find(bearer(header))
	}
	for _, text := range cookieTokens(r) {
		if token := t.find(text); token != nil {
			return token
		}
	}
	return nil
}

// bearer returns the token in an Authorization header, or "" if it holds something
// else.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// open are the paths that need no token: they reveal nothing, or take a token
// themselves. All other paths need one, including any added later.
var open = map[string]bool{"/": true, api.PathHealthz: true, api.PathReadyz: true, api.PathSession: true}

// isOpen reports whether a path needs no token. The dashboard page needs none: it asks
// for it.
func isOpen(path string) bool { return open[path] || strings.HasPrefix(path, dashboard.Prefix) }

// needs returns the role that a request requires: viewer for requests that only read, and for
// MCP, where the role decides which tools there are. One that reads has more ids than a query
// may have, and so a body.
func needs(r *http.Request) roles.Role {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.URL.Path == pathMCP || r.Method+" "+r.URL.Path == api.OpWaitMany.HTTP {
		return roles.Viewer
	}
	return roles.Operator
}

// authorize passes on the requests that their token allows.
func (d frontEnd) authorize(next http.Handler) http.Handler {
	if d.tokens.get() == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		token, needed := d.tokens.get().shown(r), needs(r)
		switch {
		case token == nil:
			d.unknown(w, r)
		case token.Role == roles.Agent:
			if !strings.HasPrefix(r.URL.Path, api.AgentPath(token.Name)) {
				d.refuse(w, r, forbidden("this token is for the agent "+token.Name+", and allows only requests below "+api.AgentPath(token.Name)))
				return
			}
			next.ServeHTTP(w, withToken(r, token))
		case !token.Role.Covers(needed):
			d.refuse(w, r, forbidden("this requires a token with one of the roles "+string(needed)))
		default:
			next.ServeHTTP(w, withToken(r, token))
		}
	})
}

// unknown refuses a request without a known token, with 429 once its address has sent
// too many.
func (d frontEnd) unknown(w http.ResponseWriter, r *http.Request) {
	if d.tooMany(w, r) {
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="missioncontrol"`)
	d.refuse(w, r, &api.Error{Code: api.CodeUnauthorized,
		Message: "this requires a valid token, in the header Authorization: Bearer TOKEN"})
}

// tooMany counts a request with an unknown token, and refuses it if its address has
// sent too many. A cookie does not count: browsers send it by themselves.
func (d frontEnd) tooMany(w http.ResponseWriter, r *http.Request) bool {
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
		Message: fmt.Sprintf("this address sent too many unknown tokens; try again in %d s", seconds)})
	return true
}
