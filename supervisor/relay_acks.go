package supervisor

import (
	"context"
	"errors"
	"sync"

	"missioncontrol/missions"
)

// acknowledger has the outboxes note how far the stream has come, while the relay
// already sends what is next: nothing but the outbox's limit depends on it, and a store
// that is busy would otherwise set the pace at which events flow. What comes while it is
// at work is done together.
type acknowledger struct {
	outboxes []missions.Outbox

	mu   sync.Mutex
	next []int64       // by outbox: what is to be noted, 0 for no news; nil for nothing
	idle chan struct{} // closed when the work is done; nil while there is none
	err  error         // of what was done since the last call
}

// note takes positions, 0 for no news of an outbox, and returns the error of what was
// noted before.
func (a *acknowledger) note(ctx context.Context, positions []int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make([]int64, len(positions))
	}
	for i, p := range positions {
		a.next[i] = max(a.next[i], p)
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
		go a.work(ctx)
	}
	err := a.err
	a.err = nil
	return err
}

// work notes for as long as there is anything to note.
func (a *acknowledger) work(ctx context.Context) {
	for {
		a.mu.Lock()
		positions := a.next
		a.next = nil
		if positions == nil {
			close(a.idle)
			a.idle = nil
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		err := each(a.outboxes, positions, func(o missions.Outbox, upTo int64) error { return o.Acknowledge(ctx, upTo) })
		a.mu.Lock()
		a.err = errors.Join(a.err, err)
		a.mu.Unlock()
	}
}

// wait returns when everything has been noted, with the error of what was done since the
// last call.
func (a *acknowledger) wait() error {
	a.mu.Lock()
	idle := a.idle
	a.mu.Unlock()
	if idle != nil {
		<-idle
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.err
	a.err = nil
	return err
}
