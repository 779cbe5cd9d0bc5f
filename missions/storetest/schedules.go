package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

// hourly returns a schedule that is due every hour, in half an hour for the first time.
func (f *fixture) hourly(id string) missions.ScheduleSpec {
	f.Helper()
	const hour = 3600
	s := missions.ScheduleSpec{ID: id, EverySeconds: hour, OffsetSeconds: (int64(f.now())/1e6 + hour/2) % hour,
		Mission: missions.Template{Name: "report", Type: "t", Data: json.RawMessage(`{"of": "yesterday"}`)}}
	s.Normalize()
	f.must(s.Validate())
	return s
}

// overlapping returns the same, and missions may be alive at the same time.
func (f *fixture) overlapping(id string) missions.ScheduleSpec {
	f.Helper()
	s := f.hourly(id)
	s.Mission.Unique = json.RawMessage("null")
	return s
}

func (f *fixture) setSchedule(s missions.ScheduleSpec) missions.Schedule {
	f.Helper()
	result, err := f.Store.SetSchedule(f.ctx, missions.ScheduleRequest{Spec: s, By: "alice", ByProven: true})
	f.must(err)
	return result.Schedule
}

func (f *fixture) schedule(id string) missions.Schedule {
	f.Helper()
	s, err := f.Store.Schedule(f.ctx, id)
	f.must(err)
	return s
}

// made returns the missions of a schedule, as the seconds for which they are, less those of a time.
func (f *fixture) made(id string, since missions.Time) (after []int) {
	f.Helper()
	after = []int{}
	for _, m := range f.list(missions.Filter{}) {
		if m.Flow != nil && m.ScheduleID == id {
			if want := missions.OccurrenceID(id, m.ScheduledFor); m.ID != want {
				f.Errorf("mission %s is for %d", m.ID, m.ScheduledFor)
			}
			after = append(after, int(m.ScheduledFor.Sub(since).Seconds()))
		}
	}
	slices.Sort(after)
	return after
}

// scheduleEvents returns the events of a schedule after a checkpoint, in short.
func (f *fixture) scheduleEvents(id string, after checkpoint) []string {
	f.Helper()
	short := []string{}
	for _, e := range f.events(after) {
		switch {
		case e.Name != id || e.MissionID != "":
		case e.Kind == missions.EventScheduleChanged:
			short = append(short, "changed by "+e.Message)
		case e.Kind == missions.EventScheduleMissed:
			short = append(short, fmt.Sprintf("missed %d, until %g s after the first", e.Attempt, e.Threshold-e.Since.Seconds()))
		}
	}
	return short
}

func testSchedules(s *suite) {
	s.run("an occurrence has a mission, once", func(f *fixture) {
		before := f.now()
		set := f.setSchedule(f.hourly("s"))
		if wait := set.NextAt.Sub(before); wait < 29*time.Minute || wait > 31*time.Minute || int64(set.NextAt)%1e6 != 0 {
			f.Fatalf("it is due in %s, at %d", wait, set.NextAt)
		}
		wantEqual(f, "next due", f.due().NextDue, set.NextAt)
		f.advance(29 * time.Minute)
		f.wantSame("before its time", f.made("s", set.NextAt), []int{})
		f.wantSame("ready", f.advance(2*time.Minute).Ready, []string{"t"})
		f.wantSame("at its time", f.made("s", set.NextAt), []int{0})
		f.due()
		f.Store = f.Reopen(f.T)
		f.due()
		f.wantSame("once", f.made("s", set.NextAt), []int{0})
		id := missions.OccurrenceID("s", set.NextAt)
		f.wantEvents(id, nil, "created")
		m := f.take(id)
		wantEqual(f, "schedule_id", m.ScheduleID, "s")
		wantEqual(f, "scheduled_for", m.ScheduledFor, set.NextAt)
		wantEqual(f, "data", string(m.Data), `{"of":"yesterday"}`)
		f.finish(completion(m, `1`))
		f.wantSame("as stored", f.get(id).Flow, m.Flow)
		s := f.schedule("s")
		wantEqual(f, "last_at", s.LastAt, set.NextAt)
		wantEqual(f, "next_at", s.NextAt, set.NextAt.Add(time.Hour))
		f.advance(time.Hour)
		f.wantSame("an hour later", f.made("s", set.NextAt), []int{0, 3600})
		f.wantSame("events of the schedule", f.scheduleEvents("s", nil), []string{"changed by alice"})
		f.wantRecount()
	})
	s.run("cron, in a time zone", func(f *fixture) {
		s := missions.ScheduleSpec{ID: "s", Cron: "30 14 * * *", TimeZone: "Asia/Kolkata", Mission: missions.Template{Name: "report"}}
		s.Normalize()
		f.must(s.Validate())
		at := f.setSchedule(s).NextAt
		wantEqual(f, "time of day, UTC", at.Time().Format("15:04:05"), "09:00:00")
		f.advance(24 * time.Hour)
		f.wantSame("made", f.made("s", at), []int{0})
	})
	s.run("many are due at once", func(f *fixture) {
		first := missions.Time(0)
		for i := range 150 {
			first = f.setSchedule(f.hourly(fmt.Sprint("s", i))).NextAt
		}
		f.advance(20 * time.Minute)
		f.Advance(20 * time.Minute)
		f.dueBy(7)
		for i := range 150 {
			f.wantSame("made", len(f.made(fmt.Sprint("s", i), first)), 1)
		}
		f.wantRecount()
	})
	testScheduleChanges(s)
	testScheduleConditions(s)
	testScheduleFigures(s)
	testCatchUp(s)
	testOverlap(s)
	testTriggerAndBackfill(s)
	testRefusedOccurrences(s)
}

