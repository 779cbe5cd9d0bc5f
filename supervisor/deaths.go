package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/missions"
)

// Connections tells of the agents' connections to the broker. All methods may be
// called concurrently.
type Connections interface {
	// Run watches connections until ctx ends, and calls ended with the agent each time
	// that a connection named after one has ended. It is called once.
	Run(ctx context.Context, ended func(agentID string))

	// Connected returns which of the agents have a connection now. After an error
	// that is not known.
	Connected(ctx context.Context, agents []string) (map[string]bool, error)

	// Watching returns nil while no end of a connection is missed, and otherwise why.
	Watching() error
}

// deaths has agents taken offline whose connection has ended, and who have not come
// back within the grace time.
//
// An advisory is a hint. It may be lost, come twice, or tell of one of several
// connections of an agent, or of a stranger's that took an agent's name. What is done
// about it is therefore decided when the grace time is over, by two questions:
//
//   - Has the agent a connection now? The brokers are asked, all of them; if one of
//     them does not answer, nothing is done, and asked again later.
//   - Was anything heard of it since its connection ended? The store knows, in the
//     very step that would take its missions back.
//
// One yes is enough for the agent to live. What is missed, with a lost advisory or
// because nobody was there to hear it, is noticed when the lease ends, as without
// advisories. Every supervisor does this for itself, since the step does nothing the
// second time.
type liveness struct {
	connections Connections
	grace       time.Duration
	giveUp      time.Duration // after so long the lease has ended anyway
	take        func(ctx context.Context, agentID string, since missions.Time) error
	now         func(context.Context) (missions.Time, error) // the store's clock
	log         *slog.Logger
	wake        chan struct{}

	mu         sync.Mutex
	candidates map[string]candidate
	failing    bool // whether the last question had no answer; owned by run
}

// suspect is an agent whose connection has ended.
type candidate struct {
	ended time.Time
	next  time.Time // when to decide
}

const (
	// onItsWay is the part of the grace time in which what is heard of an agent was
	// sent before its end: a request that its death has overtaken.
	onItsWay = 5

	livenessTimeout = 5 * time.Second // for the answers to both questions
)

func newLiveness(cfg *Config, take func(context.Context, string, missions.Time) error) *liveness {
	return &liveness{
		connections: cfg.Connections, grace: cfg.Grace, giveUp: cfg.Lease, take: take, now: cfg.Store.Now,
		log: cfg.Logger, wake: make(chan struct{}, 1), candidates: map[string]candidate{},
	}
}

// ended notes that a connection of an agent has ended.
func (d *liveness) ended(agentID string) {
	now := time.Now()
	d.mu.Lock()
	d.candidates[agentID] = candidate{ended: now, next: now.Add(d.grace)}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run decides about suspects, each at its time, until ctx ends.
func (d *liveness) run(ctx context.Context) {
	for {
		due, wait := d.due(time.Now())
		if len(due) > 0 {
			d.decide(ctx, due)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// due returns the suspects whose time has come, or how long to wait for the next.
// They stay suspects until they are cleared, to be asked about again.
func (d *liveness) due(now time.Time) (due map[string]candidate, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	due, wait = map[string]candidate{}, time.Hour
	for agentID, s := range d.candidates {
		switch {
		case now.Sub(s.ended) > max(d.giveUp, 2*d.grace):
			delete(d.candidates, agentID)
		case !now.Before(s.next):
			due[agentID] = s
			s.next = now.Add(d.grace)
			d.candidates[agentID] = s
		default:
			wait = min(wait, s.next.Sub(now))
		}
	}
	return due, wait
}

// clear drops a suspicion, unless there is a newer one.
func (d *liveness) clear(agentID string, s candidate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.candidates[agentID].ended.Equal(s.ended) {
		delete(d.candidates, agentID)
	}
}

// decide asks who of the suspects lives, and takes the others offline.
func (d *liveness) decide(ctx context.Context, due map[string]candidate) {
	ctx, cancel := context.WithTimeout(ctx, livenessTimeout)
	defer cancel()
	agents := make([]string, 0, len(due))
	for agentID := range due {
		agents = append(agents, agentID)
	}
	connected, err := d.connections.Connected(ctx, agents)
	if err != nil {
		d.unanswered("the brokers do not say who is connected", err)
		return
	}
	// Read after the time was taken, so that what is reckoned back from it is never
	// later than the end of the connection.
	clock, err := d.now(ctx)
	asked := time.Now()
	if err != nil {
		d.unanswered("the store does not tell the time", err)
		return
	}
	d.failing = false
	for agentID, s := range due {
		if !connected[agentID] {
			since := clock.Add(-asked.Sub(s.ended) + d.grace/onItsWay)
			if err := d.take(ctx, agentID, since); err != nil && !errors.Is(err, missions.ErrNotFound) {
				d.unanswered("the store did not take it offline", err)
				continue
			}
		}
		d.clear(agentID, s)
	}
}

func (d *liveness) unanswered(what string, err error) {
	if !d.failing && !errors.Is(err, context.Canceled) {
		d.log.Warn("an agent's connection has ended, and it cannot be decided yet whether it lives", "because", what, "error", err)
	}
	d.failing = true
}

// connectionEnded is why an agent is offline that did not come back.
const connectionEnded = "its connection ended"

// bury takes an agent offline that has not been heard of since a time, and gives its
// missions to others.
func (s *Service) markLost(ctx context.Context, agentID string, since missions.Time) error {
	result, err := s.cfg.Store.Lost(ctx, agentID, connectionEnded, since)
	if err != nil || !result.Gone && len(result.Stop) == 0 {
		return err
	}
	s.log.Warn("an agent is gone", "agent", agentID, "reason", connectionEnded, "missions", len(result.Stop))
	s.endClaims(agentID)
	for _, stopped := range result.Stop {
		s.stop(stopped.AgentID, stopped.MissionID)
	}
	for _, kind := range result.Ready {
		s.ready(kind, anyNumber)
	}
	s.outboxGrew()
	return nil
}
