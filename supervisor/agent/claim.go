package agent

import (
	"context"
	"errors"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// claimWait is how long one claim is parked, in seconds. A supervisor that is killed
// loses the claims parked there, and the agent is idle until it asks another
// supervisor. So it asks often. claimReplyTimeout is how much longer it waits for the
// answer, and for the answer to be read once it has arrived.
const (
	claimWait         = 5
	claimReplyTimeout = 3 * time.Second
	claimReadTimeout  = time.Second
)

// claim fills free slots with missions until ctx ends. Handlers have the values of values.
func (r *runner) claim(ctx, values context.Context) {
	for ctx.Err() == nil {
		free, ok := r.takeSlots(ctx)
		if !ok || !r.rest(ctx) {
			return
		}
		reply, err := r.claimOnce(ctx, free)
		for range free - len(reply.Missions) {
			<-r.slots
		}
		for i := range reply.Missions {
			r.start(values, &reply.Missions[i])
		}
		r.arrivals.end()
		if err != nil && !r.claimFailed(ctx, err) {
			return
		}
	}
}

// claimOnce sends one claim. It waits for the reply for as long as that may be arriving.
func (r *runner) claimOnce(ctx context.Context, free int) (api.Claimed, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait*time.Second+claimReplyTimeout+maxArriving+claimReadTimeout)
	defer cancel()
	r.arrivals.begin()
	late := make(chan struct{})
	timer := time.AfterFunc(claimWait*time.Second+claimReplyTimeout, func() {
		defer close(late)
		r.arrivals.wait(ctx)
		if sleep(ctx, claimReadTimeout) {
			cancel()
		}
	})
	reply, err := r.requests.Claim(ctx, api.ClaimRequest{Max: free, WaitSeconds: claimWait})
	if !timer.Stop() {
		cancel()
		<-late
	}
	return reply, err
}

// takeSlots waits for a free slot and takes all free slots.
func (r *runner) takeSlots(ctx context.Context) (int, bool) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, false
	}
	for n := 1; ; n++ {
		select {
		case r.slots <- struct{}{}:
		default:
			return n, true
		}
	}
}

// claimFailed waits before the next claim, and returns false if there will be none.
func (r *runner) claimFailed(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if errors.Is(err, api.ErrConflict) && r.isResting() {
		return true
	}
	if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
		r.log.Info("the supervisor no longer knows this agent; registering again")
		return r.register(ctx) == nil
	}
	r.trouble("cannot claim missions; trying again", err)
	return sleep(ctx, pause)
}

// start runs the handler for a claimed mission, in the slot taken for it. A handler
// that still works on the same mission has lost its lease: the new lease is newer.
func (r *runner) start(values context.Context, m *missions.Mission) {
	t := newTask(values, r, m)
	r.mu.Lock()
	if old := r.running[m.ID]; old != nil {
		old.end(ErrLeaseLost)
	}
	r.running[m.ID] = t
	r.mu.Unlock()
	r.handlers.Go(func() {
		defer func() { <-r.slots }()
		defer t.cancel(nil)
		t.work()
		r.mu.Lock()
		if r.running[m.ID] == t {
			delete(r.running, m.ID)
		}
		r.mu.Unlock()
	})
}
