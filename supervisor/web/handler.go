package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
	"missioncontrol/supervisor/web/dashboard"
)

// routes returns everything that is served over HTTP.
func routes(d frontEnd, service *supervisor.Service) http.Handler {
	registry := newRegistry(service, d.log)
	registry.MustRegister(d.attempts.failed)
	mux := table(d, service, registry)
	return measured(registry, service.Tracer(), d.hosts.sameOrigin(d, d.elseRefuse(mux.ServeMux)))
}

// table returns the routes.
func table(d frontEnd, service *supervisor.Service, registry *prometheus.Registry) *routeTable {
	mux := &routeTable{ServeMux: http.NewServeMux(), answers: map[*api.Operation]answer{}}
	route(mux, d, api.OpHealth, service.Health)
	route(mux, d, api.OpStatus, service.Status)
	route(mux, d, api.OpAgents, service.Agents)
	route(mux, d, api.OpCreate, service.Create)
	route(mux, d, api.OpList, service.List)
	route(mux, d, api.OpStats, service.Stats)
	route(mux, d, api.OpHistory, service.History)
	route(mux, d, api.OpQueues, service.Queues)
	route(mux, d, api.OpAlerts, service.Alerts)
	route(mux, d, api.OpGet, service.Get)
	route(mux, d, api.OpDelete, service.Delete)
	route(mux, d, api.OpCancel, service.Cancel)
	route(mux, d, api.OpRetry, service.Retry)
	route(mux, d, api.OpBulk, service.Bulk)
	route(mux, d, api.OpWait, service.Wait)
	route(mux, d, api.OpWaitMany, service.WaitMany)
	route(mux, d, api.OpLog, service.Log)
	route(mux, d, api.OpSignal, service.Signal)
	route(mux, d, api.OpGraph, service.Graph)
	route(mux, d, api.OpBatches, service.Batches)
	route(mux, d, api.OpBatch, service.Batch)
	route(mux, d, api.OpCloseBatch, service.CloseBatch)
	limitRoutes(mux, d, service)
	scheduleRoutes(mux, d, service)
	route(mux, d, api.OpQueries, service.Queries)
	route(mux, d, api.OpActivity, service.Activity)
	route(mux, d, api.OpPast, service.Past)
	d.agentRoutes(mux, service)
	watching := newBound(admission.For(api.KindWatching))
	for op, handler := range map[*api.Operation]http.HandlerFunc{
		api.OpWatch:       d.events(service, watching),
		api.OpWatchStatus: d.live(service, watching),
		api.OpSession:     d.whoAmI,
		api.OpSignIn:      d.signIn,
		api.OpSignOut:     d.signOut,
		api.OpOpenAPI:     document(service, spec.OpenAPI),
		api.OpAsyncAPI:    document(service, spec.AsyncAPI),
		api.OpHealthz:     func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") },
		api.OpReadyz:      ready(service),
		api.OpMetrics:     metrics(registry, d.log),
	} {
		mux.HandleFunc(op.HTTP, handler)
	}
	mux.HandleFunc("POST "+pathMCP, d.mcp(service, mux.answers))
	page := dashboard.Handler()
	mux.Handle("GET /{$}", page)
	for _, path := range dashboard.Paths() {
		mux.Handle("GET "+path, page)
	}
	return mux
}

func limitRoutes(mux *routeTable, d frontEnd, service *supervisor.Service) {
	route(mux, d, api.OpSetLimit, service.SetLimit)
	route(mux, d, api.OpLimit, service.Limit)
	route(mux, d, api.OpLimits, service.Limits)
	route(mux, d, api.OpDeleteLimit, service.DeleteLimit)
}

func scheduleRoutes(mux *routeTable, d frontEnd, service *supervisor.Service) {
	route(mux, d, api.OpSetSchedule, service.SetSchedule)
	route(mux, d, api.OpSchedule, service.Schedule)
	route(mux, d, api.OpSchedules, service.Schedules)
	route(mux, d, api.OpDeleteSchedule, service.DeleteSchedule)
	route(mux, d, api.OpTriggerSchedule, service.TriggerSchedule)
	route(mux, d, api.OpBackfill, service.Backfill)
	route(mux, d, api.OpPreview, service.Preview)
}

// route adds the route of an operation that a method of the service answers. The request
// of a GET is in the query, and of the other methods in the body.
func route[Q, R any](mux *routeTable, d frontEnd, op api.Op[Q, R], method func(context.Context, Q) (R, error)) {
	bound := newBound(admission.For(op.Kind))
	mux.answers[op.Operation] = answered(bound, method)
	if strings.HasPrefix(op.HTTP, http.MethodGet+" ") {
		mux.HandleFunc(op.HTTP, get(d, bound, method))
		return
	}
	mux.HandleFunc(op.HTTP, post(d, bound, method))
}

// elseRefuse serves the routes of mux, and refuses all other requests in the format of
// this API.
func (d frontEnd) elseRefuse(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		path := strings.ToValidUTF8(r.URL.Path, "�")
		v := verdict{header: http.Header{}}
		handler.ServeHTTP(&v, r)
		if v.status != http.StatusMethodNotAllowed {
			d.refuse(w, r, &api.Error{Code: missions.CodeNotFound, Message: "there is nothing at " + path})
			return
		}
		allowed := v.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		d.refuse(w, r, &api.Error{Code: api.CodeMethodNotAllowed, Message: path + " takes " + allowed})
	})
}

// verdict is the mux's answer to a request that it has no route for.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

func forbidden(message string) error { return &api.Error{Code: api.CodeForbidden, Message: message} }

func safeHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// scope converts requests and replies of the protocol to and from HTTP.
type frontEnd struct {
	log      *slog.Logger
	tokens   *liveTokens
	hosts    hosts
	pace     pace
	attempts *attempts
	first    *atomic.Pointer[[]string] // commands to try first
	peers    *Peers
}

