package supervisor

import (
	"context"
	"missioncontrol/supervisor/dispatch"
	"missioncontrol/wakeup"
	"sync"
	"time"
)

// dueBatch is how many items one step of the reaper handles at most.
const dueBatch = 500

// runReaper handles what has become due. It sleeps until the earliest planned time, or
// until it learns of an earlier one.
func (s *Service) runReaper(ctx context.Context) {
	for {
		next := s.reap(ctx)
		if !s.reaper.sleep(ctx, next) {
			return
		}
	}
}

// reap handles what is due and returns when to look again.
func (s *Service) reap(ctx context.Context) time.Time {
	for {
		result, err := s.cfg.Store.Due(ctx, dueBatch)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("cannot process scheduled work; trying again", "error", err)
			}
			return time.Now().Add(s.cfg.lookAgain)
		}
		for _, stopped := range result.Stop {
			s.stop(stopped.AgentID, stopped.MissionID)
			// A parked claim outlives the agent that sent it. An agent that is alive
			// claims again.
			s.endClaims(stopped.AgentID)
		}
		for _, agentID := range result.Offline {
			s.log.Warn("an agent is offline", "agent", agentID)
			s.endClaims(agentID)
		}
		for _, kind := range result.Ready {
			s.ready(kind, dispatch.AnyNumber)
		}
		if len(result.Stop)+len(result.Offline)+len(result.Ready) > 0 || result.Scheduled || result.More {
			s.relay.Poke()
		}
		if result.More {
			continue
		}
		wait := s.cfg.lookAgain // what another supervisor has planned is found then
		if result.NextDue != 0 {
			wait = min(wait, max(result.NextDue.Sub(result.StoreNow), time.Millisecond))
		}
		return time.Now().Add(wait)
	}
}

// runDueNow has the reaper look whenever the store has something to do at once, such as
// missions whose wait has ended.
func (s *Service) runDueNow(ctx context.Context) {
	for {
		select {
		case <-s.cfg.Store.DueNow():
			s.reaper.noLaterThan(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// runRetention deletes terminal missions after their retention.
func (s *Service) runRetention(ctx context.Context) {
	const batch = 200
	every := max(min(s.cfg.Retention/10, time.Minute), time.Second)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		deleted, err := s.cfg.Store.Retain(ctx, s.cfg.Retention, batch)
		if err != nil && ctx.Err() == nil {
			s.log.Error("cannot delete old missions; trying again", "error", err)
		}
		if err == nil && deleted == batch {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// timer can be set to an earlier time, never a later one, while a goroutine sleeps on
// it.
type timer struct {
	earlier wakeup.Signal

	mu sync.Mutex
	at time.Time // zero: not set
}

func newAlarm() *timer { return &timer{earlier: wakeup.New()} }

// noLaterThan makes the timer fire at t at the latest.
func (a *timer) noLaterThan(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !t.Before(a.at) {
		return
	}
	a.at = t
	a.earlier.Send()
}

// sleep returns true at t, or at an earlier time set with noLaterThan, and false once
// ctx has ended.
func (a *timer) sleep(ctx context.Context, t time.Time) bool {
	a.noLaterThan(t)
	for {
		timer := time.NewTimer(time.Until(a.set()))
		select {
		case <-timer.C:
			a.reset()
			return true
		case <-a.earlier:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

func (a *timer) set() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

func (a *timer) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
}
