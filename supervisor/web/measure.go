package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/supervisor"
)

// elsewhere is the route of requests for what is not there.
const elsewhere = "other"

// measured counts and times what next answers, by the pattern that it was found by.
// What may wait, or goes on as long as somebody listens, is not timed.
func measured(registry *prometheus.Registry, next http.Handler) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "missioncontrol_http_requests_total", Help: "Requests over HTTP, by route and status.",
	}, []string{"route", "code"})
	seconds := prometheus.NewHistogramVec(supervisor.RequestHistogram("missioncontrol_http_request_duration_seconds",
		"How long requests over HTTP took to answer, but for those that may wait."), []string{"route"})
	registry.MustRegister(requests, seconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		route := r.Pattern // as the mux has noted it
		if route == "" {
			route = elsewhere
		}
		requests.WithLabelValues(route, strconv.Itoa(seen.status)).Inc()
		if !strings.HasSuffix(route, "/wait") && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
			seconds.WithLabelValues(route).Observe(time.Since(begun).Seconds())
		}
	})
}

// statusWriter notes the status of a reply.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Flush sends what has been written, for those who write piece by piece.
func (w *statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() } // some cannot, as before

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