func testScheduleChanges(s *suite) {
	s.run("the same content changes nothing", func(f *fixture) {
		spec := f.hourly("s")
		spec.Mission.Data = json.RawMessage(`{"a":1,"b":2}`)
		set := f.setSchedule(spec)
		position := f.checkpoint()
		f.advance(time.Minute)
		spec.Mission.Data = json.RawMessage(`{"b":2,"a":1}`)
		result, err := f.Store.SetSchedule(f.ctx, missions.ScheduleRequest{Spec: spec, By: "bob"})
		f.must(err)
		wantEqual(f, "changed", result.Changed, false)
		f.wantSame("schedule", result.Schedule, set)
		f.wantSame("as stored", f.schedule("s"), set)
		wantEqual(f, "events", len(f.events(position)), 0)
	})
	s.run("other missions are created at the same times, and other times are after now", func(f *fixture) {
		spec := f.overlapping("s")
		set := f.setSchedule(spec)
		position := f.checkpoint()
		f.advance(time.Minute)
		spec.Mission.Name = "another"
		again := f.setSchedule(spec)
		wantEqual(f, "next_at", again.NextAt, set.NextAt)
		wantEqual(f, "created_at", again.CreatedAt, set.CreatedAt)
		wantEqual(f, "changed_at is later", again.ChangedAt > set.ChangedAt, true)
		f.advance(30 * time.Minute)
		wantEqual(f, "name", f.get(missions.OccurrenceID("s", set.NextAt)).Name, "another")
		spec.EverySeconds, spec.OffsetSeconds = 7200, (spec.OffsetSeconds+1800)%7200
		if next := f.setSchedule(spec).NextAt; next <= f.now() {
			f.Errorf("it is due at %v", next)
		}
		f.wantSame("events", f.scheduleEvents("s", position), []string{"changed by alice", "changed by alice"})
	})
	s.run("a paused one is never due, and what it did not do is not caught up", func(f *fixture) {
		spec := f.hourly("s")
		first := f.setSchedule(spec).NextAt
		spec.Paused = true
		wantEqual(f, "next_at", f.setSchedule(spec).NextAt, 0)
		f.advance(3 * time.Hour)
		f.Store = f.Reopen(f.T)
		f.due()
		f.wantSame("while it is paused", f.made("s", first), []int{})
		spec.Paused = false
		wantEqual(f, "next_at", f.setSchedule(spec).NextAt, first.Add(3*time.Hour))
		f.advance(31 * time.Minute)
		f.wantSame("once it goes on", f.made("s", first), []int{3 * 3600})
		wantEqual(f, "missed", f.schedule("s").Missed, 0)
	})
	s.run("a deleted one is gone, its missions stay", func(f *fixture) {
		first := f.setSchedule(f.hourly("s")).NextAt
		f.advance(31 * time.Minute)
		last := f.schedule("s")
		position := f.checkpoint()
		result, err := f.Store.DeleteSchedule(f.ctx, missions.DeleteScheduleRequest{ID: "s", By: "bob"})
		f.must(err)
		f.wantSame("as it was", result.Schedule, last)
		f.wantSame("events", f.scheduleEvents("s", position), []string{"changed by bob"})
		_, err = f.Store.DeleteSchedule(f.ctx, missions.DeleteScheduleRequest{ID: "s"})
		f.wantErr("deleted twice", err, missions.ErrNotFound)
		f.advance(3 * time.Hour)
		_, err = f.Store.Schedule(f.ctx, "s")
		f.wantErr("get", err, missions.ErrNotFound)
		f.wantSame("missions", f.made("s", first), []int{0})
		page, err := f.Store.Schedules(f.ctx, "", 10, 0)
		f.must(err)
		wantEqual(f, "listed", len(page.Schedules), 0)
	})
	s.run("they are listed by id, as many as fit", func(f *fixture) {
		want := []string{}
		for i := range 7 {
			spec := f.hourly(fmt.Sprint("s", i))
			f.setSchedule(spec)
			want = append(want, spec.ID)
		}
		size := len(f.json(f.schedule("s0")))
		for _, most := range []int{0, 1, 3*size + 100} {
			got := []string{}
			for cursor, first := "", true; first || cursor != ""; first = false {
				page, err := f.Store.Schedules(f.ctx, cursor, 4, most)
				f.must(err)
				wantEqual(f, "a page is not empty and not too long", len(page.Schedules) >= 1 && len(page.Schedules) <= 4, true)
				if most > 0 {
					wantEqual(f, "bytes", len(page.Schedules) == 1 || len(page.Schedules)*size <= most, true)
				}
				for _, s := range page.Schedules {
					got = append(got, s.ID)
					f.wantSame("schedule", s, f.schedule(s.ID))
				}
				cursor = page.Next
			}
			f.wantSame("schedules", got, want)
		}
	})
	s.run("nothing is due before it starts and after it ends", func(f *fixture) {
		spec := f.overlapping("s")
		first := f.setSchedule(spec).NextAt
		spec.StartsAt, spec.EndsAt = first.Add(time.Minute), first.Add(2*time.Hour)
		wantEqual(f, "next_at", f.setSchedule(spec).NextAt, first.Add(time.Hour))
		for range 5 {
			f.advance(time.Hour)
		}
		f.wantSame("made", f.made("s", first), []int{3600, 7200})
		wantEqual(f, "next_at", f.schedule("s").NextAt, 0)
	})
}

