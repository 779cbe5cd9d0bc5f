package redisstore

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// Lead implements [missions.Leaders].
func (s *scripted) Lead(ctx context.Context, candidate string, lasts time.Duration) (missions.Leadership, error) {
	if err := s.begin(ctx); err != nil {
		return missions.Leadership{}, err
	}
	defer s.calls.Done()
	answer, err := s.partitions[0].call(ctx, scripts.lead, candidate, lasts.Microseconds())
	if err != nil {
		return missions.Leadership{}, err
	}
	said := texts(answer)
	return missions.Leadership{Holder: said[0], Left: time.Duration(number(said[1])) * time.Microsecond}, nil
}

// Resign implements [missions.Leaders].
func (s *scripted) Resign(ctx context.Context, candidate string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	_, err := s.partitions[0].call(ctx, scripts.resign, candidate)
	return err
}
