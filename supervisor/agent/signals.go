package agent

import (
	"context"
	"slices"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// inbox is the signals of a task. Nothing is fetched until somebody listens.
type inbox struct {
	mu      sync.Mutex
	channel chan missions.Signal // nil until somebody listens
	arrived wakeup.Signal        // likewise
	told    int                  // the number of the last one that the supervisor has told of
	fetched int                  // of the last one that is in the channel's queue
	taken   int                  // of the last one that was taken from the channel
	acked   int                  // of the last one that the supervisor knows to be taken
}

// Signals returns a channel of the signals to the mission, in order: first those that it
// was claimed with, which no agent has seen yet, then those that arrive while the handler
// runs. What is taken from the channel is reported as seen, which happens at once. The
// channel is closed when the handler's context ends, when the handler has returned, or if the
// signals cannot be read, which is logged. It is always the same channel.
func (t *Task) Signals() <-chan missions.Signal {
	b := &t.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.channel != nil {
		return b.channel
	}
	b.channel, b.arrived = make(chan missions.Signal), wakeup.New()
	queue := t.carried()
	if b.told > b.fetched {
		b.arrived.Send()
	}
	if !t.help(func(ctx context.Context) { t.deliver(ctx, queue) }) {
		close(b.channel)
	}
	return b.channel
}

// carried returns the signals that the mission was claimed with. If the claim had no room for
// all their data, they are fetched instead. inbox.mu is held.
func (t *Task) carried() []missions.Signal {
	if len(t.Mission.Signals) == 0 {
		return nil
	}
	all := t.Mission.Signals
	if t.trimmed("signals") || slices.ContainsFunc(all, func(s missions.Signal) bool { return s.Elsewhere }) {
		t.inbox.fetched = all[0].Seq - 1
		t.inbox.told = max(t.inbox.told, all[len(all)-1].Seq)
		return nil
	}
	t.inbox.fetched = all[len(all)-1].Seq
	return all
}

// deliver puts signals into the channel until ctx ends.
func (t *Task) deliver(ctx context.Context, queue []missions.Signal) {
	defer close(t.inbox.channel)
	for {
		for _, signal := range queue {
			select {
			case t.inbox.channel <- signal:
				t.took(signal.Seq)
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-t.inbox.arrived:
		case <-ctx.Done():
			return
		}
		var err error
		if queue, err = t.fetchSignals(ctx); err != nil {
			if ctx.Err() == nil {
				t.runner.log.Warn("cannot read the signals to a mission", "mission", t.Mission.ID, "error", err)
			}
			return
		}
	}
}

// fetchSignals returns the next signals that no agent has seen.
func (t *Task) fetchSignals(ctx context.Context) ([]missions.Signal, error) {
	t.inbox.mu.Lock()
	request := api.SignalsRequest{LeaseRef: t.lease(), After: t.inbox.fetched}
	t.inbox.mu.Unlock()
	var page api.Signals
	if err := t.insist(ctx, func() (err error) {
		page, err = t.runner.requests.Signals(ctx, request)
		return err
	}); err != nil {
		return nil, err
	}
	if n := len(page.Signals); n > 0 {
		t.inbox.mu.Lock()
		t.inbox.fetched = page.Signals[n-1].Seq
		t.inbox.mu.Unlock()
	}
	if page.More {
		t.inbox.arrived.Send()
	}
	return slices.DeleteFunc(page.Signals, func(s missions.Signal) bool { return s.SeenAt != 0 }), nil
}

// signalled notes that the mission has signals up to a number.
func (t *Task) signalled(seq int) {
	b := &t.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told = max(b.told, seq); b.told > b.fetched {
		b.arrived.Send()
	}
}

// took has the next heartbeat, which is sent at once, report what was taken.
func (t *Task) took(seq int) {
	t.inbox.mu.Lock()
	t.inbox.taken = seq
	t.inbox.mu.Unlock()
	t.runner.beatNow.Send()
}

// seen returns what a heartbeat has to report as seen, 0 if nothing.
func (b *inbox) seen() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken == b.acked {
		return 0
	}
	return b.taken
}

// acknowledged notes that a heartbeat has reported what was taken, up to a number.
func (b *inbox) acknowledged(seq int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked = max(b.acked, seq)
}

// acknowledge reports what was taken, unless that was done: once the mission is no longer
// this agent's, nobody can. If it must be known, because the mission is going to wait for
// signals that come after those, acknowledge tries until the lease ends.
func (t *Task) acknowledge(must bool) {
	if t.inbox.seen() == 0 {
		return
	}
	ctx, cancel := t.whileLeased()
	defer cancel()
	for t.inbox.seen() > 0 && t.lost() == nil {
		t.runner.beatOnce(ctx)
		if !must || t.inbox.seen() > 0 && !sleep(ctx, pause/5) {
			return
		}
	}
}
