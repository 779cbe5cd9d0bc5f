package redisstore

import (
	"context"

	"missioncontrol/missions"
)

// Cancel implements [missions.Missions].
func (s *scripted) Cancel(ctx context.Context, batch []missions.CancelRequest) ([]missions.Result, error) {
	return change(ctx, s, batch, func(c *missions.CancelRequest) string { return c.ID }, missions.Cancel, scripts.cancel,
		func(args []any, c *missions.CancelRequest) []any {
			return append(args, c.ID, c.Why())
		})
}

// Retry implements [missions.Missions].
func (s *scripted) Retry(ctx context.Context, ids []string) ([]missions.Result, error) {
	return change(ctx, s, ids, pointed, missions.Retry, scripts.retry, appendID)
}

// Delete implements [missions.Missions].
func (s *scripted) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	return change(ctx, s, ids, pointed, missions.Cancel, scripts.delete, appendID)
}

func pointed(id *string) string { return *id }

func appendID(args []any, id *string) []any { return append(args, *id) }

// change runs a script on the missions of a batch. trigger is what the script's
// verdict "status" refuses.
func change[Item any](ctx context.Context, s *scripted, batch []Item, id func(*Item) string, trigger missions.Trigger,
	does script, arguments func([]any, *Item) []any) ([]missions.Result, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	return scatter(ctx, s, batch, id, func(ctx context.Context, p *oldPartition, part []Item) ([]missions.Result, error) {
		var args []any
		for i := range part {
			args = arguments(args, &part[i])
		}
		answer, err := p.call(ctx, does, args...)
		if err != nil {
			return nil, err
		}
		results := make([]missions.Result, len(part))
		for i, item := range items(answer) {
			results[i] = changed(items(item), id(&part[i]), trigger)
		}
		return results, nil
	}, resultOf)
}

// changed reads a script's verdict on one mission, which comes last itself.
func changed(answer []any, id string, trigger missions.Trigger) (r missions.Result) {
	if text(answer[0]) == "status" {
		_, r.Err = statuses[number(text(answer[1]))].Next(trigger)
	} else {
		r.Err = refusal(answer, id)
	}
	r.Changed = r.Err == nil
	if last := answer[len(answer)-1]; len(answer) > 1 && len(items(last)) > 0 {
		m, err := told(last)
		if err != nil {
			return resultOf(broken(err))
		}
		r.Mission = m
	}
	return r
}
