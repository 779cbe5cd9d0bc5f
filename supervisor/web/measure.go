package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// elsewhere is the route label of requests that match no route.
const otherPath = "other"

// measured counts, times and traces the requests that next answers, by pattern. It does
// not time requests that may wait, or that last as long as the client stays connected.
func measured(registry *prometheus.Registry, tracer *tracing.Tracer, next http.Handler) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "missioncontrol_http_requests_total", Help: "Requests over HTTP, by route and status.",
	}, []string{"route", "code"})
	seconds := prometheus.NewHistogramVec(supervisor.RequestHistogram("missioncontrol_http_request_duration_seconds",
		"Duration of requests over HTTP, except those that may wait."), []string{"route"})
	registry.MustRegister(requests, seconds)
	parks := parkingRoutes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		span := traced(tracer, r)
		next.ServeHTTP(seen, r)
		route := r.Pattern // set by the mux
		if route == "" {
			route = otherPath
		}
		span.Name(route)
		span.About("http.response.status_code", strconv.Itoa(seen.status))
		span.End(nil)
		requests.WithLabelValues(route, strconv.Itoa(seen.status)).Inc()
		if !parks[route] && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
			seconds.WithLabelValues(route).Observe(time.Since(begun).Seconds())
		}
	})
}

// parkingRoutes returns the patterns of requests that may wait as long as they say.
func parkingRoutes() map[string]bool {
	parks := map[string]bool{"POST " + pathMCP: true}
	for _, op := range api.Operations() {
		parks[op.HTTP] = op.Kind.Parks()
	}
	return parks
}

// traced begins a span for a request and puts the request below it.
func traced(tracer *tracing.Tracer, r *http.Request) tracing.Span {
	if tracer == nil || !strings.HasPrefix(r.URL.Path, "/api/") {
		return tracing.Span{} // probes and scrapes would make up most spans
	}
	ctx, span := tracer.Start(api.WithTrace(r.Context(), r.Header.Get(api.HeaderTraceparent)), r.Method, tracing.Server)
	r.Header.Set(api.HeaderTraceparent, api.TraceOf(ctx))
	return span
}

// statusWriter records the status of a reply.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection and its errors.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
