package sqlitestore

import (
	"slices"
	"sync"

	"missioncontrol/missions"
)

// Bounds of what is kept in memory.
const (
	recentEvents = 8192
	recentBytes  = 8 << 20
)

// recent are the newest events of the outbox, for a reader that is close behind: it need
// not read again what has just been written. Nobody else writes to the store's file.
type recent struct {
	mu     sync.Mutex
	events []missions.Event // without a gap, up to the newest
	bytes  int
}

// add appends the events of a commit.
func (r *recent) add(events []missions.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	for i := range events {
		r.bytes += sizeOf(&events[i])
	}
	r.drop(len(r.events) - recentEvents)
	for r.bytes > recentBytes {
		r.drop(1)
	}
}

// sizeOf estimates the memory of an event.
func sizeOf(e *missions.Event) int {
	return 512 + len(e.Name) + len(e.Description) + len(e.Reason) + len(e.Message)
}

// forget drops the events up to a position.
func (r *recent) forget(upTo int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) > 0 && r.events[0].Seq <= upTo {
		r.drop(int(upTo - r.events[0].Seq + 1))
	}
}

// drop takes out the oldest n events, or all there are.
func (r *recent) drop(n int) {
	n = min(max(n, 0), len(r.events))
	for i := range n {
		r.bytes -= sizeOf(&r.events[i])
	}
	clear(r.events[:n]) // what lies before the slice would be kept alive
	r.events = r.events[n:]
}

// after returns the events behind a position, at most so many, and whether they are all
// here that are not forgotten.
func (r *recent) after(position int64, limit int) (events []missions.Event, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == 0 || r.events[0].Seq > position+1 {
		return nil, false
	}
	from := min(int(position+1-r.events[0].Seq), len(r.events))
	return slices.Clone(r.events[from:min(from+limit, len(r.events))]), true
}
