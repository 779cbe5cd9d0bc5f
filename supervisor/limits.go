package supervisor

import (
	"context"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// SetLimit adds a limit, or changes it.
func (s *Service) SetLimit(ctx context.Context, request api.SetLimitRequest) (missions.LimitStatus, error) {
	spec, err := request.Spec()
	if err != nil {
		return missions.LimitStatus{}, err
	}
	q := missions.LimitRequest{Spec: spec, IfChangedAt: request.IfChangedAt}
	q.By, q.ByProven = api.SenderOf(ctx)
	result, err := s.cfg.Store.SetLimit(ctx, q)
	return s.limitChanged(result, err)
}

// limitChanged has Due tell those who wait for missions that may start now.
func (s *Service) limitChanged(result missions.LimitResult, err error) (missions.LimitStatus, error) {
	if err != nil {
		return missions.LimitStatus{}, err
	}
	if result.Changed {
		s.dueBy(time.Now())
		s.outboxGrew()
	}
	return result.Limit, nil
}

// Limit returns a limit and what it counts.
func (s *Service) Limit(ctx context.Context, request api.LimitNameRequest) (missions.LimitStatus, error) {
	if err := request.Validate(); err != nil {
		return missions.LimitStatus{}, err
	}
	return s.cfg.Store.Limit(ctx, request.Name)
}

// Limits returns a page of limits, by name.
func (s *Service) Limits(ctx context.Context, request api.LimitsRequest) (api.LimitList, error) {
	q, err := request.Page()
	if err != nil {
		return api.LimitList{}, err
	}
	page, err := s.cfg.Store.Limits(ctx, q)
	return api.LimitList{Limits: page.Limits, NextCursor: page.Next}, err
}

// DeleteLimit deletes a limit and returns its last state.
func (s *Service) DeleteLimit(ctx context.Context, request api.LimitNameRequest) (missions.LimitStatus, error) {
	if err := request.Validate(); err != nil {
		return missions.LimitStatus{}, err
	}
	q := missions.DeleteLimitRequest{Name: request.Name}
	q.By, _ = api.SenderOf(ctx)
	result, err := s.cfg.Store.DeleteLimit(ctx, q)
	return s.limitChanged(result, err)
}

// holds returns what limits hold back, if a list is about that.
func (s *Service) holds(ctx context.Context, kind missions.WaitKind) ([]missions.Hold, error) {
	if kind != missions.WaitLimit {
		return nil, nil
	}
	return s.cfg.Store.Held(ctx)
}

// AllLimits returns all limits, by name.
func (s *Service) AllLimits(ctx context.Context) (all []missions.LimitStatus, _ error) {
	for q := (missions.LimitsRequest{Limit: api.MaxPage}); ; {
		page, err := s.cfg.Store.Limits(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Limits...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return all, nil
		}
	}
}

// limitFigures counts the limits that let nothing start although missions wait.
func (s *Service) limitFigures(ctx context.Context) (figures missions.LimitFigures, _ error) {
	all, err := s.AllLimits(ctx)
	for i := range all {
		switch l := &all[i]; {
		case l.Waiting == 0 || l.Full == "":
		case l.Full == missions.FullPaused:
			figures.Paused++
		default:
			figures.Full++
		}
	}
	return figures, err
}
