package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/wakeup"
)

// sharedIDs warns if two agents use one ID: they give up each other's missions. When an agent
// has registered, it asks the brokers how many connections are named after it. An agent has
// one; while it reconnects, its old one may be there for a moment.
type sharedIDs struct {
	connections Connections
	wait        time.Duration // after a registration
	log         *slog.Logger
	wake        wakeup.Signal
	told        map[string]time.Time // owned by run

	mu         sync.Mutex
	registered map[string]bool // since the brokers were last asked
}

// sharedIDTold is how often the same ID is reported, at most.
const sharedIDTold = time.Hour

func newSharedIDs(cfg *Config) *sharedIDs {
	return &sharedIDs{
		connections: cfg.Connections, wait: 2 * cfg.Grace, log: cfg.Logger, wake: wakeup.New(),
		registered: map[string]bool{}, told: map[string]time.Time{},
	}
}

// hasRegistered records that an agent has registered.
func (s *sharedIDs) hasRegistered(agentID string) {
	s.mu.Lock()
	s.registered[agentID] = true
	s.mu.Unlock()
	s.wake.Send()
}

// run asks about agents that have registered, until ctx ends.
func (s *sharedIDs) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(s.wait)
		select {
		case <-timer.C:
			s.look(ctx)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look asks the brokers once. Without an answer, nobody is told anything.
func (s *sharedIDs) look(ctx context.Context) {
	s.mu.Lock()
	agents := make([]string, 0, len(s.registered))
	for agentID := range s.registered {
		agents = append(agents, agentID)
	}
	clear(s.registered)
	s.mu.Unlock()
	connected, err := s.connections.Connected(ctx, agents)
	if err != nil {
		return
	}
	now := time.Now()
	for agentID, at := range s.told {
		if now.Sub(at) > sharedIDTold {
			delete(s.told, agentID)
		}
	}
	for agentID, n := range connected {
		if _, told := s.told[agentID]; n > 1 && !told {
			s.told[agentID] = now
			s.log.Warn("several connections are named after one agent; if several agents use its ID, they give up each other's missions: give each an ID of its own",
				"agent", agentID, "connections", n)
		}
	}
}
