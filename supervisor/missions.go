package supervisor

import (
	"context"
	"fmt"
	"reflect"
	"runtime"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/dispatch"
)

// Create stores one mission or a batch. Once it returns without error, the missions it
// confirms are stored.
func (s *Service) Create(ctx context.Context, request api.CreateRequest) (api.CreateReply, error) {
	answer := s.CreateEach(ctx, []Request[api.CreateRequest]{{Body: request, Caller: api.Caller{Trace: api.TraceOf(ctx)}}})[0]
	return answer.Reply, answer.Err
}

// CreateEach answers several requests that arrived together: their missions are stored in one
// step. An error of the step is an error of each request.
func (s *Service) CreateEach(ctx context.Context, requests []Request[api.CreateRequest]) []Answer[api.CreateReply] {
	return together(requests, specsOf, func(requests []Request[api.CreateRequest]) ([][]api.Created, error) {
		return s.create(ctx, requests)
	}, createReply)
}

// specsOf returns how many missions a request creates.
func specsOf(request *api.CreateRequest) (int, error) {
	if err := checkClose(request); err != nil {
		return 0, err
	}
	if request.Missions == nil {
		return 1, nil
	}
	if err := batchOnly(request.MissionSpec, len(request.Missions)); err != nil {
		return 0, err
	}
	return len(request.Missions), api.CheckOrder(request.Missions)
}

func createReply(request *api.CreateRequest, results []api.Created) (api.CreateReply, error) {
	if request.Missions != nil {
		return api.CreateReply{Results: results, Brief: request.Brief}, nil
	}
	if results[0].Error != nil {
		return api.CreateReply{}, results[0].Error
	}
	return api.CreateReply{Created: &results[0], Brief: request.Brief}, nil
}

// batchOnly refuses a batch that is empty, too large, or combined with the fields of a
// single mission.
func batchOnly(single api.MissionSpec, n int) error {
	switch {
	case n == 0:
		return missions.Invalid("missions", "is empty")
	case n > missions.MaxBatch:
		return missions.TooLarge("missions", "has more than %d entries", missions.MaxBatch)
	case !reflect.ValueOf(single).IsZero():
		return missions.Invalid("missions", "cannot be combined with the fields of a single mission")
	}
	return nil
}

// create stores the missions of several requests in one step.
func (s *Service) create(ctx context.Context, requests []Request[api.CreateRequest]) ([][]api.Created, error) {
	results := make([][]api.Created, len(requests))
	batch := make([]missions.Mission, 0, len(requests))
	outcomes := make([]*api.Created, 0, len(requests)) // of the batch
	for i := range requests {
		specs := requests[i].Body.Missions
		if specs == nil {
			specs = []api.MissionSpec{requests[i].Body.MissionSpec}
		}
		results[i] = make([]api.Created, len(specs))
		begin := len(batch)
		batch, outcomes = s.prepare(batch, outcomes, specs, results[i], api.Traceparent(requests[i].Caller.Trace))
		if requests[i].Body.CloseBatch && len(batch)-begin == len(specs) {
			closeBatches(batch[begin:])
		}
	}
	if len(batch) == 0 {
		return results, nil
	}
	stored, err := s.store(ctx, batch)
	if err != nil {
		return nil, err
	}
	s.created(stored, outcomes)
	return results, nil
}

// prepare appends the missions that specs describe to a batch, those that others wait for
// first, and the places of their outcomes. A spec that describes none has its outcome at once.
func (s *Service) prepare(batch []missions.Mission, places []*api.Created, specs []api.MissionSpec, outcomes []api.Created, trace string) (
	[]missions.Mission, []*api.Created) {
	begin := len(batch)
	for i := range specs {
		m, err := guarded(func() (missions.Mission, error) { return s.newMission(specs[i], trace) })
		if err != nil {
			outcomes[i].Error = s.wire(err)
			continue
		}
		batch, places = append(batch, m), append(places, &outcomes[i])
	}
	sortForCreation(batch[begin:], places[begin:])
	return batch, places
}

// created records what became of new missions, and wakes what waits for them.
func (s *Service) created(stored []missions.CreateResult, places []*api.Created) {
	for i := range stored {
		if stored[i].Err != nil {
			places[i].Error = s.wire(stored[i].Err)
			continue
		}
		places[i].Mission, places[i].Created = &stored[i].Mission, &stored[i].Created
	}
	s.arrived(stored)
}

// store stores new missions. In the same step, it assigns them to the claims that wait
// for them, if any.
func (s *Service) store(ctx context.Context, batch []missions.Mission) (created []missions.CreateResult, err error) {
	byType := map[string]int{}
	for i := range batch {
		if f := batch[i].Flow; f == nil || len(f.After) == 0 {
			byType[batch[i].Type]++
		}
	}
	claims := s.dispatch.Reserve(byType)
	if len(claims) == 0 {
		return s.cfg.Store.Create(ctx, batch)
	}
	var claimed []missions.ClaimResult
	defer func() { // also when the store panics
		s.dispatch.Release(claims, claimed)
		runtime.Gosched() // agents first: the client that created a mission only waits for the confirmation
	}()
	created, claimed, err = s.cfg.Store.CreateAndClaim(ctx, batch, dispatch.Requests(claims))
	return created, err
}

