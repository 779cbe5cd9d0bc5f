package leader

import (
	"context"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Identity implements [missions.Store].
func (s *Store) Identity() string { return s.cfg.Name }

// Outboxes implements [missions.Store].
func (s *Store) Outboxes() []missions.Outbox { return []missions.Outbox{outbox{s}} }

// outbox implements [missions.Outbox].
type outbox struct{ *Store }

// Pending implements [missions.Outbox].
func (o outbox) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	return read(ctx, o.Store, func() ([]missions.Event, error) { return o.backend.Pending(ctx, after, limit) })
}

// Acknowledge implements [missions.Outbox].
func (o outbox) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	return o.act(ctx, laneHouse, func(e *engine.Engine) error { return e.Acknowledge(upTo, mark) })
}

// Acknowledged implements [missions.Outbox].
func (o outbox) Acknowledged(ctx context.Context) (upTo int64, mark string, err error) {
	marks := &o.view.Load().marks
	return marks.Acknowledged, marks.Mark, o.usable(ctx)
}

// Forget implements [missions.Outbox].
func (o outbox) Forget(ctx context.Context, upTo int64) error {
	return o.act(ctx, laneHouse, func(e *engine.Engine) error { return e.Forget(upTo) })
}

// act runs a step that needs nothing and may be refused.
func (s *Store) act(ctx context.Context, l lane, apply func(*engine.Engine) error) error {
	var refused error
	if err := s.do(ctx, l, nil, func(e *engine.Engine) { refused = apply(e) }); err != nil {
		return err
	}
	return refused
}

// Waiting implements [missions.Store].
func (s *Store) Waiting(ctx context.Context) (int64, error) {
	marks := &s.view.Load().marks
	return marks.Waiting(), s.usable(ctx)
}

// Due implements [missions.Store].
func (s *Store) Due(ctx context.Context, limit int) (result missions.DueResult, err error) {
	need := func(e *engine.Engine, n *engine.Need) { e.NeedDue(n, e.Now(), limit) }
	err = s.do(ctx, laneHouse, need, func(e *engine.Engine) { result = e.Due(limit) })
	return result, err
}

// Retain implements [missions.Store].
func (s *Store) Retain(ctx context.Context, retention time.Duration, limit int) (deleted int, err error) {
	ended, err := read(ctx, s, func() ([]string, error) { return s.backend.Ended(ctx, s.now().Add(-retention), limit) })
	if err != nil {
		return 0, err
	}
	need := func(e *engine.Engine, n *engine.Need) { e.NeedMissions(n, ended...) }
	err = s.do(ctx, laneHouse, need, func(e *engine.Engine) { deleted = e.Retain(ended, retention) })
	return deleted, err
}

// Now implements [missions.Store].
func (s *Store) Now(ctx context.Context) (missions.Time, error) {
	return read(ctx, s, func() (missions.Time, error) { return s.now(), nil })
}

// Ping implements [missions.Store].
func (s *Store) Ping(ctx context.Context) error {
	_, err := read(ctx, s, func() (any, error) { return s.backend.Records(ctx, nil) })
	return err
}

// CheckWrite implements [missions.Store].
func (s *Store) CheckWrite(ctx context.Context) error {
	return s.do(ctx, laneHouse, nil, (*engine.Engine).Check)
}

// Register implements [missions.Agents].
func (s *Store) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (registered missions.Agent, err error) {
	err = s.do(ctx, laneBeat, nil, func(e *engine.Engine) { registered = e.Register(agent, silence) })
	return registered, err
}

// Leave implements [missions.Agents].
func (s *Store) Leave(ctx context.Context, id, reason string) (result missions.LeaveResult, err error) {
	var refused error
	need := func(e *engine.Engine, n *engine.Need) { e.NeedHeld(n, id) }
	if err = s.do(ctx, laneBeat, need, func(e *engine.Engine) { result, refused = e.Leave(id, reason) }); err == nil {
		err = refused
	}
	return result, err
}

// Lost implements [missions.Agents].
func (s *Store) Lost(ctx context.Context, id, reason string, since missions.Time) (result missions.LostResult, err error) {
	var refused error
	need := func(e *engine.Engine, n *engine.Need) { e.NeedHeld(n, id) }
	if err = s.do(ctx, laneBeat, need, func(e *engine.Engine) { result, refused = e.Lost(id, reason, since) }); err == nil {
		err = refused
	}
	return result, err
}

// ListAgents implements [missions.Agents].
func (s *Store) ListAgents(ctx context.Context, filter missions.AgentFilter) (page missions.AgentPage, err error) {
	err = s.do(ctx, laneRead, nil, func(e *engine.Engine) { page = e.ListAgents(filter) })
	return page, err
}

// Alerts implements [missions.Alerts].
func (s *Store) Alerts(ctx context.Context) (alerts []missions.Alert, err error) {
	err = s.do(ctx, laneRead, nil, func(e *engine.Engine) { alerts = e.Alerts() })
	return alerts, err
}

// ChangeAlerts implements [missions.Alerts].
func (s *Store) ChangeAlerts(ctx context.Context, batch []missions.AlertChange) (results []error, err error) {
	err = s.do(ctx, laneHouse, nil, func(e *engine.Engine) { results = applyEach(e, batch, (*engine.Engine).ChangeAlert) })
	return results, err
}

// Notices implements [missions.Alerts].
func (s *Store) Notices(ctx context.Context, limit int) ([]missions.Event, error) {
	return read(ctx, s, func() ([]missions.Event, error) { return s.backend.Notices(ctx, limit) })
}

// Noticed implements [missions.Alerts].
func (s *Store) Noticed(ctx context.Context, position int64) error {
	return s.do(ctx, laneHouse, nil, func(e *engine.Engine) { e.Noticed(position) })
}

// leadership is kept in memory: the end of the process that leads ends it.
type leadership struct {
	mu     sync.Mutex
	holder string
	until  missions.Time
}

// Lead implements [missions.Leaders].
func (s *Store) Lead(ctx context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	if err := s.usable(ctx); err != nil {
		return missions.Leadership{}, err
	}
	l, now := &s.leadership, s.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == candidate || l.until <= now {
		l.holder, l.until = candidate, now.Add(ttl)
	}
	return missions.Leadership{Holder: l.holder, Left: l.until.Sub(now)}, nil
}

// Resign implements [missions.Leaders].
func (s *Store) Resign(ctx context.Context, candidate string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	l := &s.leadership
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == candidate {
		l.holder, l.until = "", 0
	}
	return nil
}
