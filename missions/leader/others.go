package leader

import (
	"context"
	"sync"
	"time"

	"missioncontrol/missions"
)

// Identity implements [missions.Store].
func (s *Store) Identity() string { return s.cfg.Identity() }

// Outboxes implements [missions.Store].
func (s *Store) Outboxes() []missions.Outbox {
	return []missions.Outbox{outbox{s.commands, s.reads, s.Identity}}
}

// Retain implements [missions.Store].
func (s *Store) Retain(ctx context.Context, retention time.Duration, limit int) (deleted int, err error) {
	return retain(ctx, s.commands, s.reads, retention, limit)
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