// arrived wakes the claims that wait for new missions that were not assigned in the
// step.
func (s *Service) arrived(created []missions.CreateResult) {
	byType := map[string]int{}
	for i := range created {
		if !created[i].Created || created[i].Err != nil {
			continue
		}
		s.replaced(created[i].Replaced)
		m := &created[i].Mission
		if !created[i].Given && !waits(m) {
			byType[m.Type]++
		}
		if at := earliest(m.NotBefore, m.Deadline, waitingUntil(m)); at != 0 {
			s.dueBy(at.Time())
		}
	}
	for kind, n := range byType {
		s.ready(kind, n)
	}
	s.outboxGrew()
}

// earliest returns the earliest of times, zero if there is none.
func earliest(times ...missions.Time) (first missions.Time) {
	for _, at := range times {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// newMission returns the mission that a spec describes, with a new id if the spec has
// none.
func (s *Service) newMission(spec api.MissionSpec, traceparent string) (missions.Mission, error) {
	if spec.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return missions.Mission{}, fmt.Errorf("mint a mission id: %w", err)
		}
		spec.ID = id.String()
	}
	m, err := spec.Mission()
	if err != nil {
		return m, err
	}
	m.Traceparent = traceparent
	return m, s.fits(&m)
}

// wire converts an item's error to its wire form and logs what the wire form omits.
func (s *Service) wire(err error) *api.Error {
	wire := api.FromError(err)
	if wire == nil {
		return nil
	}
	if level, logged := wire.Logged(); logged {
		s.log.Log(context.Background(), level, "an item of a batch failed", "error", err)
	}
	return wire
}

// Get returns a mission.
func (s *Service) Get(ctx context.Context, request api.IDRequest) (api.Mission, error) {
	if err := request.Validate(); err != nil {
		return api.Mission{}, err
	}
	m, err := s.cfg.Store.Get(ctx, request.ID)
	return api.Mission{Mission: m}, err
}

// List returns the matching missions, newest first.
func (s *Service) List(ctx context.Context, request api.ListRequest) (api.MissionList, error) {
	filter, err := request.Filter()
	if err != nil {
		return api.MissionList{}, err
	}
	if filter.Holds, err = s.holds(ctx, filter.Waiting); err != nil {
		return api.MissionList{}, err
	}
	filter.MaxBytes = s.room()
	page, err := s.cfg.Store.List(ctx, filter)
	return api.MissionList{Missions: page.Missions, NextCursor: api.Cursor(page.Next)}, err
}

// Log returns a page of a mission's log.
func (s *Service) Log(ctx context.Context, request api.LogRequest) (api.MissionLog, error) {
	limit, err := request.Page()
	if err != nil {
		return api.MissionLog{}, err
	}
	page, err := s.cfg.Store.Log(ctx, request.ID, int64(request.After), limit)
	return api.MissionLog{MissionID: request.ID, Log: page.Entries, NextCursor: api.Cursor(page.Next)}, err
}

// Cancel cancels a mission and notifies its agent, if it has one.
func (s *Service) Cancel(ctx context.Context, request api.CancelRequest) (api.Mission, error) {
	if err := request.Validate(); err != nil {
		return api.Mission{}, err
	}
	results, err := s.cfg.Store.Cancel(ctx, []missions.CancelRequest{{ID: request.ID, Reason: request.Reason, By: api.CallerOf(ctx)}})
	return s.changed(missions.BulkCancel, results, err)
}

// stop commands an agent to stop working on a mission.
func (s *Service) stop(agentID, missionID string) {
	s.push(agentID, api.Command{Command: api.CommandCancel, MissionID: missionID})
}

// Retry puts a mission that failed or was cancelled back to PENDING.
func (s *Service) Retry(ctx context.Context, request api.RetryRequest) (api.Mission, error) {
	retry, err := request.Retry()
	if err != nil {
		return api.Mission{}, err
	}
	results, err := s.cfg.Store.Retry(ctx, []missions.RetryRequest{retry})
	return s.changed(missions.BulkRetry, results, err)
}

// Delete removes a mission that no agent is working on, and its log.
func (s *Service) Delete(ctx context.Context, request api.IDRequest) (api.Mission, error) {
	if err := request.Validate(); err != nil {
		return api.Mission{}, err
	}
	results, err := s.cfg.Store.Delete(ctx, []string{request.ID})
	return s.changed(missions.BulkDelete, results, err)
}

// changed unwraps the result of an action on one mission, and tells those whom it concerns.
func (s *Service) changed(action missions.BulkAction, results []missions.Result, err error) (api.Mission, error) {
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return api.Mission{}, err
	}
	m := &results[0].Mission
	change := missions.BulkResult{ID: m.ID, Changed: true}
	switch {
	case action == missions.BulkCancel:
		change.AgentID = string(m.AgentID)
	case action == missions.BulkRetry && !m.Status.Terminal():
		if !waits(m) {
			change.Ready = m.Type
		}
		change.Due = earliest(m.NextAttemptAt, m.Deadline, waitingUntil(m))
	}
	s.tell([]missions.BulkResult{change})
	return api.Mission{Mission: *m}, nil
}
