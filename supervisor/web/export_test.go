package web

import (
	"log/slog"
	"net/http"

	"missioncontrol/supervisor"
)

// Handler is everything that is served, whatever host it was asked of, to whomever.
func Handler(service *supervisor.Service, log *slog.Logger) http.Handler {
	return routes(door{log: log}, service)
}

// Patterns are those of everything that is served.
func Patterns() []string {
	return table(door{log: slog.New(slog.DiscardHandler)}, nil, nil).patterns
}
