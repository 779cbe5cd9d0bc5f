package supervisor

import (
	"context"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// waits reports whether a mission waits for something, so that nobody can claim it.
func waits(m *missions.Mission) bool {
	return m.Flow != nil && (len(m.WaitingFor) > 0 || m.WaitingSince != 0)
}

// waitingUntil returns when a mission's wait ends at the latest, zero if it may last.
func waitingUntil(m *missions.Mission) missions.Time {
	if m.Flow == nil {
		return 0
	}
	return m.WaitingUntil
}

// checkClose refuses to close a batch that the request does not name.
func checkClose(request *api.CreateRequest) error {
	named := request.Batch != "" || slices.ContainsFunc(request.Missions, func(spec api.MissionSpec) bool { return spec.Batch != "" })
	if request.CloseBatch && !named {
		return missions.Invalid("close_batch", "needs a mission with a batch")
	}
	return nil
}

// sortForCreation sorts missions of one request, with the places of their outcomes, so that
// those that others wait for are created first. They must not wait for each other in a circle.
func sortForCreation(batch []missions.Mission, places []*api.Created) {
	if !slices.ContainsFunc(batch, func(m missions.Mission) bool { return m.Flow != nil }) {
		return
	}
	order, err := missions.Order(batch)
	if err != nil {
		return // the store refuses those that wait for one that does not exist yet
	}
	unsorted, unsortedPlaces := slices.Clone(batch), slices.Clone(places)
	for to, from := range order {
		batch[to], places[to] = unsorted[from], unsortedPlaces[from]
	}
}

// closeBatches closes each batch that missions name with the last of them.
func closeBatches(batch []missions.Mission) {
	closed := map[string]struct{}{}
	for i := len(batch) - 1; i >= 0; i-- {
		f := batch[i].Flow
		if f == nil || f.Batch == "" {
			continue
		}
		if _, done := closed[f.Batch]; !done {
			f.CloseBatch = true
			closed[f.Batch] = struct{}{}
		}
	}
}

// CreateChildren creates missions whose parent is one that the agent holds.
func (s *Service) CreateChildren(ctx context.Context, agentID string, request api.ChildrenRequest) (api.CreateReply, error) {
	ref, err := request.Ref()
	if err != nil {
		return api.CreateReply{}, err
	}
	results := make([]api.Created, len(request.Missions))
	batch, places := make([]missions.Mission, 0, len(results)), make([]*api.Created, 0, len(results))
	specs := slices.Clone(request.Missions)
	for i := range specs {
		if specs[i].ParentID == "" {
			specs[i].ParentID = ref.MissionID
		}
	}
	batch, places = s.prepare(batch, places, specs, results, api.Traceparent(api.TraceOf(ctx)))
	own, ownPlaces := batch[:0], places[:0]
	for i := range batch {
		if batch[i].ParentID != ref.MissionID {
			places[i].Error = s.wire(missions.Invalid("parent_id", "must be the mission of the lease"))
			continue
		}
		own, ownPlaces = append(own, batch[i]), append(ownPlaces, places[i])
	}
	if len(own) == 0 {
		return api.CreateReply{Results: results}, nil
	}
	stored, err := s.cfg.Store.CreateChildren(ctx, agentID, ref, own)
	if err != nil {
		return api.CreateReply{}, err
	}
	s.created(stored, ownPlaces)
	return api.CreateReply{Results: results}, nil
}

// Input returns the outcome of a mission or a batch that a mission has waited for, to the
// agent that holds it.
func (s *Service) Input(ctx context.Context, agentID string, request api.InputRequest) (api.InputReply, error) {
	ref, err := request.Ref()
	if err != nil {
		return api.InputReply{}, err
	}
	input, err := s.cfg.Store.Input(ctx, agentID, ref, request.Source)
	return api.InputReply{Source: request.Source, Input: input}, err
}
