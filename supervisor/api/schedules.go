package api

import (
	"missioncontrol/missions"
)

// SetScheduleRequest adds a schedule, or changes it.
type SetScheduleRequest struct {
	missions.ScheduleSpec
	IfChangedAt missions.Time `json:"if_changed_at,omitzero"` // changed_at of the schedule that is to be changed; default: any, or none
}

// Schedule is a schedule, and when it is due next.
type Schedule struct {
	missions.Schedule
	NextTimes []missions.Time `json:"next_times,omitzero"` // the next five; none while it is paused
}

// SchedulesRequest lists schedules, by id.
type SchedulesRequest struct {
	Limit  int    `json:"limit,omitzero"` // 1 to 1000, default 100
	Cursor string `json:"cursor,omitzero"`
	Times  bool   `json:"times,omitzero"` // with next_times
}

// ScheduleList is one page of schedules.
type ScheduleList struct {
	Schedules  []Schedule `json:"schedules"`
	Total      int        `json:"total"` // how many there are in all
	NextCursor string     `json:"next_cursor,omitzero"`
}

// Triggered is the mission of a schedule that was triggered.
type Triggered struct {
	Mission missions.Mission `json:"mission"`
	Created bool             `json:"created"` // false if it has existed: an earlier one has not ended, and they may not overlap, or holds their unique key
}

// BackfillRequest creates the missions of past occurrences of a schedule.
type BackfillRequest struct {
	ID   string        `json:"id"`
	From missions.Time `json:"from"`
	To   missions.Time `json:"to,omitzero"` // inclusive; default: now
}

// Backfilled says what became of past occurrences.
type Backfilled struct {
	Created  int `json:"created"`
	Existing int `json:"existing"` // they had a mission, or one holds its unique key
}

// PreviewRequest asks when a schedule would be due.
type PreviewRequest struct {
	Cron          string        `json:"cron,omitzero"`
	TimeZone      string        `json:"time_zone,omitzero"`     // default: UTC
	EverySeconds  int64         `json:"every_seconds,omitzero"` // instead of cron
	OffsetSeconds int64         `json:"offset_seconds,omitzero"`
	Count         int           `json:"count,omitzero"` // 1 to 100, default 5
	From          missions.Time `json:"from,omitzero"`  // the earliest time; default: now
}

// Preview is when a schedule would be due next.
type Preview struct {
	Times []missions.Time `json:"times"`
}

// NextTimes is how many times of a schedule are looked ahead.
const NextTimes = 5

const maxPreview = 100

// Spec checks the request and returns the schedule.
func (r *SetScheduleRequest) Spec() (missions.ScheduleSpec, error) {
	spec := r.ScheduleSpec
	spec.Normalize()
	if r.IfChangedAt < 0 {
		return spec, missions.Invalid("if_changed_at", "is not a time in Unix seconds")
	}
	return spec, spec.Validate()
}

// Page checks the request and returns how many schedules to read.
func (r *SchedulesRequest) Page() (int, error) {
	if r.Cursor != "" {
		if err := missions.CheckToken("cursor", r.Cursor); err != nil {
			return 0, err
		}
	}
	return page(r.Limit)
}

// Backfill checks the request and returns what the store is asked for.
func (r *BackfillRequest) Backfill() (missions.BackfillRequest, error) {
	q := missions.BackfillRequest{ID: r.ID, From: r.From, To: r.To}
	if err := missions.CheckToken("id", r.ID); err != nil {
		return q, err
	}
	switch {
	case r.From == 0:
		return q, missions.Invalid("from", "is required: a time in Unix seconds")
	case r.To != 0 && r.To < r.From:
		return q, missions.Invalid("to", "is before from")
	}
	return q, nil
}

// Timing checks the request and returns when the schedule would be due, and how many times are asked for.
func (r *PreviewRequest) Timing() (*missions.Timing, int, error) {
	spec := missions.ScheduleSpec{Cron: r.Cron, TimeZone: r.TimeZone, EverySeconds: r.EverySeconds, OffsetSeconds: r.OffsetSeconds}
	spec.Normalize()
	timing, err := spec.Timing()
	switch {
	case err != nil:
		return nil, 0, err
	case r.From < 0:
		return nil, 0, missions.Invalid("from", "is not a time in Unix seconds")
	case r.Count == 0:
		return timing, NextTimes, nil
	case r.Count < 1 || r.Count > maxPreview:
		return nil, 0, missions.Invalid("count", "must be between 1 and %d", maxPreview)
	}
	return timing, r.Count, nil
}
