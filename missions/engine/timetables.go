package engine

import (
	"encoding/json"
	"math"
	"strconv"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// The sets and documents of schedules. A new data set has none of them.
const (
	setSchedules = "schedules" // ids
	setDue       = "due"       // ids, behind the time at which they are due next
	setMissed    = "missed"    // ids of those that have missed occurrences, the latest first

	docSchedule  = "c/"        // and an id
	docSchedules = "schedules" // how many there are
)

// timetable is a schedule as its document has it.
type timetable struct {
	missions.Schedule
	done     missions.Time // what was due up to here has been done
	previous string        // the mission that was created last, but for those of past times
	behind   bool          // there is more to catch up
	timing   *missions.Timing
}

// storedTimetable is the content of the document.
type storedTimetable struct {
	missions.Schedule
	Done     missions.Time `json:"done"`
	Previous string        `json:"previous,omitzero"`
	Behind   bool          `json:"behind,omitzero"`
}

// timetableOf is a document as bytes.
func timetableOf(c *codec.Codec, t *timetable) {
	var text []byte
	if !c.Reading() {
		text, _ = json.Marshal(storedTimetable{t.Schedule, t.done, t.previous, t.behind}) // it was read from JSON
	}
	if codec.Content(c, &text); !c.Reading() {
		return
	}
	var stored storedTimetable
	if json.Unmarshal(text, &stored) != nil {
		c.Fail()
		return
	}
	timing, err := stored.Timing()
	if err != nil { // a later version may have written it
		c.Fail()
		return
	}
	*t = timetable{stored.Schedule, stored.Done, stored.Previous, stored.Behind, timing}
}

// DecodeSchedule returns a schedule from the document that a backend has of it.
func DecodeSchedule(body []byte) (missions.Schedule, error) {
	value, err := decodeDoc(docSchedule, body)
	if err != nil {
		return missions.Schedule{}, err
	}
	return value.(*timetable).Schedule, nil
}

// ScheduleKey returns the key of a schedule's document.
func ScheduleKey(id string) string { return docSchedule + id }

// ScheduleRange returns the range of the set of all schedules behind an id.
func ScheduleRange(after string, limit int) Range {
	return Range{Set: setSchedules, After: after, Limit: limit}
}

// timetable returns a schedule as it is, or nil if there is none.
func (e *Engine) timetable(id string) *timetable {
	t, _ := e.doc(docSchedule + id).(*timetable)
	return t
}

// schedules returns how many schedules there are.
func (e *Engine) schedules() count {
	n, _ := e.doc(docSchedules).(count)
	return n
}

// editTimetable returns a schedule for changes.
func (e *Engine) editTimetable(t *timetable) *timetable {
	fork := *t
	e.setDoc(docSchedule+t.ID, &fork)
	return &fork
}

// dueMember is the member of a schedule of the set of those that are due.
func dueMember(at missions.Time, id string) string { return inOrder(int64(at), id) }

// parseDue is the reverse of dueMember.
func parseDue(member string) (at missions.Time, id string) {
	if len(member) <= len(position(0)) {
		return math.MaxInt64, ""
	}
	n, err := strconv.ParseInt(member[:len(position(0))], 16, 64)
	if err != nil {
		return math.MaxInt64, ""
	}
	return missions.Time(n), member[len(position(0))+1:]
}

// planNext plans when a schedule is due next; 0 for never.
func (e *Engine) planNext(t *timetable, at missions.Time) {
	if t.NextAt == at {
		return
	}
	if t.NextAt != 0 {
		e.notDue(dueMember(t.NextAt, t.ID))
	}
	if t.NextAt = at; at != 0 {
		member := dueMember(at, t.ID)
		e.member(setDue, member, false)
		e.due.add(member)
	}
}

// notDue takes a member out of the set of schedules that are due.
func (e *Engine) notDue(member string) {
	e.member(setDue, member, true)
	e.due.remove(member)
}

// NeedSetSchedule adds what [Engine.SetSchedule] needs, which is also what [Engine.DeleteSchedule] does.
func (e *Engine) NeedSetSchedule(n *Need, id string) { e.needDocs(n, docSchedule+id, docSchedules) }

// SetSchedule adds a schedule, or changes it. See [missions.Schedules].
func (e *Engine) SetSchedule(q *missions.ScheduleRequest) missions.ScheduleResult {
	timing, err := q.Spec.Timing()
	if err != nil {
		return missions.ScheduleResult{Err: err}
	}
	t := e.timetable(q.Spec.ID)
	same := false
	switch {
	case t == nil && q.IfChangedAt != 0:
		return missions.ScheduleResult{Err: missions.NotFound("schedule", q.Spec.ID)}
	case t == nil:
		n := e.schedules()
		if n >= missions.MaxSchedules {
			return missions.ScheduleResult{Err: missions.Overloaded("there are %d schedules, and there can be no more; delete one", missions.MaxSchedules)}
		}
		e.setDoc(docSchedules, n+1)
		e.member(setSchedules, q.Spec.ID, false)
		t = e.editTimetable(&timetable{Schedule: missions.Schedule{ScheduleSpec: q.Spec, CreatedAt: e.now}})
	case t.SameContent(&q.Spec):
		return missions.ScheduleResult{Schedule: t.Schedule}
	case q.IfChangedAt != 0 && q.IfChangedAt != t.ChangedAt:
		return missions.ScheduleResult{Err: missions.Conflict("schedule %q has changed meanwhile", q.Spec.ID)}
	default:
		same = t.SameTimes(&q.Spec) && !t.Paused
		t = e.editTimetable(t)
	}
	t.ScheduleSpec, t.timing = q.Spec, timing
	t.ChangedAt, t.By, t.ByProven = e.now, q.By, q.ByProven
	switch {
	case t.Paused:
		e.planNext(t, 0)
	case !same:
		e.planNext(t, timing.Next(max(e.now, t.done)))
	}
	e.scheduleChanged(t.ID, q.By)
	return missions.ScheduleResult{Schedule: t.Schedule, Changed: true}
}

func (e *Engine) scheduleChanged(id, by string) {
	e.emit(missions.Event{Kind: missions.EventScheduleChanged, Name: id, Message: by})
}

// DeleteSchedule deletes a schedule. See [missions.Schedules].
func (e *Engine) DeleteSchedule(q *missions.DeleteScheduleRequest) missions.ScheduleResult {
	t := e.timetable(q.ID)
	if t == nil {
		return missions.ScheduleResult{Err: missions.NotFound("schedule", q.ID)}
	}
	t = e.editTimetable(t)
	last := t.Schedule
	e.planNext(t, 0)
	e.missedLast(t, 0)
	e.setDoc(docSchedule+q.ID, nil)
	e.setDoc(docSchedules, max(0, e.schedules()-1))
	e.member(setSchedules, q.ID, true)
	e.scheduleChanged(q.ID, q.By)
	return missions.ScheduleResult{Schedule: last, Changed: true}
}

// NeedTrigger adds what [Engine.TriggerSchedule] needs.
func (e *Engine) NeedTrigger(n *Need, id *string) {
	e.needDocs(n, docSchedule+*id)
	if t, _ := e.docs.byKey[docSchedule+*id].(*timetable); t != nil {
		m := t.Triggered(wholeSecond(e.now))
		e.needOccurrence(n, t, &m)
	}
}

// needOccurrence adds what creating a mission of a schedule needs.
func (e *Engine) needOccurrence(n *Need, t *timetable, m *missions.Mission) {
	e.NeedCreate(n, m)
	if t.previous != "" {
		e.needRecord(n, t.previous)
	}
}

func wholeSecond(t missions.Time) missions.Time { return t - t%1e6 }

// TriggerSchedule creates a mission of a schedule now. See [missions.Schedules].
func (e *Engine) TriggerSchedule(id *string) missions.CreateResult {
	t := e.timetable(*id)
	if t == nil {
		return missions.CreateResult{Err: missions.NotFound("schedule", *id)}
	}
	m := t.Triggered(wholeSecond(e.now))
	if old := e.records.get(m.ID); old != nil {
		return missions.CreateResult{Mission: e.output(old)}
	}
	alive, err := e.previousLives(t)
	switch {
	case err != nil:
		return missions.CreateResult{Err: err}
	case alive && t.Mission.KeepsApart():
		return missions.CreateResult{Mission: e.output(e.records.get(t.previous))}
	}
	result := e.Create(&m)
	if result.Created {
		e.editTimetable(t).previous = m.ID
	}
	return result
}

// previousLives reports whether the mission that a schedule created last is PENDING or RUNNING.
func (e *Engine) previousLives(t *timetable) (bool, error) {
	if err := e.records.unreachable[t.previous]; err != nil {
		return false, err
	}
	r := e.records.get(t.previous)
	return r != nil && !r.Status.Terminal(), nil
}
