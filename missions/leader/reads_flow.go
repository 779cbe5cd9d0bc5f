package leader

import (
	"context"

	"missioncontrol/missions"
)

// Batch implements [missions.Missions].
func (r reads) Batch(ctx context.Context, id string) (missions.Batch, error) {
	return missions.Batch{}, missions.NotFound("batch", id)
}

// Batches implements [missions.Missions].
func (r reads) Batches(ctx context.Context, cursor string, limit int) (missions.BatchPage, error) {
	return missions.BatchPage{}, nil
}

// Signals implements [missions.Leases].
func (r reads) Signals(ctx context.Context, agentID string, ref missions.LeaseRef, after, maxBytes int) (missions.SignalPage, error) {
	return missions.SignalPage{}, missions.NotFound("mission", ref.MissionID)
}

// Input implements [missions.Leases].
func (r reads) Input(ctx context.Context, agentID string, ref missions.LeaseRef, source string) (missions.Input, error) {
	return missions.Input{}, missions.NotFound("mission", ref.MissionID)
}
