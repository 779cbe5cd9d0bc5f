package engine

import (
	"errors"

	"missioncontrol/missions"
)

// Bounds of what one Due and one Backfill do.
const (
	timetablesAtOnce  = 64      // schedules
	skippedAtOnce     = 1000    // occurrences of a schedule that are missed
	occurrencesAtOnce = 100     // occurrences of a schedule whose missions are created
	createdBytes      = 8 << 20 // about how many bytes of missions are created
)

// dueSchedules returns the members of the schedules that Due looks at: of those that are due and can be done, the first.
func (e *Engine) dueSchedules(now missions.Time) (members []string) {
	if now < e.dueFrom {
		return nil
	}
	for _, member := range e.due.list {
		if at, _ := parseDue(member); at > now || len(members) == timetablesAtOnce {
			break
		}
		if !e.delayed[member] {
			members = append(members, member)
		}
	}
	return members
}

// needSchedules adds what schedules that are due need.
func (e *Engine) needSchedules(n *Need, now missions.Time) {
	if !e.due.has(1) {
		n.Ranges = append(n.Ranges, Range{Set: setDue, Limit: e.cfg.PlanWindow})
		return
	}
	for _, member := range e.dueSchedules(now) {
		_, id := parseDue(member)
		e.needDocs(n, docSchedule+id)
		t, _ := e.docs.byKey[docSchedule+id].(*timetable)
		if t == nil {
			continue
		}
		for _, at := range t.step(now).created {
			m := t.Occurrence(at)
			e.needOccurrence(n, t, &m)
		}
	}
}

// occurrences is what becomes of occurrences of a schedule that are due: first some are missed, then some have
// missions.
type occurrences struct {
	skipped
	created []missions.Time
	next    missions.Time // what is due then; 0 for nothing
}

// skipped are occurrences that have no mission.
type skipped struct {
	count    int
	from, to missions.Time
}

func (s *skipped) add(at missions.Time) {
	if s.count == 0 {
		s.from = at
	}
	s.count++
	s.to = at
}

// step returns what becomes of occurrences that are due by now, as far as one step goes.
func (t *timetable) step(now missions.Time) (o occurrences) {
	all := t.CatchUp == missions.CatchUpAll
	for o.next = t.NextAt; o.next != 0 && o.next <= now && o.count < skippedAtOnce && len(o.created) < occurrencesAtOnce; {
		at := o.next
		o.next = t.timing.Next(at)
		behind := o.next != 0 && o.next <= now
		switch late := now.Sub(at) > t.Latest(); {
		case late || behind && !all:
			o.skipped.add(at)
		default:
			o.created = append(o.created, at)
		}
	}
	return o
}

// schedules creates the missions of schedules that are due.
func (d *due) schedules() {
	e := d.engine
	todo := e.dueSchedules(e.now)
	if len(todo) > 0 && e.outboxFull() {
		e.dueFrom = e.now.Add(unreachablePause)
		return
	}
	for _, member := range todo {
		_, id := parseDue(member)
		value, known := e.docs.byKey[docSchedule+id]
		if d.left <= 0 || !known || e.batchBytes > createdBytes {
			break
		}
		t, there := value.(*timetable)
		if !there || dueMember(t.NextAt, id) != member { // a commit was broken off halfway
			e.notDue(member)
			continue
		}
		d.left--
		if err := d.occurrences(t); err != nil {
			e.delayed[member] = true
		}
	}
	if len(e.delayed) > 0 && len(e.dueSchedules(e.now)) == 0 {
		e.dueFrom = e.now.Add(unreachablePause)
		clear(e.delayed)
	}
}

// firstDue returns when the first schedule is due.
func (e *Engine) firstDue() (at missions.Time, there bool) {
	if len(e.due.list) == 0 {
		return e.now + 1, false
	}
	at, _ = parseDue(e.due.list[0])
	return at, true
}

