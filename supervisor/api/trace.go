package api

import (
	"context"
	"strings"
)

// HeaderTraceparent carries the W3C trace context of a request, as a NATS header and
// over HTTP. Events that the request causes carry it, too.
const HeaderTraceparent = "traceparent"

type traceKey struct{}

// WithTrace returns a context that carries the trace context of a request. An invalid
// one is left out: tracing never makes a request fail.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	if traceparent = Traceparent(traceparent); traceparent == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// TraceOf returns the trace context of a request, or "" for none.
func TraceOf(ctx context.Context) string {
	traceparent, _ := ctx.Value(traceKey{}).(string)
	return traceparent
}

// Traceparent returns a traceparent header, or "" if it is invalid.
func Traceparent(header string) string {
	if header == "" || !isTraceparent(header) {
		return ""
	}
	return header
}

// isTraceparent reports whether s is of version 00 of
// https://www.w3.org/TR/trace-context/, or of a later version that starts the same way.
func isTraceparent(s string) bool {
	const trace, parent, flags = 32, 16, 2
	parts := strings.Split(s, "-")
	if len(parts) < 4 || len(s) > 256 || len(parts[0]) != 2 || parts[0] == "ff" || parts[0] == "00" && len(parts) > 4 {
		return false
	}
	for i, length := range []int{2, trace, parent, flags} {
		if len(parts[i]) != length || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
}
