package sqlitestore

import (
	"context"
	"sync"
	"time"

	"missioncontrol/missions"
)

// leadership is kept in memory: a store has one process, whose end ends it.
type leadership struct {
	mu     sync.Mutex
	holder string
	until  missions.Time
}

// Lead implements [missions.Leaders].
func (s *Store) Lead(ctx context.Context, candidate string, lasts time.Duration) (missions.Leadership, error) {
	if err := s.usable(ctx); err != nil {
		return missions.Leadership{}, err
	}
	l := &s.leadership
	l.mu.Lock()
	defer l.mu.Unlock()
	now := missions.At(s.cfg.Now())
	if l.holder == candidate || l.until <= now {
		l.holder, l.until = candidate, now.Add(lasts)
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