// occurrences does what is due of a schedule. The error says why the rest of it stays due.
func (d *due) occurrences(of *timetable) error {
	e, t := d.engine, *of
	o := t.step(e.now)
	caught := t.CatchUp == missions.CatchUpAll && (t.behind || len(o.created) > 1 || e.now.Sub(of.NextAt) > missions.OnTime)
	var delayed error
	for _, at := range o.created {
		if e.batchBytes > createdBytes {
			o.next = at
			break
		}
		err := e.occurrence(d, &t, at, caught)
		if isDelay(err) {
			o.next, delayed = at, err
			break
		}
		if t.LastError = ""; err != nil {
			t.LastError = missions.FirstLine(err.Error())
			o.skipped.add(at)
			continue
		}
		t.LastAt = max(t.LastAt, at)
	}
	if o.next == of.NextAt {
		return delayed
	}
	if o.count > 0 {
		t.Missed += int64(o.count)
		e.missedLast(&t, e.now)
		e.emit(missions.Event{Kind: missions.EventScheduleMissed, Name: t.ID, Attempt: o.count, Since: o.from, Threshold: o.to.Seconds()})
	}
	t.behind = o.next != 0 && o.next <= e.now
	if t.done = max(t.done, e.now); t.behind {
		t.done = max(of.done, o.next-1)
	}
	e.planNext(e.editTimetable(&t), o.next)
	d.scheduled = true
	return delayed
}

// isDelay reports whether a mission could not be created because of something that passes.
func isDelay(err error) bool {
	return errors.Is(err, missions.ErrOverloaded) || errors.Is(err, missions.ErrUnavailable)
}

// occurrence creates the mission of an occurrence, unless it exists. With caught, it is one of several that were missed,
// which all have missions.
func (e *Engine) occurrence(d *due, t *timetable, at missions.Time, caught bool) error {
	m := t.Occurrence(at)
	if e.records.get(m.ID) != nil {
		return nil
	}
	if !caught && t.Mission.KeepsApart() {
		switch alive, err := e.previousLives(t); {
		case err != nil:
			return err
		case alive:
			return missions.Conflict("mission %q has not ended", t.previous)
		}
	}
	result := e.Create(&m)
	switch {
	case result.Err != nil:
		return result.Err
	case !result.Created:
		return missions.Conflict("the unique key %q is held by mission %q", m.Unique.Key, result.Mission.ID)
	}
	d.replaced(result.Replaced)
	t.previous = m.ID
	if r := e.records.get(m.ID); r.claimable() {
		d.isReady(r.Type)
	}
	return nil
}

// past returns some occurrences of a schedule that a backfill creates.
func (t *timetable) past(q *missions.BackfillRequest, now missions.Time) (at []missions.Time, next missions.Time) {
	to := now
	if q.To != 0 {
		to = min(q.To, now)
	}
	for next = t.timing.Next(q.From - 1); next != 0 && next <= to; next = t.timing.Next(next) {
		if len(at) == occurrencesAtOnce {
			return at, next
		}
		at = append(at, next)
	}
	return at, 0
}

// NeedBackfill adds what [Engine.Backfill] needs.
func (e *Engine) NeedBackfill(n *Need, q *missions.BackfillRequest) {
	e.needDocs(n, docSchedule+q.ID)
	t, _ := e.docs.byKey[docSchedule+q.ID].(*timetable)
	if t == nil {
		return
	}
	past, _ := t.past(q, e.now)
	for _, at := range past {
		m := t.Triggered(at)
		e.NeedCreate(n, &m)
	}
}

// Backfill creates missions of past occurrences. See [missions.Schedules].
func (e *Engine) Backfill(q *missions.BackfillRequest) (b missions.Backfilled) {
	t := e.timetable(q.ID)
	if t == nil {
		return missions.Backfilled{Err: missions.NotFound("schedule", q.ID)}
	}
	ready := takenBack{engine: e}
	past, next := t.past(q, e.now)
	for _, at := range past {
		if e.batchBytes > createdBytes && b.Created > 0 {
			next = at
			break
		}
		m := t.Triggered(at)
		if e.records.get(m.ID) != nil {
			b.Existing++
			continue
		}
		result := e.Create(&m)
		if b.Err = result.Err; b.Err != nil {
			b.Next = at
			break
		}
		if !result.Created {
			b.Existing++
			continue
		}
		ready.replaced(result.Replaced)
		b.Created++
		if r := e.records.get(m.ID); r.claimable() {
			ready.isReady(r.Type)
		}
	}
	if b.Err == nil {
		b.Next = next
	}
	b.Ready, b.Stop = ready.ready, ready.stop
	return b
}
