package doctor

import (
	"context"
	"fmt"
	"slices"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Bounds of what the doctor looks at of limits.
const (
	limitsAtOnce  = 500
	runningAtMost = 20 // pages of running missions
)

// askLimits counts what runs under each limit again, and names those that let nothing start.
func (d *doctor) askLimits(ctx context.Context) {
	if !d.may("limits", api.SubjectLimitsList) {
		return
	}
	var health api.Health
	var err error
	d.ask(ctx, func(ctx context.Context) { health, err = d.session.Client.Health(ctx) })
	if err != nil || !slices.Contains(health.Features, "limits") {
		return // already reported, or an older supervisor
	}
	var all []missions.LimitStatus
	var odd []string
	for range 3 { // missions may start and end meanwhile
		if all, odd, err = d.recountLimits(ctx); err != nil {
			d.failed("limits", err)
			return
		}
		if len(odd) == 0 {
			break
		}
	}
	switch {
	case len(odd) > 0:
		d.add("limits", warned, "what runs under these is counted otherwise than it is listed: "+named(odd),
			"if missions start and end all the time, this means nothing; otherwise report it, with the supervisor's log")
	case len(all) == 0:
		d.well("limits", "there are none")
	default:
		d.well("limits", "%s, and as many missions run under each as it counts", ui.Plural(len(all), "limit", "limits"))
	}
	var paused []string
	for i := range all {
		if l := &all[i]; l.Paused {
			paused = append(paused, fmt.Sprintf("%s (%s waiting)", l.Name, ui.Count(l.Waiting)))
		}
	}
	if len(paused) > 0 {
		d.add("limits_paused", warned, "these let no mission start: "+named(paused), "supervisor limits resume NAME")
	}
}

// recountLimits returns all limits, and those that count other missions than run.
func (d *doctor) recountLimits(ctx context.Context) (all []missions.LimitStatus, odd []string, err error) {
	for request := (api.LimitsRequest{Limit: limitsAtOnce}); ; {
		var page api.LimitList
		if d.ask(ctx, func(ctx context.Context) { page, err = d.session.Client.Limits(ctx, request) }); err != nil {
			return nil, nil, err
		}
		all = append(all, page.Limits...)
		if request.Cursor = page.NextCursor; request.Cursor == "" {
			break
		}
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	running, complete, err := d.countRunning(ctx, all)
	if err != nil || !complete {
		return all, nil, err
	}
	for i := range all {
		if l := &all[i]; l.Running != running[i] {
			odd = append(odd, fmt.Sprintf("%s (%s, %s)", l.Name, ui.Count(l.Running), ui.Count(running[i])))
		}
	}
	return all, odd, nil
}

// countRunning counts the running missions to which each limit applies. It is not complete if there are too many.
func (d *doctor) countRunning(ctx context.Context, limits []missions.LimitStatus) (running []int64, complete bool, err error) {
	running = make([]int64, len(limits))
	request := api.ListRequest{Status: missions.Running, Limit: api.MaxPage}
	for range runningAtMost {
		var page api.MissionList
		if d.ask(ctx, func(ctx context.Context) { page, err = d.session.Client.List(ctx, request) }); err != nil {
			return nil, false, err
		}
		for i := range page.Missions {
			m := &page.Missions[i]
			for j := range limits {
				if l := &limits[j]; l.AppliesToType(m.Type) || m.Flow != nil && slices.Contains(m.Limits, l.Name) {
					running[j]++
				}
			}
		}
		if request.Cursor = page.NextCursor; request.Cursor == 0 {
			return running, true, nil
		}
	}
	return running, false, nil
}
