package supervisor

import (
	"context"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/dispatch"
)

// SetSchedule adds a schedule, or changes it.
func (s *Service) SetSchedule(ctx context.Context, request api.SetScheduleRequest) (api.Schedule, error) {
	spec, err := request.Spec()
	if err != nil {
		return api.Schedule{}, err
	}
	mission := spec.Occurrence(spec.EndsAt)
	if err := s.fits(&mission); err != nil {
		return api.Schedule{}, err
	}
	q := missions.ScheduleRequest{Spec: spec, IfChangedAt: request.IfChangedAt}
	q.By, q.ByProven = api.SenderOf(ctx)
	result, err := s.cfg.Store.SetSchedule(ctx, q)
	if err != nil {
		return api.Schedule{}, err
	}
	if at := result.Schedule.NextAt; at != 0 {
		s.dueBy(at.Time())
	}
	s.outboxGrew()
	return s.withTimes(result.Schedule)
}

// withTimes adds when a schedule is due next.
func (s *Service) withTimes(of missions.Schedule) (api.Schedule, error) {
	timing, err := of.Timing()
	if err != nil {
		return api.Schedule{}, err
	}
	out := api.Schedule{Schedule: of, NextTimes: []missions.Time{}}
	if of.NextAt != 0 {
		out.NextTimes = append(out.NextTimes, of.NextAt)
		out.NextTimes = append(out.NextTimes, timing.Times(of.NextAt, api.NextTimes-1)...)
	}
	return out, nil
}

// Schedule returns a schedule and when it is due next.
func (s *Service) Schedule(ctx context.Context, request api.IDRequest) (api.Schedule, error) {
	if err := request.Validate(); err != nil {
		return api.Schedule{}, err
	}
	found, err := s.cfg.Store.Schedule(ctx, request.ID)
	if err != nil {
		return api.Schedule{}, err
	}
	return s.withTimes(found)
}

// nextTimesBytes is how large the next times of a schedule are in a reply.
const nextTimesBytes = 100

// Schedules returns a page of schedules, by id.
func (s *Service) Schedules(ctx context.Context, request api.SchedulesRequest) (api.ScheduleList, error) {
	limit, err := request.Page()
	if err != nil {
		return api.ScheduleList{}, err
	}
	room := s.room()
	if request.Times && room > 0 {
		room = max(1, room-limit*nextTimesBytes)
	}
	page, err := s.cfg.Store.Schedules(ctx, request.Cursor, limit, room)
	if err != nil {
		return api.ScheduleList{}, err
	}
	list := api.ScheduleList{Schedules: make([]api.Schedule, len(page.Schedules)), Total: page.Total, NextCursor: page.Next}
	for i, found := range page.Schedules {
		list.Schedules[i].Schedule = found
		if !request.Times {
			continue
		}
		if list.Schedules[i], err = s.withTimes(found); err != nil {
			return api.ScheduleList{}, err
		}
	}
	return list, nil
}

// ScheduleFigures says whether any schedule is overdue, or has missed a time. It is for metrics.
func (s *Service) ScheduleFigures(ctx context.Context) (missions.ScheduleFigures, error) {
	return s.cfg.Store.ScheduleFigures(ctx)
}

// DeleteSchedule deletes a schedule and returns its last state.
func (s *Service) DeleteSchedule(ctx context.Context, request api.IDRequest) (missions.Schedule, error) {
	if err := request.Validate(); err != nil {
		return missions.Schedule{}, err
	}
	q := missions.DeleteScheduleRequest{ID: request.ID}
	q.By, _ = api.SenderOf(ctx)
	result, err := s.cfg.Store.DeleteSchedule(ctx, q)
	if err != nil {
		return missions.Schedule{}, err
	}
	s.outboxGrew()
	return result.Schedule, nil
}

// TriggerSchedule creates a mission of a schedule now.
func (s *Service) TriggerSchedule(ctx context.Context, request api.IDRequest) (api.Triggered, error) {
	if err := request.Validate(); err != nil {
		return api.Triggered{}, err
	}
	result, err := s.cfg.Store.TriggerSchedule(ctx, request.ID)
	if err != nil {
		return api.Triggered{}, err
	}
	s.arrived([]missions.CreateResult{result})
	return api.Triggered{Mission: result.Mission, Created: result.Created}, nil
}

// Backfill creates the missions of past occurrences of a schedule, each once. If it fails, it can be repeated.
func (s *Service) Backfill(ctx context.Context, request api.BackfillRequest) (api.Backfilled, error) {
	q, err := request.Backfill()
	if err != nil {
		return api.Backfilled{}, err
	}
	if err := s.checkBackfill(ctx, &q); err != nil {
		return api.Backfilled{}, err
	}
	var done api.Backfilled
	for {
		part, err := s.cfg.Store.Backfill(ctx, q)
		done.Created += part.Created
		done.Existing += part.Existing
		for _, kind := range part.Ready {
			s.ready(kind, dispatch.AnyNumber)
		}
		s.replaced(part.Stop)
		if part.Created > 0 {
			s.dueBy(time.Now()) // some may wait for a time
			s.outboxGrew()
		}
		if err != nil || part.Next == 0 {
			return done, err
		}
		q.From = part.Next
	}
}

// checkBackfill refuses a request for too many occurrences.
func (s *Service) checkBackfill(ctx context.Context, q *missions.BackfillRequest) error {
	schedule, err := s.cfg.Store.Schedule(ctx, q.ID)
	if err != nil {
		return err
	}
	timing, err := schedule.Timing()
	if err != nil {
		return err
	}
	if q.To == 0 {
		if q.To, err = s.cfg.Store.Now(ctx); err != nil {
			return err
		}
	}
	times := timing.Times(q.From-1, missions.MaxBackfill+1)
	if len(times) > missions.MaxBackfill && times[missions.MaxBackfill] <= q.To {
		return missions.TooLarge("to", "is too late: the schedule is due more than %d times since from", missions.MaxBackfill)
	}
	return nil
}

// Preview returns when a schedule would be due next.
func (s *Service) Preview(ctx context.Context, request api.PreviewRequest) (api.Preview, error) {
	timing, n, err := request.Timing()
	if err != nil {
		return api.Preview{}, err
	}
	if request.From != 0 {
		return api.Preview{Times: timing.Times(request.From-1, n)}, nil
	}
	now, err := s.cfg.Store.Now(ctx)
	if err != nil {
		return api.Preview{}, err
	}
	return api.Preview{Times: timing.Times(now, n)}, nil
}
