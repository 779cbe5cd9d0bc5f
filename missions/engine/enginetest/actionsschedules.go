package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

var simulatedSchedules = []string{"s0", "s1", "s2"}

// simulatedPeriods are so long that one Due does all that a step of the clock makes due: else, the order in which
// missions of several schedules are created would depend on how much one Due does.
var simulatedPeriods = []int{31, 37, 41}

func (w *world) changeSchedule(a Action) error {
	switch a.Kind {
	case "set schedule":
		return w.setSchedule(a)
	case "delete schedule":
		return w.deleteSchedule(pick(simulatedSchedules, a.A))
	}
	return w.trigger(pick(simulatedSchedules, a.A))
}

// setSchedule adds a schedule, or changes it.
func (w *world) setSchedule(a Action) error {
	d := a.dice()
	is := modelSchedule{id: pick(simulatedSchedules, a.A), overlaps: d.one(3), paused: d.one(6)}
	spec := missions.ScheduleSpec{ID: is.id, EverySeconds: int64(pick(simulatedPeriods, uint32(d.below(3)))), Mission: missions.Template{Name: "scheduled", Type: "x"}, Paused: is.paused} //nolint:gosec // small
	spec.CatchUp = pick([]missions.CatchUp{missions.CatchUpLast, missions.CatchUpAll, missions.CatchUpNone}, uint32(d.below(3)))                                                           //nolint:gosec // small
	spec.CatchUpSeconds = int64(pick([]int{1, 200}, uint32(d.below(2))))                                                                                                                   //nolint:gosec // small
	if is.overlaps {
		spec.Mission.Unique = json.RawMessage("null")
	}
	spec.Normalize()
	is.period, is.all = missions.Time(spec.EverySeconds)*1e6, spec.CatchUp == missions.CatchUpAll
	if is.within = missions.OnTime; spec.CatchUp != missions.CatchUpNone && spec.CatchUpSeconds > 30 {
		is.within = time.Duration(spec.CatchUpSeconds) * time.Second
	}
	if err := w.supply(func(n *engine.Need) { w.engine.NeedSetSchedule(n, spec.ID) }); err != nil {
		return err
	}
	result := w.engine.SetSchedule(&missions.ScheduleRequest{Spec: spec})
	w.next.setSchedule(is, w.now())
	return w.agree(answer(result.Err, fmt.Sprint(result.Schedule.NextAt)), fmt.Sprint(w.next.schedule(is.id).next))
}

func (w *world) deleteSchedule(id string) error {
	if err := w.supply(func(n *engine.Need) { w.engine.NeedSetSchedule(n, id) }); err != nil {
		return err
	}
	result := w.engine.DeleteSchedule(&missions.DeleteScheduleRequest{ID: id})
	want := "not_found"
	for i := range w.next.schedules {
		if w.next.schedules[i].id == id {
			want = "deleted"
			w.next.schedules = append(w.next.schedules[:i:i], w.next.schedules[i+1:]...)
			break
		}
	}
	return w.agree(answer(result.Err, "deleted"), want)
}

func (w *world) trigger(id string) error {
	if err := w.supply(func(n *engine.Need) { w.engine.NeedTrigger(n, &id) }); err != nil {
		return err
	}
	result := w.engine.TriggerSchedule(&id)
	return w.agree(answer(result.Err, fmt.Sprint(result.Mission.ID, " ", result.Created)), w.next.trigger(id, w.now()))
}

// compareSchedules checks what is stored of schedules. After Due, none may be overdue.
func (w *world) compareSchedules() error {
	keys := make([]string, len(simulatedSchedules))
	for i, id := range simulatedSchedules {
		keys[i] = engine.ScheduleKey(id)
	}
	docs, err := w.backend.Docs(w.ctx, keys)
	if err != nil {
		return err
	}
	var missed []missions.Time
	for i, id := range simulatedSchedules {
		got, want := "", ""
		if body := docs[keys[i]]; body != nil {
			s, err := engine.DecodeSchedule(body)
			if err != nil {
				return err
			}
			got = (&modelSchedule{id: s.ID, paused: s.Paused, next: s.NextAt, last: s.LastAt, missed: s.Missed}).is()
			missed = append(missed, s.MissedAt)
		}
		if s := w.is.schedule(id); s != nil {
			want = s.is()
		}
		if got != want {
			return fmt.Errorf("stored is the schedule\n  %s\nand the model has\n  %s", got, want)
		}
	}
	return w.compareMissed(missed)
}

// compareMissed checks that the schedules that have missed occurrences stand in their set, and no others do.
func (w *world) compareMissed(at []missions.Time) error {
	lists, err := w.backend.Members(w.ctx, engine.RangesOfSchedules())
	if err != nil {
		return err
	}
	want, latest := 0, slices.Max(append(at, 0))
	for _, t := range at {
		if t != 0 && latest.Sub(t) < missions.RecentlyMissed {
			want++
		}
	}
	if got := engine.ScheduleFigures(lists, latest).Missed; got != want {
		return fmt.Errorf("%d schedules have missed occurrences, and %d are counted", want, got)
	}
	return nil
}

// onTime checks that no schedule is overdue.
func (w *world) onTime(now missions.Time) error {
	for i := range w.is.schedules {
		if s := &w.is.schedules[i]; s.next != 0 && s.next <= now {
			return fmt.Errorf("schedule %s is overdue at %d", s.is(), now)
		}
	}
	return nil
}
