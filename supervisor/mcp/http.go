package mcp

import (
	"log/slog"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/supervisor/api"
)

// Handler serves clients over HTTP (streamable HTTP), without sessions: each POST is answered
// with JSON, any supervisor can answer it, and nothing is kept in between. choose returns the
// server for a request, or nil to refuse it. The context of calls has the values of the
// request's. Who may call, from which origin and how often is up to the caller.
func Handler(choose func(*http.Request) *Server, log *slog.Logger) http.Handler {
	return sdk.NewStreamableHTTPHandler(func(r *http.Request) *sdk.Server {
		if server := choose(r); server != nil {
			return server.sdk
		}
		return nil
	}, &sdk.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, Logger: quieter(log), MaxRequestBodyBytes: api.MaxBody,
		DisableLocalhostProtection: true, // the caller knows the hosts that are allowed
	})
}
