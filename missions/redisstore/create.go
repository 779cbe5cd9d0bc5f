package redisstore

import (
	"context"
	"slices"

	"missioncontrol/missions"
)

// Create implements [missions.Missions].
func (s *Store) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	return s.create.do(ctx, s, batch)
}

// aged is a mission to create, no older than a seq: 0 leaves that to the partition.
type aged struct {
	*missions.Mission
	least int64
}

func (s *Store) createBatch(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	first, err := s.firstAge(ctx, len(batch))
	if err != nil {
		return nil, err
	}
	items := make([]aged, len(batch))
	for i := range batch {
		items[i].Mission = &batch[i]
		if first != 0 {
			items[i].least = first + int64(i*len(s.partitions))
		}
	}
	return scatter(ctx, s, items, func(m *aged) string { return m.ID }, createIn,
		func(err error) missions.CreateResult { return missions.CreateResult{Err: err} })
}

// firstAge returns a seq that is newer than every mission's, so that a batch keeps
// its order though its missions go to several partitions; 0 where that is no
// question.
func (s *Store) firstAge(ctx context.Context, n int) (int64, error) {
	if n == 1 || len(s.partitions) == 1 {
		return 0, nil
	}
	newest := make([]int64, len(s.partitions))
	err := s.inEach(func(p *partition) error {
		answer, err := p.call(ctx, scripts.nextSeq)
		newest[p.number] = number(text(answer))
		return err
	})
	if first := slices.Max(newest); first > 0 {
		return first, nil // a partition that does not answer does not hold up the others
	}
	return 0, err
}

func createIn(ctx context.Context, p *partition, batch []aged) ([]missions.CreateResult, error) {
	limit := max(1, p.store.cfg.OutboxLimit/int64(len(p.store.partitions)))
	args := make([]any, 1, 1+10*len(batch))
	args[0] = limit
	for i := range batch {
		args = append(appendMission(args, batch[i].Mission), batch[i].least)
	}
	answer, err := p.call(ctx, scripts.create, args...)
	if err != nil {
		return nil, err
	}
	results := make([]missions.CreateResult, len(batch))
	for i, item := range items(answer) {
		results[i] = created(batch[i].Mission, item)
	}
	return results, nil
}

// created reads what create.lua says of one mission.
func created(given *missions.Mission, answer any) missions.CreateResult {
	if _, exists := answer.([]any); exists {
		m, err := told(answer)
		switch {
		case err != nil:
			err = broken(err)
		case !m.SameContent(given):
			err = missions.Conflict("mission %q exists with other content", given.ID)
		}
		return missions.CreateResult{Mission: m, Err: err}
	}
	if text(answer) == "full" {
		return missions.CreateResult{Err: &missions.Error{Code: missions.CodeOverloaded,
			Message: "too many events wait for the event stream; try again when it has caught up"}}
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
