package web

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"missioncontrol/supervisor/web/dashboard"
)

// machines are the first parts of paths that programs ask for: these answer in the
// format of the API whoever asks.
var machines = []string{"", "api", "mcp", "ui", "healthz", "readyz", "metrics", "favicon.ico"}

// typed answers a person who typed a path into a browser with a page. The dashboard's
// pages are behind the # of its address; whoever leaves it out is sent there. It reveals
// nothing, so it needs no token.
func typed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		clean := path.Clean(r.URL.Path) == strings.TrimSuffix(r.URL.Path, "/")
		if !clean || r.Method != http.MethodGet || slices.Contains(machines, first) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			next.ServeHTTP(w, r)
			return
		}
		dashboard.ServeTyped(w, r, first)
	})
}
