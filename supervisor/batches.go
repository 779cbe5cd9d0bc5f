package supervisor

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Batch returns a batch.
func (s *Service) Batch(ctx context.Context, request api.IDRequest) (missions.Batch, error) {
	if err := request.Validate(); err != nil {
		return missions.Batch{}, err
	}
	return s.cfg.Store.Batch(ctx, request.ID)
}

// Batches returns a page of batches, those created last first.
func (s *Service) Batches(ctx context.Context, request api.BatchesRequest) (api.BatchList, error) {
	limit, err := request.Page()
	if err != nil {
		return api.BatchList{}, err
	}
	page, err := s.cfg.Store.Batches(ctx, request.Cursor, limit)
	return api.BatchList{Batches: page.Batches, NextCursor: page.Next}, err
}

// CloseBatch closes a batch, and creates it if it does not exist.
func (s *Service) CloseBatch(ctx context.Context, request api.IDRequest) (missions.Batch, error) {
	if err := request.Validate(); err != nil {
		return missions.Batch{}, err
	}
	results, err := s.cfg.Store.CloseBatches(ctx, []string{request.ID})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return missions.Batch{}, err
	}
	s.outboxGrew()
	return results[0].Batch, nil
}
