package leader

import (
	"context"
	"encoding/json"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Schedule implements [missions.Schedules].
func (r reads) Schedule(ctx context.Context, id string) (missions.Schedule, error) {
	found, err := r.schedules(ctx, []string{id})
	if err == nil && len(found) == 0 {
		err = missions.NotFound("schedule", id)
	}
	if err != nil {
		return missions.Schedule{}, err
	}
	return found[0], nil
}

// schedules returns those of some schedules that exist.
func (r reads) schedules(ctx context.Context, ids []string) ([]missions.Schedule, error) {
	return read(ctx, r.by, func() ([]missions.Schedule, error) {
		keys := make([]string, len(ids))
		for i, id := range ids {
			keys[i] = engine.ScheduleKey(id)
		}
		docs, err := r.backend.Docs(ctx, keys)
		if err != nil {
			return nil, err
		}
		found := []missions.Schedule{}
		for _, key := range keys {
			if docs[key] == nil {
				continue
			}
			s, err := engine.DecodeSchedule(docs[key])
			if err != nil {
				return nil, err
			}
			found = append(found, s)
		}
		return found, nil
	})
}

// schedulesAtOnce bounds how many schedules are read at a time: each may have a large template.
const schedulesAtOnce = 100

// Schedules implements [missions.Schedules].
func (r reads) Schedules(ctx context.Context, cursor string, limit, maxBytes int) (missions.SchedulePage, error) {
	page := missions.SchedulePage{Schedules: []missions.Schedule{}}
	size := 0
	var err error
	if page.Total, err = r.scheduleCount(ctx); err != nil {
		return missions.SchedulePage{}, err
	}
	for page.Next = cursor; ; {
		want := min(schedulesAtOnce, limit-len(page.Schedules))
		ids, err := r.scheduleIDs(ctx, page.Next, want+1)
		if err != nil {
			return missions.SchedulePage{}, err
		}
		more := len(ids) > want
		ids = ids[:min(len(ids), want)]
		found, err := r.schedules(ctx, ids)
		if err != nil {
			return missions.SchedulePage{}, err
		}
		for i := range found {
			text, err := json.Marshal(&found[i])
			if err != nil {
				return missions.SchedulePage{}, r.by.public(err)
			}
			if size += len(text) + 1; maxBytes > 0 && size > maxBytes && len(page.Schedules) > 0 {
				return page, nil
			}
			page.Schedules = append(page.Schedules, found[i])
			page.Next = found[i].ID
		}
		switch {
		case !more:
			page.Next = ""
			return page, nil
		case len(page.Schedules) == limit:
			return page, nil
		}
		page.Next = ids[len(ids)-1] // some may have been deleted meanwhile
	}
}

// scheduleCount returns how many schedules there are.
func (r reads) scheduleCount(ctx context.Context) (int, error) {
	return read(ctx, r.by, func() (int, error) {
		docs, err := r.backend.Docs(ctx, []string{engine.SchedulesKey()})
		if err != nil {
			return 0, err
		}
		return engine.DecodeScheduleCount(docs[engine.SchedulesKey()])
	})
}

// ScheduleFigures implements [missions.Schedules].
func (r reads) ScheduleFigures(ctx context.Context) (missions.ScheduleFigures, error) {
	lists, err := read(ctx, r.by, func() ([][]string, error) { return r.backend.Members(ctx, engine.RangesOfSchedules()) })
	if err != nil {
		return missions.ScheduleFigures{}, err
	}
	return engine.ScheduleFigures(lists, r.by.now()), nil
}

func (r reads) scheduleIDs(ctx context.Context, after string, limit int) ([]string, error) {
	return read(ctx, r.by, func() ([]string, error) {
		lists, err := r.backend.Members(ctx, []engine.Range{engine.ScheduleRange(after, limit)})
		if err != nil {
			return nil, err
		}
		return lists[0], nil
	})
}
