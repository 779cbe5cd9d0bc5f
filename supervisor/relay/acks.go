package relay

import (
	"context"
	"errors"
	"sync"

	"missioncontrol/missions"
)

// acknowledger records in the outboxes how far the stream has come, while the relay
// already sends the next events. Only the outbox's limit depends on this record, and a
// busy store would otherwise limit the rate at which events flow. Positions that arrive
// while it works are recorded together.
type acknowledger struct {
	outboxes []missions.Outbox

	mu   sync.Mutex
	next []int64       // by outbox: what to record, 0 for no change; nil for nothing
	mark string        // of the newest event up to there
	idle chan struct{} // closed when the work is done; nil while there is none
	err  error         // of the work since the last call
}

// note takes positions, 0 for no change to an outbox, and the place of the newest event up
// to there. It returns the error of the work before.
func (a *acknowledger) note(ctx context.Context, positions []int64, newest place) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make([]int64, len(positions))
	}
	for i, p := range positions {
		a.next[i] = max(a.next[i], p)
	}
	a.mark = newest.mark()
	if a.idle == nil {
		a.idle = make(chan struct{})
		go a.work(ctx)
	}
	err := a.err
	a.err = nil
	return err
}

// work records positions as long as there are any.
func (a *acknowledger) work(ctx context.Context) {
	for {
		a.mu.Lock()
		positions, mark := a.next, a.mark
		a.next = nil
		if positions == nil {
			close(a.idle)
			a.idle = nil
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		err := each(a.outboxes, positions, func(o missions.Outbox, upTo int64) error { return o.Acknowledge(ctx, upTo, mark) })
		a.mu.Lock()
		a.err = errors.Join(a.err, err)
		a.mu.Unlock()
	}
}

// wait returns when everything has been recorded, with the error of the work since the
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
