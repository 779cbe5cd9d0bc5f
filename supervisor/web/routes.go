package web

import "net/http"

// routeTable is a mux that knows what was given to it, so that the documents can be held
// against it.
type routeTable struct {
	*http.ServeMux
	patterns []string
}

// Handle is http.ServeMux's.
func (t *routeTable) Handle(pattern string, handler http.Handler) {
	t.patterns = append(t.patterns, pattern)
	t.ServeMux.Handle(pattern, handler)
}

// HandleFunc is http.ServeMux's.
func (t *routeTable) HandleFunc(pattern string, handler http.HandlerFunc) { t.Handle(pattern, handler) }

// document serves one of the documents for machines.
func document(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // nobody is left to tell
	}
}
