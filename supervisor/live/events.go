// Package live sends watchers what happens: the events of the stream, from which all
// watchers share one reader, and the status.
package live

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Stream is what watchers need from the event stream. *eventstream.Stream
// implements it.
type Stream interface {
	Status() eventstream.Status
	Changed() <-chan struct{}
	Follow(ctx context.Context, f eventstream.Follower) error
	Read(ctx context.Context, filter []string, within eventstream.Range, handle func(eventstream.Stored) error) error
}

// Events sends the events of a stream to any number of watchers. Its methods may be
// called concurrently.
type Events struct {
	stream              Stream
	log                 *slog.Logger
	changes, everything *hub // see hubFor
}

// NewEvents returns what sends events once it runs.
func NewEvents(stream Stream, log *slog.Logger) *Events {
	return &Events{stream: stream, log: log, changes: newHub(stream, changeTypes), everything: newHub(stream, nil)}
}

// Run reads the stream while anybody watches, until ctx ends. It is called once.
func (e *Events) Run(ctx context.Context) {
	var hubs sync.WaitGroup
	hubs.Go(func() { e.changes.run(ctx) })
	hubs.Go(func() { e.everything.run(ctx) })
	hubs.Wait()
}

// Watcher receives events from [Events.Watch], on one goroutine. An error of a method
// ends the watch.
type Watcher interface {
	// Event is called for each event that matches, in the order of the stream.
	Event(eventstream.Stored) error
	// Gap is called before the first event if some events were left out.
	Gap(api.Gap) error
	// State is called at the start and whenever the state changes. Every event that is
	// stored after the first call with a connected stream arrives. While the stream is
	// degraded, or the broker refuses what events are read with, no events arrive. Events
	// that it has stored follow later.
	State(api.StreamState) error
	// Idle is called when nothing has been sent for a while.
	Idle() error
}

const (
	watchQueue   = 256              // events that may wait for a watcher before it is disconnected
	watchIdle    = 15 * time.Second // see Watcher.Idle
	watchRetry   = time.Second      // between attempts to read the past that the broker refuses
	watchBacklog = 10_000           // most past events that are sent
	watchNear    = watchQueue / 4   // how far behind a watcher may be to receive live events
)

// errSlow ends the watch of a watcher that does not keep up. It may continue behind the
// last event that it received.
var errSlow = &api.Error{Code: missions.CodeOverloaded, Message: "the client reads events too slowly"}

// Watch sends events to a watcher until ctx ends, the watcher returns an error, or it
// does not keep up, which is an [api.ErrOverloaded]. It needs no broker: while there is
// none, it says so and waits. All watchers share one reader of the stream.
func (e *Events) Watch(ctx context.Context, request api.EventsRequest, to Watcher) error {
	types, err := request.Types()
	if err != nil {
		return err
	}
	w := &eventWatch{stream: e.stream, log: e.log, to: to, request: request, hub: e.hubFor(types)}
	w.subscriber = newSubscriber(func(e *eventstream.Stored) bool { return matches(e, types, &request) })
	w.types, w.cursor, w.placed = types, uint64(request.After), request.After != 0
	w.hub.subscribe(w.subscriber)
	defer w.hub.unsubscribe(w.subscriber)
	return w.run(ctx)
}

// matches reports whether a request wants an event.
func matches(e *eventstream.Stored, types []string, request *api.EventsRequest) bool {
	wanted := len(types) == 0
	for _, t := range types {
		wanted = wanted || api.MatchesType(t, e.Type)
	}
	if !wanted || request.MissionID == "" && request.AgentID == "" {
		return wanted
	}
	var about struct {
		Payload struct {
			MissionID string `json:"mission_id"`
			AgentID   string `json:"agent_id"`
		} `json:"payload"`
	}
	if json.Unmarshal(e.Data, &about) != nil {
		return false
	}
	return (request.MissionID == "" || request.MissionID == about.Payload.MissionID) &&
		(request.AgentID == "" || request.AgentID == about.Payload.AgentID)
}

// eventWatch is one call of [Events.Watch].
type eventWatch struct {
	stream     Stream
	log        *slog.Logger
	to         Watcher
	request    api.EventsRequest
	types      []string
	hub        *hub
	subscriber *subscriber

	cursor    uint64 // the next event to send is behind it
	placed    bool   // whether the cursor is set
	refused   string // why the past cannot be read
	sentState api.StreamState
}

