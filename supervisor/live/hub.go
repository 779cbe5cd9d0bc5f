package live

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// hub reads the event stream for all watchers, and only while there are any.
type hub struct {
	stream Stream
	filter []string // event types, nil for all

	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
	position    uint64             // of the last event read
	known       bool               // whether position is known
	moved       chan struct{}      // closed when the hub begins to read, or is refused what it reads with
	refused     string             // why the broker refuses it; see eventstream.Follower
	wanted      wakeup.Signal      // has a value while the hub must begin to read
	rest        context.CancelFunc // called when the last watcher leaves; nil while the hub rests
}

// subscriber is one watcher's queue of a hub's events. The queue is bounded: a watcher
// that does not take its events in time is disconnected, and nobody waits for it.
type subscriber struct {
	wants   func(*eventstream.Stored) bool
	queue   chan eventstream.Stored
	live    atomic.Bool   // set under the hub's mutex
	overrun chan struct{} // closed when the queue was full
}

func newSubscriber(wants func(*eventstream.Stored) bool) *subscriber {
	return &subscriber{wants: wants, queue: make(chan eventstream.Stored, watchQueue), overrun: make(chan struct{})}
}

func newHub(stream Stream, filter []string) *hub {
	return &hub{stream: stream, filter: filter, subscribers: map[*subscriber]struct{}{}, moved: make(chan struct{}), wanted: wakeup.New()}
}

// changeTypes are the types of events that report changes. They have a hub of their
// own, because telemetry reports every request: a client that watches missions should
// not make the supervisor read an event for each status request.
var changeTypes = []string{"mission.>", "agent.>", "supervisor.alert_raised", "supervisor.alert_resolved"}

// hubFor returns the hub that has the events of these types.
func (e *Events) hubFor(types []string) *hub {
	isChange := func(t string) bool {
		return slices.ContainsFunc(changeTypes, func(change string) bool { return api.MatchesType(change, t) })
	}
	if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return !isChange(t) }) {
		return e.changes
	}
	return e.everything
}

// subscribe adds a subscriber, which receives nothing until open.
func (f *hub) subscribe(t *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[t] = struct{}{}
	if len(f.subscribers) == 1 {
		f.wanted.Send()
	}
}

func (f *hub) unsubscribe(t *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subscribers, t)
	if len(f.subscribers) == 0 && f.rest != nil {
		f.rest()
		f.rest = nil
	}
}

// open makes a subscriber receive every event behind the position that it returns.
func (f *hub) open(t *subscriber) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.live.Store(true)
	return f.position
}

// pause undoes open, for a subscriber that has taken nothing since.
func (f *hub) pause(t *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.live.Store(false)
	for len(t.queue) > 0 {
		<-t.queue
	}
}

// at returns the position of the hub, and whether it is known yet.
func (f *hub) at() (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.position, f.known
}

// whenMoved returns a channel that is closed when the hub begins to read, or when that is
// refused.
func (f *hub) whenMoved() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

// run reads while there are subscribers, until ctx ends.
func (f *hub) run(ctx context.Context) {
	for {
		select {
		case <-f.wanted:
		case <-ctx.Done():
			return
		}
		f.follow(ctx)
	}
}

// wake stores the function that makes the hub rest again. It returns false if the hub
// need not wake any more.
func (f *hub) wake(rest context.CancelFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.subscribers) == 0 {
		return false
	}
	f.rest = rest
	return true
}

func (f *hub) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !f.wake(cancel) {
		return
	}
	// Follow returns when ctx ends, or with the stream, after which nothing comes.
	_ = f.stream.Follow(ctx, eventstream.Follower{Filter: f.filter, Begin: f.begin, Event: f.publish, Refused: f.refuse})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known, f.refused = false, ""
	for t := range f.subscribers { // those that came while it ended
		t.live.Store(false)
	}
}

func (f *hub) begin(after uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position, f.known = after, true
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *hub) refuse(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused == reason {
		return
	}
	f.refused = reason
	close(f.moved)
	f.moved = make(chan struct{})
}

// refusal returns why the broker refuses what the hub reads with, or "".
func (f *hub) refusal() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

func (f *hub) publish(e eventstream.Stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = e.Seq
	for t := range f.subscribers {
		if !t.live.Load() || !t.wants(&e) {
			continue
		}
		select {
		case t.queue <- e:
		default:
			close(t.overrun)
			delete(f.subscribers, t)
		}
	}
}
