package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// scheduled checks guarantee 12: each time at which a schedule is due has one mission, or is told to be
// missed, and no schedule stays overdue.
func (x *index) scheduled() {
	for _, id := range slices.Sorted(maps.Keys(x.schedules)) {
		t := x.timetable(id)
		x.isNotOverdue(t)
		x.createsOnce(t)
		x.missesAreCounted(t)
		for i := range t.spans {
			x.dueIsDone(t, i)
		}
	}
	x.triggeredIsThere()
}

// timetable is what is known of a schedule.
type timetable struct {
	id       string
	created  map[int64][]*Event // missions by the time that they are for
	missed   []*Event
	spans    []span
	possible []Schedule // what it may ever have been
}

// span is the time between two changes of a schedule.
type span struct {
	from, to float64
	last     bool      // nothing changed it later
	content  *Schedule // nil if it is not known, or there was none
}

// timetable collects what answers and events say of a schedule.
func (x *index) timetable(id string) *timetable {
	t := &timetable{id: id, created: map[int64][]*Event{}}
	var changes []float64
	for i := range x.Events {
		e := &x.Events[i]
		switch at, of := occurrence(id, e.Payload.MissionID); {
		case e.Type == scheduleChanged && e.Payload.ScheduleID == id:
			changes = append(changes, e.Payload.ChangedAt)
		case e.Type == scheduleMissed && e.Payload.ScheduleID == id:
			t.missed = append(t.missed, e)
		case e.Type == missionCreated && of:
			t.created[at] = append(t.created[at], e)
		}
	}
	contents := x.contents(t)
	for i, at := range changes {
		s := span{from: at, to: x.SchedulesAt, last: i == len(changes)-1, content: contents[micros(at)]}
		if !s.last {
			s.to = changes[i+1]
		}
		if s.to > s.from {
			t.spans = append(t.spans, s)
		}
	}
	return t
}

// micros is a time that two numbers of seconds have in common.
func micros(at float64) int64 { return int64(math.Round(at * 1e6)) }

// contents returns what a schedule said, by the time since when it said so: answers name both. It is not known
// what it said if one time has two contents.
func (x *index) contents(t *timetable) map[int64]*Schedule {
	known := map[int64]*Schedule{}
	for _, op := range []string{"schedules.set", "schedules.get"} {
		for _, s := range x.byOp[op] {
			if s.about() != t.id || s.outcome == Refused {
				continue
			}
			var asked, is Schedule
			if op == "schedules.set" && json.Unmarshal(s.Request, &asked) == nil {
				t.possible = append(t.possible, asked)
			}
			if s.outcome != OK || json.Unmarshal(s.Reply, &is) != nil || is.ChangedAt == 0 {
				continue
			}
			at := micros(is.ChangedAt)
			if old, twice := known[at]; twice && (old == nil || !old.says(&is)) {
				known[at] = nil
				continue
			}
			known[at] = &is
		}
	}
	return known
}

// says reports whether two schedules say the same.
func (s *Schedule) says(o *Schedule) bool {
	return s.Every == o.Every && s.Offset == o.Offset && s.CatchUp == o.CatchUp && s.Within == o.Within && s.Paused == o.Paused && s.overlaps() == o.overlaps()
}

// occurrence returns the time of a schedule that a mission is for, if it is one of the schedule's.
func occurrence(schedule, mission string) (at int64, of bool) {
	text, of := strings.CutPrefix(mission, schedule+"-")
	if !of {
		return 0, false
	}
	at, err := strconv.ParseInt(text, 10, 64)
	return at, err == nil
}

// isOccurrence reports whether a mission is one of a schedule that somebody may have set.
func (x *index) isOccurrence(mission string) bool {
	cut := max(0, strings.LastIndexByte(mission, '-'))
	_, of := occurrence(mission[:cut], mission)
	return of && x.schedules[mission[:cut]]
}

// slack is how late a schedule may be when nothing is wrong, in seconds.
const slack = 5

// isNotOverdue: in the end nothing that is due has been left.
func (x *index) isNotOverdue(t *timetable) {
	s, there := x.Schedules[t.id]
	switch {
	case !there || s.Paused:
	case s.NextAt == 0:
		x.violated(12, "", fmt.Sprintf("schedule %s is not paused, and never due again", t.id))
	case s.NextAt < x.SchedulesAt-slack:
		x.violated(12, "", fmt.Sprintf("schedule %s was due at %f, and at %f it is still due then", t.id, s.NextAt, x.SchedulesAt))
	}
}

// createsOnce: a time has one mission, and only if the schedule was due then, or somebody asked for it.
func (x *index) createsOnce(t *timetable) {
	for _, at := range slices.Sorted(maps.Keys(t.created)) {
		events := t.created[at]
		id := events[0].Payload.MissionID
		asked := x.isAskedFor(t.id, at, 0)
		deleted := len(x.possible(id, "missions.delete")) > 0
		if len(events) > 1 && !(asked && deleted) {
			x.violated(12, id, fmt.Sprintf("mission %s of schedule %s was created %d times (messages %d and %d)", id, t.id, len(events), events[0].Seq, events[1].Seq))
		}
		if _, there := x.Missions[id]; !there && !deleted {
			x.violated(12, id, fmt.Sprintf("mission %s of schedule %s was created, and it is not there", id, t.id))
		}
		due := slices.ContainsFunc(t.possible, func(s Schedule) bool { return s.isDue(at) })
		if !due && !asked {
			x.violated(12, id, fmt.Sprintf("mission %s was created, and schedule %s was never due then", id, t.id))
		}
	}
}

