package supervisor

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Signal sends a signal to a mission. A mission that waits for it proceeds, and the agent
// that holds a running one is told.
func (s *Service) Signal(ctx context.Context, request api.SignalRequest) (api.Signalled, error) {
	signal, err := request.Signal()
	if err != nil {
		return api.Signalled{}, err
	}
	signal.By, signal.ByProven = api.SenderOf(ctx)
	results, err := s.cfg.Store.Signal(ctx, []missions.SignalRequest{signal})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return api.Signalled{}, err
	}
	result := &results[0]
	told := missions.BulkResult{ID: signal.MissionID, Changed: true, Seq: result.Seq, Ready: result.Ready}
	if result.Delivered == missions.DeliveredRunning {
		told.AgentID = result.AgentID
	}
	s.tell([]missions.BulkResult{told})
	return api.Signalled{Seq: result.Seq, Delivered: result.Delivered}, nil
}

// Signals returns signals of a mission, as many as a reply can carry, to the agent that
// holds it.
func (s *Service) Signals(ctx context.Context, agentID string, request api.SignalsRequest) (api.Signals, error) {
	ref, err := request.Ref()
	if err != nil {
		return api.Signals{}, err
	}
	page, err := s.cfg.Store.Signals(ctx, agentID, ref, request.After, s.room())
	return api.Signals{Signals: page.Signals, More: page.More}, err
}
