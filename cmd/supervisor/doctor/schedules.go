package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Bounds of what the doctor looks at and names of schedules.
const (
	schedulesAtOnce = 500
	schedulesNamed  = 5
	behindAfter     = time.Minute // less is a step that is under way, or a supervisor that takes over
)

// askSchedules counts the schedules again, and looks for those that do not do what they should.
func (d *doctor) askSchedules(ctx context.Context) {
	if !d.may("schedules", api.SubjectSchedulesList) {
		return
	}
	var health api.Health
	var err error
	d.ask(ctx, func(ctx context.Context) { health, err = d.session.Client.Health(ctx) })
	if err != nil || !slices.Contains(health.Features, "schedules") {
		return // already reported, or an older supervisor
	}
	all, total, err := d.listSchedules(ctx)
	if err == nil && len(all) != total { // some may have been set or deleted meanwhile
		all, total, err = d.listSchedules(ctx)
	}
	if err != nil {
		d.failed("schedules", err)
		return
	}
	d.recountSchedules(all, total)
	for _, look := range schedulesLooks(health.Timestamp) {
		var found []string
		for i := range all {
			if why := look.finds(&all[i]); why != "" {
				found = append(found, all[i].ID+why)
			}
		}
		if len(found) > 0 {
			d.add(look.check, look.status, look.message+named(found), look.advice)
		}
	}
}

// listSchedules returns all schedules, and how many there are as the supervisor counts them.
func (d *doctor) listSchedules(ctx context.Context) (all []missions.Schedule, total int, err error) {
	for request := (api.SchedulesRequest{Limit: schedulesAtOnce}); ; {
		var page api.ScheduleList
		d.ask(ctx, func(ctx context.Context) { page, err = d.session.Client.Schedules(ctx, request) })
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Schedules {
			all = append(all, page.Schedules[i].Schedule)
		}
		total = page.Total
		if request.Cursor = page.NextCursor; request.Cursor == "" {
			return all, total, nil
		}
	}
}

// recountSchedules compares what the store keeps about schedules: how many there are with the list, and when each
// is due with what it says.
func (d *doctor) recountSchedules(all []missions.Schedule, total int) {
	const advice = "the store's data contradicts itself: set the schedules again that are missing or wrong, and report this, with the supervisor's log"
	if len(all) != total {
		d.add("schedules", wrong, fmt.Sprintf("the supervisor counts %s, and lists %s", ui.Plural(total, "schedule", "schedules"), ui.Count(len(all))), advice)
		return
	}
	var odd []string
	for i := range all {
		if why := contradiction(&all[i]); why != "" {
			odd = append(odd, all[i].ID+" "+why)
		}
	}
	switch {
	case len(odd) > 0:
		d.add("schedules", wrong, "what is stored does not agree: "+named(odd), advice)
	case total == 0:
		d.well("schedules", "there are none")
	default:
		d.well("schedules", "%s, counted and planned as set", ui.Plural(total, "schedule", "schedules"))
	}
}

// contradiction says how a schedule's next time contradicts the schedule; "" if it does not.
func contradiction(s *missions.Schedule) string {
	switch timing, err := s.Timing(); {
	case err != nil:
		return "cannot be read: " + err.Error()
	case s.Paused && s.NextAt != 0:
		return "is paused, and due next"
	case s.NextAt != 0 && timing.Next(s.NextAt-1) != s.NextAt:
		return "is due next at a time that is none of its times"
	}
	return ""
}

// schedulesLook is something that can be wrong with a schedule.
type schedulesLook struct {
	check           string
	status          verdict
	message, advice string
	finds           func(*missions.Schedule) string // what it is about the schedule; "" for nothing
}

// schedulesLooks returns what the doctor looks for in each schedule, at the supervisor's time.
func schedulesLooks(now missions.Time) []schedulesLook {
	return []schedulesLook{
		{"schedules_behind", wrong, "these are due and nothing happens: ",
			"check that a supervisor leads, and that its store and outbox accept events: supervisor status, and the log",
			func(s *missions.Schedule) string {
				if late := now.Sub(s.NextAt); s.NextAt != 0 && late > behindAfter {
					return " (for " + ui.FormatDuration(late) + ")"
				}
				return ""
			}},
		{"schedules_missed", warned, "the latest time has no mission: ",
			"supervisor schedules get ID says why; create what is missing with supervisor schedules backfill ID --from TIME",
			func(s *missions.Schedule) string {
				if s.LastError != "" {
					return " (" + ui.Shorten(s.LastError, 100) + ")"
				}
				return ""
			}},
		{"schedules_ended", warned, "these are not paused and will never be due again: ",
			"delete them with supervisor schedules delete ID, or set when they end",
			func(s *missions.Schedule) string {
				if s.Paused || s.NextAt != 0 {
					return ""
				}
				if s.EndsAt == 0 {
					return " (no such time exists)"
				}
				return " (ended)"
			}},
	}
}

// named lists the first of some things.
func named(all []string) string {
	text := strings.Join(all[:min(len(all), schedulesNamed)], ", ")
	if more := len(all) - schedulesNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