// isAskedForAgain reports whether somebody may have asked for a mission of a schedule after it was deleted.
func (x *index) isAskedForAgain(id string, deleted int64) bool {
	end := strings.LastIndexByte(id, '-')
	if end < 0 {
		return false
	}
	at, err := strconv.ParseInt(id[end+1:], 10, 64)
	return err == nil && x.isAskedFor(id[:end], at, deleted)
}

// isAskedFor reports whether somebody may have asked for a schedule's mission of a time, after a time of the monotonic
// clock.
func (x *index) isAskedFor(schedule string, at, after int64) bool {
	for _, s := range x.byOp["schedules.trigger"] {
		from, to := float64(s.Asked)/1e9+x.Wall-1-slack, float64(s.by())/1e9+x.Wall+slack
		if s.about() == schedule && s.outcome != Refused && s.by() > after && float64(at) >= from && float64(at) <= to {
			return true
		}
	}
	for _, s := range x.byOp["schedules.backfill"] {
		var request struct {
			From, To float64
		}
		_ = json.Unmarshal(s.Request, &request) // nothing
		if s.about() == schedule && s.outcome != Refused && s.by() > after && float64(at) >= request.From && float64(at) <= request.To {
			return true
		}
	}
	return false
}

// isMissed reports whether an event tells that a time was missed.
func (t *timetable) isMissed(at int64) bool {
	for _, e := range t.missed {
		if float64(at) >= e.Payload.From && float64(at) <= e.Payload.To {
			return true
		}
	}
	return false
}

// missesAreCounted: a schedule counts the times that its events tell of.
func (x *index) missesAreCounted(t *timetable) {
	s, there := x.Schedules[t.id]
	if !there {
		return
	}
	told := int64(0)
	for _, e := range t.missed {
		if e.Timestamp >= s.CreatedAt && e.Timestamp <= x.SchedulesAt-slack {
			told += e.Payload.Count
		}
	}
	recent := int64(0) // may have been told while the schedules were read
	for _, e := range t.missed {
		if e.Timestamp > x.SchedulesAt-slack {
			recent += e.Payload.Count
		}
	}
	if s.Missed < told || s.Missed > told+recent {
		x.violated(12, "", fmt.Sprintf("schedule %s has missed %d times, and its events tell of %d to %d", t.id, s.Missed, told, told+recent))
	}
}

// dueIsDone: each time between two changes has a mission, or is told to be missed. While a schedule is paused it
// has none; one that catches up all and whose missions may overlap misses none.
func (x *index) dueIsDone(t *timetable, i int) {
	s := &t.spans[i]
	if s.content == nil || s.content.Every == 0 {
		return
	}
	end := x.doneUntil(t, s)
	for at := s.content.next(s.from); float64(at) < end; at += s.content.Every {
		id := fmt.Sprintf("%s-%d", t.id, at)
		created, missed := len(t.created[at]) > 0, t.isMissed(at)
		strict := s.content.CatchUp == catchUpAll && s.content.overlaps() && s.content.Within == defaultWithin
		switch {
		case s.content.Paused && created && !x.isAskedFor(t.id, at, 0):
			x.violated(12, id, fmt.Sprintf("schedule %s was paused, and mission %s was created", t.id, id))
		case s.content.Paused:
		case !created && !missed:
			x.violated(12, id, fmt.Sprintf("schedule %s was due at %d, which has no mission, and no event tells that it was missed", t.id, at))
		case !created && strict:
			x.violated(12, id, fmt.Sprintf("schedule %s catches up all, and %d was missed", t.id, at))
		}
	}
}

// defaultWithin is for how long a schedule catches up unless it says otherwise, in seconds.
const defaultWithin = 86400

// doneUntil returns up to when all that was due is done, exclusively: in the end, up to the next time; before, as
// far as nothing was wrong for a while, since a change leaves out what is still to be caught up.
func (x *index) doneUntil(t *timetable, s *span) float64 {
	is, there := x.Schedules[t.id]
	switch {
	case s.content.Paused:
		return s.to
	case s.last && there && micros(is.ChangedAt) == micros(s.from):
		return is.NextAt
	case s.last:
		return s.from
	}
	for end := s.to; end > s.from; end-- {
		if x.undisturbed(int64((end-x.Wall)*1e9), int64((s.to-x.Wall)*1e9)) > patience {
			return end
		}
	}
	return s.from
}

// triggeredIsThere: a mission that a trigger has confirmed was created.
func (x *index) triggeredIsThere() {
	for _, s := range x.byOp["schedules.trigger"] {
		var reply answer
		if s.outcome != OK || json.Unmarshal(s.Reply, &reply) != nil || reply.Mission == nil {
			continue
		}
		id := reply.Mission.ID
		if _, of := occurrence(s.about(), id); !of {
			x.violated(12, id, fmt.Sprintf("schedule %s was triggered, and mission %s is not one of its", s.about(), id))
		}
		if x.lives(id) == 0 {
			x.violated(12, id, fmt.Sprintf("schedule %s was triggered, and no event tells of mission %s", s.about(), id))
		}
	}
}