func (w *eventWatch) run(ctx context.Context) error {
	idle := time.NewTicker(watchIdle)
	defer idle.Stop()
	for {
		changed, moved := w.stream.Changed(), w.hub.whenMoved()
		if err := w.sendState(); err != nil {
			return err
		}
		if !w.subscriber.live.Load() && w.stream.Status().State == eventstream.Connected {
			if err := w.catchUp(ctx); err != nil {
				return err
			}
			if err := w.sendState(); err != nil {
				return err
			}
		}
		var retry <-chan time.Time
		if w.refused != "" {
			retry = time.After(watchRetry)
		}
		select {
		case <-retry:
		case e := <-w.subscriber.queue:
			if err := w.send(e); err != nil {
				return err
			}
		case <-w.subscriber.overrun:
			return errSlow
		case <-changed:
		case <-moved:
		case <-idle.C:
			if err := w.to.Idle(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *eventWatch) send(e eventstream.Stored) error {
	w.cursor = e.Seq
	return w.to.Event(e)
}

func (w *eventWatch) sendState() error {
	status := w.stream.Status()
	now := api.StreamState{State: string(status.State), Reason: status.Reason}
	if refused := cmp.Or(w.hub.refusal(), w.refused); status.State == eventstream.Connected && refused != "" {
		now = api.StreamState{State: string(eventstream.Degraded), Reason: refused}
	}
	if now == w.sentState {
		return nil
	}
	if now.State == string(eventstream.Connected) && !w.placed {
		position, known := w.hub.at()
		if !known {
			return nil // until the hub has moved: an event stored now would be missed
		}
		if err := w.place(position); err != nil {
			return err
		}
	}
	w.sentState = now
	return w.to.State(now)
}

// catchUp sends the events that were stored before now, and then switches the watcher
// to live events. If the broker goes away meanwhile, that is no error: the watch
// continues when the broker is back.
func (w *eventWatch) catchUp(ctx context.Context) error {
	for len(w.subscriber.queue) > 0 { // from before the hub last ended
		if err := w.send(<-w.subscriber.queue); err != nil {
			return err
		}
	}
	for {
		position, known := w.hub.at()
		if !known {
			return nil
		}
		if err := w.place(position); err != nil {
			return err
		}
		near := position-w.cursor <= watchNear
		if near {
			position = w.hub.open(w.subscriber)
		}
		if err := w.read(ctx, position); err != nil {
			var theirs watchersError
			if errors.As(err, &theirs) {
				return theirs.error
			}
			w.hub.pause(w.subscriber)
			if refused, ok := errors.AsType[*eventstream.RefusedConsumer](err); ok {
				w.refused = refused.Error()
			}
			w.log.Debug("cannot send past events to a watcher yet", "error", err)
			return nil
		}
		w.refused = ""
		if near {
			return nil
		}
	}
}

// place sets the cursor to where the request asks for, the first time, and not too far
// back.
func (w *eventWatch) place(position uint64) error {
	first := !w.placed
	w.placed = true
	switch {
	case first && w.request.Since == 0:
		w.cursor = position
	case first || w.cursor > position: // or of a stream that no longer exists
		w.cursor = position - min(position, watchBacklog)
	case position-w.cursor > watchBacklog:
		missed := position - w.cursor - watchBacklog
		w.cursor = position - watchBacklog
		return w.to.Gap(api.Gap{Missed: missed})
	}
	return nil
}

// read sends the events behind the cursor, up to a position.
func (w *eventWatch) read(ctx context.Context, position uint64) error {
	within := eventstream.Range{After: w.cursor, Since: w.request.Since.Time(), Until: position}
	err := w.stream.Read(ctx, w.types, within, func(e eventstream.Stored) error {
		w.cursor = e.Seq
		if !w.subscriber.wants(&e) {
			return nil
		}
		if err := w.to.Event(e); err != nil {
			return watchersError{err}
		}
		return nil
	})
	if err == nil {
		w.cursor = max(w.cursor, position)
	}
	return err
}

// watchersError is an error of a watcher, not of the stream.
type watchersError struct{ error }