func testTriggerAndBackfill(s *suite) {
	s.run("a mission now", func(f *fixture) {
		f.setSchedule(f.hourly("s"))
		now := f.now()
		got, err := f.Store.TriggerSchedule(f.ctx, "s")
		f.must(err)
		wantEqual(f, "created", got.Created, true)
		f.wantNear("scheduled_for", got.Mission.ScheduledFor, now)
		wantEqual(f, "id", got.Mission.ID, missions.OccurrenceID("s", got.Mission.ScheduledFor))
		f.advance(time.Minute)
		again, err := f.Store.TriggerSchedule(f.ctx, "s")
		f.must(err)
		wantEqual(f, "created while it lives", again.Created, false)
		wantEqual(f, "id", again.Mission.ID, got.Mission.ID)
		f.advance(31 * time.Minute)
		wantEqual(f, "missed while it lives", f.schedule("s").Missed, 1)
		f.complete(got.Mission.ID, `1`)
		again, err = f.Store.TriggerSchedule(f.ctx, "s")
		f.must(err)
		wantEqual(f, "created once it has ended", again.Created, true)
		_, err = f.Store.TriggerSchedule(f.ctx, "never-was")
		f.wantErr("of no schedule", err, missions.ErrNotFound)
		f.wantRecount()
	})
	s.run("past ones, each once", func(f *fixture) {
		spec := f.hourly("s")
		spec.JitterSeconds = 3600
		first := f.setSchedule(spec).NextAt
		q := missions.BackfillRequest{ID: "s", From: first.Add(-10 * time.Hour), To: first.Add(-8 * time.Hour)}
		got, err := f.Store.Backfill(f.ctx, q)
		f.must(err)
		f.wantSame("first", got, missions.Backfilled{Created: 3, Ready: []string{"t"}})
		f.wantSame("made", f.made("s", first), []int{-10 * 3600, -9 * 3600, -8 * 3600})
		q.From = first.Add(-11 * time.Hour)
		got, err = f.Store.Backfill(f.ctx, q)
		f.must(err)
		wantEqual(f, "created, then", got.Created, 1)
		wantEqual(f, "existing, then", got.Existing, 3)
		q.From, q.To = first.Add(-2*time.Hour), first.Add(5*time.Hour)
		got, err = f.Store.Backfill(f.ctx, q)
		f.must(err)
		wantEqual(f, "created up to now", got.Created, 2)
		wantEqual(f, "next_at", f.schedule("s").NextAt, first)
		_, err = f.Store.Backfill(f.ctx, missions.BackfillRequest{ID: "never-was", From: 1})
		f.wantErr("of no schedule", err, missions.ErrNotFound)
	})
	s.run("very many past ones, some in each step", func(f *fixture) {
		first := f.setSchedule(f.hourly("s")).NextAt
		q, created, steps := missions.BackfillRequest{ID: "s", From: first.Add(-300 * time.Hour)}, 0, 0
		for ; q.From != 0; steps++ {
			got, err := f.Store.Backfill(f.ctx, q)
			f.must(err)
			created += got.Created
			q.From = got.Next
		}
		wantEqual(f, "created", created, 300)
		wantEqual(f, "in several steps", steps > 1, true)
		wantEqual(f, "missions", len(f.made("s", first)), 300)
		f.wantRecount()
	})
	s.run("jitter delays the start, and changes no id", func(f *fixture) {
		delays := map[time.Duration]bool{}
		for i := range 5 {
			spec := f.overlapping(fmt.Sprint("s", i))
			spec.JitterSeconds = 6 * 3600
			at := f.setSchedule(spec).NextAt
			f.advance(31 * time.Minute)
			m := f.get(missions.OccurrenceID(spec.ID, at))
			delay := m.NotBefore.Sub(at)
			if delays[delay] = true; delay < 0 || delay > 6*time.Hour {
				f.Errorf("the mission can be claimed after %s", delay)
			}
			f.must(f.cancel(m.ID).Err)
		}
		wantEqual(f, "different ones", len(delays), 5)
	})
}
