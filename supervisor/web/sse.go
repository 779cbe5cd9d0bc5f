package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
)

// sendTimeout is how long a browser may take to accept data before it is disconnected.
const sendTimeout = 10 * time.Second

// events serves GET /api/events as server-sent events. Their ids are sequences of the
// stream, so a browser that lost its connection continues where it was.
func (d frontEnd) events(service *supervisor.Service, watching *bound) http.HandlerFunc {
	return d.within(watching, func(w http.ResponseWriter, r *http.Request) {
		request, err := eventsRequest(r)
		if err == nil {
			_, err = request.Types()
		}
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		d.push(w, r, func(ctx context.Context, s *sender) error { return service.Watch(ctx, request, watcher{s, ""}) })
	})
}

// eventsRequest reads the query and Last-Event-ID, which takes precedence.
func eventsRequest(r *http.Request) (api.EventsRequest, error) {
	fields, err := queryFields(r.URL.RawQuery)
	if err != nil {
		return api.EventsRequest{}, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		delete(fields, "since")
		if fields["after"], err = jsontext.AppendQuote(nil, last); err != nil {
			return api.EventsRequest{}, err
		}
	}
	body, err := withPath(r, fields, nil)
	if err != nil {
		return api.EventsRequest{}, err
	}
	return api.Decode[api.EventsRequest](body)
}

// push sends server-sent events until the browser disconnects, the server stops, the
// tokens change, or the browser is too slow. A browser whose token is still known connects
// again, and continues where it was.
func (d frontEnd) push(w http.ResponseWriter, r *http.Request, run func(context.Context, *sender) error) {
	if r.Method == http.MethodHead {
		return
	}
	ctx, end := context.WithCancelCause(r.Context())
	cancel := func() { end(nil) }
	defer cancel()
	defer context.AfterFunc(leaving(r), func() { end(supervisor.ErrStopping) })()
	valid, allowed := d.tokens.still(r)
	if !allowed {
		d.unknown(w, r)
		return
	}
	defer context.AfterFunc(valid, func() {
		if _, known := d.tokens.still(r); known {
			end(supervisor.ErrStopping) // the client connects again
		}
		cancel()
	})()
	s := &sender{w: w, out: http.NewResponseController(w)}
	// The server's limit on the duration of a reply does not apply here.
	if err := errors.Join(s.out.SetReadDeadline(time.Time{}), s.out.SetWriteDeadline(time.Now().Add(sendTimeout))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		d.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // so that proxies pass it on at once
	w.WriteHeader(http.StatusOK)
	err := run(ctx, s)
	if err != nil && ctx.Err() == nil {
		d.log.Debug("cut off a stream of events", "path", r.URL.Path, "error", err)
	}
}

// sender writes server-sent events. Its methods may be called concurrently.
type sender struct {
	mu  sync.Mutex
	w   http.ResponseWriter
	out *http.ResponseController
}

// send sends an event; id and name may be "".
func (s *sender) send(id, name string, data []byte) error {
	if id != "" {
		id = "id: " + id + "\n"
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	return s.printf("%s%sdata: %s\n\n", id, name, data)
}

// printf writes and flushes, within sendTimeout.
func (s *sender) printf(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.out.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *sender) sendJSON(name string, value any) error {
	data, err := api.Encode(value)
	if err != nil {
		return err
	}
	return s.send("", name, data)
}

// idle sends a comment, so that the client and all proxies know that the connection is
// alive.
func (s *sender) idle() error { return s.printf(": still here\n\n") }

type leavingKey struct{}

// withLeaving returns a base context for all requests of a server. It carries another
// context, which ends when the server must stop. The server waits for requests that end
// by themselves.
func withLeaving(base, stop context.Context) context.Context {
	return context.WithValue(base, leavingKey{}, stop)
}

// leaving returns a context that ends when the server must stop.
func leaving(r *http.Request) context.Context {
	if stop, ok := r.Context().Value(leavingKey{}).(context.Context); ok {
		return stop
	}
	return context.Background()
}
