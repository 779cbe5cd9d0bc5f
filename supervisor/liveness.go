package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/dispatch"
	"missioncontrol/wakeup"
)

// Connections reports the agents' connections to the broker. All methods may be called
// concurrently.
type Connections interface {
	// Run watches connections until ctx ends. It calls ended with the agent each time a
	// connection named after the agent ends. It is called once.
	Run(ctx context.Context, ended func(agentID string))

	// Connected returns how many connections the agents have now. After an error, that
	// is not known.
	Connected(ctx context.Context, agents []string) (map[string]int, error)

	// Watching returns nil while the ends of all connections are seen, and otherwise
	// why not: [ErrStarting] until the first attempt to watch is over.
	Watching() error
}

// ErrStarting means that it is not known yet whether connections can be watched.
var ErrStarting = errors.New(api.Starting)

// liveness takes agents offline whose connection has ended, to the broker or to this
// supervisor itself, and that have not come back within the grace period.
//
// An advisory is a hint. It may be lost or arrive twice. It may be about one of several
// connections of an agent, or about another client that uses an agent's name. So
// liveness decides when the grace period is over, by two questions:
//
//   - Does the agent have a connection now? All brokers are asked. If one of them does not
//     answer, nothing happens, and liveness asks again later. What is connected to another
//     supervisor is not asked for: such an agent sends a heartbeat when it has connected.
//   - Was anything received from the agent since its connection ended? The store knows, in
//     the step that would take its missions back.
//
// One yes is enough: the agent is alive. What liveness misses, because an advisory was
// lost or no supervisor received it, is noticed when the lease ends, as without
// advisories. Every supervisor does this independently, since the step does nothing the
// second time.
type liveness struct {
	connections Connections // nil if they are not known
	connected   *connectedAgents
	grace       time.Duration
	giveUp      time.Duration // by then the lease has ended anyway
	take        func(ctx context.Context, agentID string, since missions.Time) error
	now         func(context.Context) (missions.Time, error) // the store's clock
	log         *slog.Logger
	wake        wakeup.Signal

	mu         sync.Mutex
	candidates map[string]candidate
	failing    bool // whether the last request failed; owned by run
}

// candidate is an agent whose connection has ended.
type candidate struct {
	ended time.Time
	next  time.Time // when to decide
}

const (
	// onItsWay is the part of the grace period in which messages that arrive from an
	// agent count as sent before its connection ended: the end may overtake a request.
	onItsWay = 5

	livenessTimeout = 5 * time.Second // for both answers
)

func newLiveness(cfg *Config, connected *connectedAgents, take func(context.Context, string, missions.Time) error) *liveness {
	return &liveness{
		connections: cfg.Connections, connected: connected, grace: cfg.Grace, giveUp: cfg.Lease, take: take, now: cfg.Store.Now,
		log: cfg.Logger, wake: wakeup.New(), candidates: map[string]candidate{},
	}
}

// ended records that a connection of an agent has ended.
func (d *liveness) ended(agentID string) {
	now := time.Now()
	d.mu.Lock()
	d.candidates[agentID] = candidate{ended: now, next: now.Add(d.grace)}
	d.mu.Unlock()
	d.wake.Send()
}

// run decides about candidates, each at its time, until ctx ends.
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

// due returns the candidates whose time has come, or how long to wait for the next one.
// They remain candidates until they are cleared, so that liveness can ask again.
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

// clear removes a candidate, unless there is a newer one for the agent.
func (d *liveness) clear(agentID string, s candidate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.candidates[agentID].ended.Equal(s.ended) {
		delete(d.candidates, agentID)
	}
}

// decide checks which candidates are alive, and takes the others offline.
func (d *liveness) decide(ctx context.Context, due map[string]candidate) {
	ctx, cancel := context.WithTimeout(ctx, livenessTimeout)
	defer cancel()
	connected, err := d.connectedNow(ctx, due)
	if err != nil {
		d.unanswered("the brokers do not report who is connected", err)
		return
	}
	// The clock is read after the store's time, so that the time computed from it is
	// never later than the end of the connection.
	clock, err := d.now(ctx)
	asked := time.Now()
	if err != nil {
		d.unanswered("the store does not report the time", err)
		return
	}
	d.failing = false
	for agentID, s := range due {
		if connected[agentID] == 0 {
			since := clock.Add(-asked.Sub(s.ended) + d.grace/onItsWay)
			if err := d.take(ctx, agentID, since); err != nil && !errors.Is(err, missions.ErrNotFound) {
				d.unanswered("the store did not mark it offline", err)
				continue
			}
		}
		d.clear(agentID, s)
	}
}

// connectedNow returns how many connections the candidates have.
func (d *liveness) connectedNow(ctx context.Context, due map[string]candidate) (map[string]int, error) {
	connected := make(map[string]int, len(due))
	var elsewhere []string // those that may be connected to the broker
	for agentID := range due {
		if connected[agentID] = d.connected.count(agentID); connected[agentID] == 0 {
			elsewhere = append(elsewhere, agentID)
		}
	}
	if d.connections == nil || len(elsewhere) == 0 {
		return connected, nil
	}
	toBroker, err := d.connections.Connected(ctx, elsewhere)
	for agentID, n := range toBroker {
		connected[agentID] += n
	}
	return connected, err
}

func (d *liveness) unanswered(what string, err error) {
	if !d.failing && !errors.Is(err, context.Canceled) {
		d.log.Warn("an agent's connection ended, and it is not clear yet whether the agent is alive", "because", what, "error", err)
	}
	d.failing = true
}

// connectionEnded is the reason given when an agent that did not come back goes
// offline.
const connectionEnded = "its connection ended"

// markLost takes an agent offline that has sent nothing since the given time, and gives
// its missions to other agents.
func (s *Service) markLost(ctx context.Context, agentID string, since missions.Time) error {
	result, err := s.cfg.Store.Lost(ctx, agentID, connectionEnded, since)
	if err != nil || !result.Gone && len(result.Stop) == 0 {
		return err
	}
	s.log.Warn("an agent is offline", "agent", agentID, "reason", connectionEnded, "missions", len(result.Stop))
	s.endClaims(agentID)
	for _, stopped := range result.Stop {
		s.stop(stopped.AgentID, stopped.MissionID)
	}
	for _, kind := range result.Ready {
		s.ready(kind, dispatch.AnyNumber)
	}
	s.outboxGrew()
	return nil
}
