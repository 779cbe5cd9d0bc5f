package agentcheck

import (
	"context"
	"sync"
	"time"
)

// tick is the interval of the pulse.
const tick = 50 * time.Millisecond

// pulse is a heart that beats in this process, beside the agent's. What it is late by, the
// machine is too slow for, and no agent is to blame.
type pulse struct {
	mu     sync.Mutex
	delays []delay
}

type delay struct {
	at time.Time
	by time.Duration
}

// beat measures until ctx ends.
func (p *pulse) beat(ctx context.Context) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for due := time.Now().Add(tick); ; due = time.Now().Add(tick) {
		timer.Reset(tick)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if late := time.Since(due); late > tick/2 {
			p.mu.Lock()
			p.delays = append(p.delays, delay{time.Now(), late})
			p.mu.Unlock()
		}
	}
}

// late returns the most that a beat has been late by since a time, 0 if none was by much.
func (p *pulse) late(since time.Time) (most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.delays {
		if d.at.After(since) {
			most = max(most, d.by)
		}
	}
	return most
}

// timer returns a channel that is closed when so much time has passed, by the beats of
// this process: a machine that is too busy to beat is given more. It ends with ctx.
func timer(ctx context.Context, d time.Duration) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for range d / tick {
			select {
			case <-ticker.C: // drops ticks that nobody takes
			case <-ctx.Done():
				return
			}
		}
		close(over)
	}()
	return over
}
