package redisstore

import (
	"context"
	"slices"

	"missioncontrol/missions"
)

// Create implements [missions.Missions].
func (s *scripted) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	results, err := s.create.do(ctx, s, creations(batch, nil))
	return createdOf(results), err
}

// CreateAndClaim implements [missions.Missions]. With several partitions the claims are a
// step behind the missions.
func (s *scripted) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	[]missions.CreateResult, []missions.ClaimResult, error) {
	if len(s.partitions) > 1 || len(claims) == 0 {
		created, err := s.Create(ctx, batch)
		if err != nil {
			return nil, nil, err
		}
		claimed, err := s.Claim(context.WithoutCancel(ctx), claims) // the missions are stored
		if err != nil {
			claimed = unanswered(len(claims), err)
		}
		missions.MarkGiven(created, claimed)
		return created, claimed, nil
	}
	results, err := s.create.do(ctx, s, creations(batch, claims))
	if err != nil {
		return nil, nil, err
	}
	claimed := make([]missions.ClaimResult, len(claims))
	for i := range claimed {
		claimed[i] = results[len(batch)+i].claimed
	}
	return createdOf(results[:len(batch)]), claimed, nil
}

// unanswered is what claims get that a store did not answer.
func unanswered(n int, err error) []missions.ClaimResult {
	results := make([]missions.ClaimResult, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// creation is a mission to create, or a claim of the same step.
type creation struct {
	mission *missions.Mission
	claim   *missions.ClaimRequest // nil beside a mission
}

type creationResult struct {
	created missions.CreateResult
	claimed missions.ClaimResult
}

func creations(batch []missions.Mission, claims []missions.ClaimRequest) []creation {
	items := make([]creation, 0, len(batch)+len(claims))
	for i := range batch {
		items = append(items, creation{mission: &batch[i]})
	}
	for i := range claims {
		items = append(items, creation{claim: &claims[i]})
	}
	return items
}

func createdOf(results []creationResult) []missions.CreateResult {
	if results == nil {
		return nil
	}
	created := make([]missions.CreateResult, len(results))
	for i := range results {
		created[i] = results[i].created
	}
	return created
}

// creationBatch does what callers of Create and of CreateAndClaim want done: all
// missions are created before any claim has its turn.
func (s *scripted) creationBatch(ctx context.Context, items []creation) ([]creationResult, error) {
	batch, claims := make([]*missions.Mission, 0, len(items)), []missions.ClaimRequest(nil)
	for _, item := range items {
		if item.claim != nil {
			claims = append(claims, *item.claim)
			continue
		}
		batch = append(batch, item.mission)
	}
	created, claimed, err := s.createBatch(ctx, batch, claims)
	if err != nil {
		return nil, err
	}
	missions.MarkGiven(created, claimed)
	results := make([]creationResult, len(items))
	for i, item := range items {
		if item.claim != nil {
			results[i].claimed, claimed = claimed[0], claimed[1:]
			continue
		}
		results[i].created, created = created[0], created[1:]
	}
	return results, nil
}

// aged is a mission to create, no older than a seq: 0 leaves that to the partition.
type aged struct {
	*missions.Mission
	least int64
}

// createBatch creates missions and, which only a store of one partition is asked for,
// answers claims.
func (s *scripted) createBatch(ctx context.Context, batch []*missions.Mission, claims []missions.ClaimRequest) (
	created []missions.CreateResult, claimed []missions.ClaimResult, err error) {
	first, err := s.firstAge(ctx, len(batch))
	if err != nil {
		return nil, nil, err
	}
	items := make([]aged, len(batch))
	for i := range batch {
		items[i].Mission = batch[i]
		if first != 0 {
			items[i].least = first + int64(i*len(s.partitions))
		}
	}
	if len(claims) > 0 {
		return createAndClaimIn(ctx, s.partitions[0], items, claims)
	}
	created, err = scatter(ctx, s, items, func(m *aged) string { return m.ID }, createIn,
		func(err error) missions.CreateResult { return missions.CreateResult{Err: err} })
	return created, nil, err
}

// firstAge returns a seq that is newer than every mission's, so that a batch keeps
// its order though its missions go to several partitions; 0 where that is no
// question.
func (s *scripted) firstAge(ctx context.Context, n int) (int64, error) {
	if n == 1 || len(s.partitions) == 1 {
		return 0, nil
	}
	newest := make([]int64, len(s.partitions))
	err := s.inEach(func(p *oldPartition) error {
		answer, err := p.call(ctx, scripts.nextSeq)
		newest[p.number] = number(text(answer))
		return err
	})
	if first := slices.Max(newest); first > 0 {
		return first, nil // a partition that does not answer does not hold up the others
	}
	return 0, err
}

func createIn(ctx context.Context, p *oldPartition, batch []aged) ([]missions.CreateResult, error) {
	answer, err := p.call(ctx, scripts.create, appendMissions([]any{p.outboxLimit()}, batch)...)
	if err != nil {
		return nil, err
	}
	return allCreated(batch, answer), nil
}

func createAndClaimIn(ctx context.Context, p *oldPartition, batch []aged, claims []missions.ClaimRequest) (
	[]missions.CreateResult, []missions.ClaimResult, error) {
	args := appendClaims(appendMissions([]any{p.outboxLimit(), len(batch)}, batch), claims)
	answer, err := p.call(ctx, scripts.createAndClaim, args...)
	if err != nil {
		return nil, nil, err
	}
	said := items(answer)
	claimed, err := allClaimed(claims, said[1])
	return allCreated(batch, said[0]), claimed, err
}

// outboxLimit is the partition's share.
func (p *oldPartition) outboxLimit() int64 {
	return max(1, p.store.cfg.OutboxLimit/int64(len(p.store.partitions)))
}

func appendMissions(args []any, batch []aged) []any {
	for i := range batch {
		args = append(appendMission(args, batch[i].Mission), batch[i].least)
	}
	return args
}

func allCreated(batch []aged, answer any) []missions.CreateResult {
	results := make([]missions.CreateResult, len(batch))
	for i, item := range items(answer) {
		results[i] = created(batch[i].Mission, item)
	}
	return results
}

// created reads what create.lua says of one mission.
func created(given *missions.Mission, answer any) missions.CreateResult {
	if _, exists := answer.([]any); exists {
		m, err := told(answer)
		switch {
		case err != nil:
			err = broken(err)
		case !m.SameContent(given):
			err = missions.Conflict("mission %q exists with different content", given.ID)
		}
		return missions.CreateResult{Mission: m, Err: err}
	}
	if text(answer) == "full" {
		return missions.CreateResult{Err: &missions.Error{Code: missions.CodeOverloaded,
			Message: "too many events are waiting for the event stream; try again when it has caught up"}}
	}
	m := missions.Mission{
		ID: given.ID, Name: given.Name, Description: given.Description, Type: given.Type, Data: given.Data,
		Priority: given.Priority, Status: missions.Pending, Tags: given.Tags, MaxAttempts: given.MaxAttempts,
		TimeoutSeconds: given.Timeout().Seconds(), StallSeconds: given.Stall().Seconds(),
		NotBefore: given.NotBefore, Deadline: given.Deadline,
		CorrelationID: given.CorrelationID, Traceparent: given.Traceparent, CreatedAt: moment(text(answer)),
	}
	m.UpdatedAt = m.CreatedAt
	return missions.CreateResult{Mission: m, Created: true}
}
