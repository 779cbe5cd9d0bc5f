package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
)

// live serves GET /api/supervisor/live: the status whenever it changes and, on the same
// connection, the events that the request asks for. Browsers open few connections to a
// host, so their windows share this one. Each watch counts against the bound of
// /api/events.
func (d frontEnd) live(service *supervisor.Service, watching *bound) http.HandlerFunc {
	return d.within(newBound(admission.For(api.KindWatching)), func(w http.ResponseWriter, r *http.Request) {
		watches, err := liveRequest(r)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		who := credentialOf(r)
		d.push(w, r, func(ctx context.Context, s *sender) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			var all sync.WaitGroup
			for i, request := range watches {
				all.Go(func() { cancel(watchOne(ctx, service, watching, who, request, watcher{s, fmt.Sprint(i, ".")})) })
			}
			all.Go(func() { cancel(service.WatchStatus(ctx, listener{s})) })
			all.Wait()
			return context.Cause(ctx)
		})
	})
}

// watchOne serves one watch of a connection that others use, too: a request that is
// refused does not end it. It returns when ctx ends, or with what ends the connection.
func watchOne(ctx context.Context, service *supervisor.Service, watching *bound, who credential, request api.EventsRequest, to watcher) error {
	a, err := watching.enter(who)
	if err == nil {
		defer a.leave()
		if _, err = request.Types(); err == nil {
			return service.Watch(ctx, request, to)
		}
	}
	if err := to.sendJSON(to.prefix+"refused", api.ErrorReply{Error: api.FromError(err)}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func liveRequest(r *http.Request) ([]api.EventsRequest, error) {
	fields, err := queryFields(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	body, err := withPath(r, fields, nil)
	if err != nil {
		return nil, err
	}
	request, err := api.Decode[api.LiveRequest](body)
	if err != nil {
		return nil, err
	}
	return request.Watches()
}

// watcher sends the events of the event stream. The prefix of their names tells the
// watches of a connection apart; it is "" where there is only one.
type watcher struct {
	*sender
	prefix string
}

// Event sends an envelope. JSON without white space between its tokens has no line
// breaks, and with line breaks it could be taken for several events.
func (w watcher) Event(e eventstream.Stored) error {
	data := jsontext.Value(e.Data).Clone()
	if !data.IsValid() {
		return nil // another program's message, which is not an event
	}
	if err := data.Compact(); err != nil {
		return err
	}
	name := ""
	if w.prefix != "" {
		name = w.prefix + "message"
	}
	return w.send(fmt.Sprint(e.Seq), name, data)
}

func (w watcher) Gap(g api.Gap) error           { return w.sendJSON(w.prefix+"gap", g) }
func (w watcher) State(s api.StreamState) error { return w.sendJSON(w.prefix+s.State, s) }
func (w watcher) Idle() error                   { return w.idle() }

// listener sends the status.
type listener struct{ *sender }

func (l listener) Status(s api.Status) error { return l.sendJSON("status", s) }
func (l listener) Unavailable(e *api.Error) error {
	return l.sendJSON("unavailable", api.ErrorReply{Error: e})
}

// Idle sends an event, because a browser's scripts do not see comments.
func (l listener) Idle() error { return l.send("", "idle", []byte("{}")) }
