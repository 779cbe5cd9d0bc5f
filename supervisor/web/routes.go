package web

import (
	"net/http"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// routeTable is a mux that records its patterns, so that tests can compare the
// documents with them.
type routeTable struct {
	*http.ServeMux
	patterns []string
	answers  map[*api.Operation]answer // of the operations that methods of the service answer
}

// Handle is [http.ServeMux.Handle].
func (t *routeTable) Handle(pattern string, handler http.Handler) {
	t.patterns = append(t.patterns, pattern)
	t.ServeMux.Handle(pattern, handler)
}

// HandleFunc is [http.ServeMux.HandleFunc].
func (t *routeTable) HandleFunc(pattern string, handler http.HandlerFunc) { t.Handle(pattern, handler) }

// document serves one of the machine-readable documents.
func document(service *supervisor.Service, text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(spec.WithVersion(text, service.Version())) // fails only if the client is gone
	}
}
