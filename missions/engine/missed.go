package engine

import (
	"math"
	"strconv"

	"missioncontrol/missions"
)

// missedMember is the member of a schedule of the set of those that have missed occurrences.
func missedMember(at missions.Time, id string) string { return inOrder(math.MaxInt64-int64(at), id) }

// missedLast notes when it was found that a schedule has missed an occurrence; 0 for never.
func (e *Engine) missedLast(t *timetable, at missions.Time) {
	if t.MissedAt == at {
		return
	}
	if t.MissedAt != 0 {
		e.member(setMissed, missedMember(t.MissedAt, t.ID), true)
	}
	if t.MissedAt = at; at != 0 {
		e.member(setMissed, missedMember(at, t.ID), false)
	}
}

// RangesOfSchedules are what [ScheduleFigures] needs of sets.
func RangesOfSchedules() []Range {
	return []Range{{Set: setDue, Limit: 1}, {Set: setMissed, Limit: missions.MostMissed}}
}

// ScheduleFigures returns the figures at a time, from the members of RangesOfSchedules. See [missions.Schedules].
func ScheduleFigures(lists [][]string, now missions.Time) (f missions.ScheduleFigures) {
	for _, member := range lists[0] {
		if at, _ := parseDue(member); at < now {
			f.Overdue = now.Sub(at)
		}
	}
	for _, member := range lists[1] {
		behind, err := strconv.ParseInt(member[:min(len(member), len(position(0)))], 16, 64)
		if err == nil && now.Sub(missions.Time(math.MaxInt64-behind)) < missions.RecentlyMissed {
			f.Missed++
		}
	}
	return f
}

// SchedulesKey returns the key of the document that says how many schedules there are.
func SchedulesKey() string { return docSchedules }

// DecodeScheduleCount returns how many schedules there are from that document; it may be missing.
func DecodeScheduleCount(body []byte) (int, error) {
	if body == nil {
		return 0, nil
	}
	n, err := decodeDoc(docSchedules, body)
	if err != nil {
		return 0, err
	}
	return int(n.(count)), nil
}
