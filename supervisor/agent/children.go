package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Create creates up to 1000 missions that are children of the task's mission: if that is
// cancelled or fails for good, so are they, unless they are Detached. To wait for them,
// return [Park] with their ids.
//
// Create asks a supervisor that does not answer again, until ctx or the lease ends, which
// creates nothing twice. But a handler that runs once more creates other children, unless
// it gives them ids of its own, such as the mission's with a number.
//
// It returns one mission for each spec, in order, also of those that exist already with the
// same content, or in their place the one that holds their unique key, and an error if one was refused: the missions of the others exist, and its
// own is zero.
func (t *Task) Create(ctx context.Context, specs ...api.MissionSpec) ([]missions.Mission, error) {
	specs = slices.Clone(specs)
	for i := range specs {
		if specs[i].ID == "" {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, fmt.Errorf("make an id: %w", err)
			}
			specs[i].ID = id.String()
		}
	}
	var results []api.Created
	if err := t.insist(ctx, func() (err error) {
		results, err = t.runner.requests.CreateChildren(ctx, api.ChildrenRequest{LeaseRef: t.lease(), Missions: specs})
		return err
	}); err != nil {
		return nil, err
	}
	if len(results) != len(specs) {
		return nil, fmt.Errorf("%d missions were sent and %d answered", len(specs), len(results))
	}
	created := make([]missions.Mission, len(results))
	var refusal error
	for i := range results {
		switch result := &results[i]; {
		case result.Mission != nil:
			created[i] = *result.Mission
		case refusal == nil && result.Error != nil:
			refusal = fmt.Errorf("mission %d, %q: %w", i+1, specs[i].Name, result.Error)
		}
	}
	return created, refusal
}