// newDoor returns a scope that is open to all clients.
func newFrontEnd(log *slog.Logger) frontEnd {
	return frontEnd{log: log, tokens: new(liveTokens), pace: defaultPace, attempts: newAttempts(time.Now, log), first: new(atomic.Pointer[[]string])}
}

// get serves a method whose request is in the path and the query.
func get[Q, R any](d frontEnd, bound *bound, method func(context.Context, Q) (R, error)) http.HandlerFunc {
	return d.within(bound, func(w http.ResponseWriter, r *http.Request) {
		fields, err := queryFields(r.URL.RawQuery)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		serve(d, w, r, method, fields, nil)
	})
}

// post serves a method whose request is in the path and the body.
func post[Q, R any](d frontEnd, bound *bound, method func(context.Context, Q) (R, error)) http.HandlerFunc {
	return d.withBody(bound, func(w http.ResponseWriter, r *http.Request, body []byte) {
		serve(d, w, r, method, map[string]jsontext.Value{}, body)
	})
}

// withBody serves requests that a bound admits with their bodies. The turn of each comes
// once its body has arrived, however long that takes.
func (d frontEnd) withBody(bound *bound, next func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return d.admitted(bound, func(w http.ResponseWriter, r *http.Request, a *admittedRequest) {
		body, err := d.body(w, r, a)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		done, err := a.turn(r.Context())
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		defer done()
		next(w, r, body)
	})
}

func serve[Q, R any](d frontEnd, w http.ResponseWriter, r *http.Request, method func(context.Context, Q) (R, error),
	fields map[string]jsontext.Value, body []byte) {
	body, err := withPath(r, fields, body)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	request, err := api.Decode[Q](body)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	reply, err := method(requestContext(r), request)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	d.reply(w, r, http.StatusOK, reply)
}

// requestContext returns the context of a request to the service: who sends it, and within
// which trace.
func requestContext(r *http.Request) context.Context {
	ctx := api.WithCaller(api.WithTrace(r.Context(), r.Header.Get(api.HeaderTraceparent)), caller(r))
	return api.WithUser(ctx, credentialOf(r).token)
}

// caller returns the name that the requesting program gives itself.
func caller(r *http.Request) string {
	if name := r.Header.Get(api.HeaderClient); name != "" {
		return name
	}
	return r.UserAgent()
}

// withPath adds the id in the path to the request's fields. A request means the same
// over NATS and HTTP: it is decoded from the same JSON, by the same rules.
func withPath(r *http.Request, fields map[string]jsontext.Value, body []byte) ([]byte, error) {
	name, id := "id", r.PathValue("id")
	if of := r.PathValue("name"); of != "" {
		name, id = "name", of
	}
	if id == "" && len(fields) == 0 {
		return body, nil
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, missions.Invalid("body", "is not a JSON object")
		}
	}
	if id != "" {
		if _, twice := fields[name]; twice {
			return nil, missions.Invalid(name, "is already in the path")
		}
		quoted, err := jsontext.AppendQuote(nil, id)
		if err != nil {
			return nil, missions.Invalid(name, "is not valid UTF-8")
		}
		fields[name] = quoted
	}
	return json.Marshal(fields, json.Deterministic(true))
}

// numeric are the query parameters that are numbers in the protocol.
var numeric = map[string]bool{"limit": true, "created_after": true, "created_before": true, "timeout_seconds": true,
	"since": true, "minutes": true, "count": true, "every_seconds": true, "offset_seconds": true, "from": true}

// boolean are those that are true or false.
var boolean = map[string]bool{"times": true, "run_times": true}

func queryFields(raw string) (map[string]jsontext.Value, error) {
	fields := map[string]jsontext.Value{}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, missions.Invalid("query", "is not well-formed")
	}
	for name, values := range query {
		if !utf8.ValidString(name) {
			return nil, missions.Invalid("query", "is not valid UTF-8")
		}
		if len(values) > 1 {
			return nil, missions.Invalid(name, "is given twice")
		}
		value := jsontext.Value(values[0])
		asItIs := numeric[name] && value.Kind() == '0' || boolean[name] && (values[0] == "true" || values[0] == "false")
		if !asItIs || !value.IsValid() {
			quoted, err := jsontext.AppendQuote(nil, values[0])
			if err != nil {
				return nil, missions.Invalid(name, "is not valid UTF-8")
			}
			value = quoted
		}
		fields[name] = value
	}
	return fields, nil
}

func (d frontEnd) reply(w http.ResponseWriter, r *http.Request, status int, reply any) {
	body, err := api.Encode(reply)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		d.log.Debug("cannot send a reply", "path", r.URL.Path, "error", err)
	}
}

func (d frontEnd) refuse(w http.ResponseWriter, r *http.Request, err error) {
	wire := api.FromError(err)
	level, logged := wire.Logged()
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		level = slog.LevelDebug // the client has left
	}
	if logged {
		d.log.Log(r.Context(), level, "a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	d.reply(w, r, wire.Status(), api.ErrorReply{Error: wire})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // fails only if the client is gone
}

// ready answers 200 while requests can be served, which is while the store answers and
// can be written. A
// broker that is away makes the supervisor degraded, not unready. Clients without a
// token may ask, and learn nothing else.
func ready(service *supervisor.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := service.Ready(r.Context()); err != nil {
			text := "the store does not answer" // health says why, and needs a token
			if errors.Is(err, supervisor.ErrUnwritable) {
				text = "the store cannot be written"
			}
			plain(w, http.StatusServiceUnavailable, text)
			return
		}
		plain(w, http.StatusOK, "ready")
	}
}
