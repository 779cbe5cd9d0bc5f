package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func (f *fixture) scheduleFigures() missions.ScheduleFigures {
	f.Helper()
	figures, err := f.Store.ScheduleFigures(f.ctx)
	f.must(err)
	return figures
}

func testScheduleFigures(s *suite) {
	s.run("whether any is overdue", func(f *fixture) {
		f.wantSame("there are none", f.scheduleFigures(), missions.ScheduleFigures{})
		first := f.setSchedule(f.hourly("a")).NextAt
		f.setSchedule(f.hourly("b"))
		f.wantSame("none is due", f.scheduleFigures(), missions.ScheduleFigures{})
		f.Advance(40 * time.Minute) // nobody calls Due
		late := f.scheduleFigures().Overdue
		if want := f.now().Sub(first); late > want || late < want-time.Minute {
			f.Errorf("one is overdue by %s, and was due %s ago", late, want)
		}
		f.due()
		f.wantSame("all was done", f.scheduleFigures(), missions.ScheduleFigures{})
	})
	s.run("how many have missed a time within the last hour", func(f *fixture) {
		f.setSchedule(f.hourly("a"))
		f.setSchedule(f.hourly("b"))
		f.setSchedule(f.overlapping("c"))
		f.advance(31 * time.Minute)
		wantEqual(f, "none has missed", f.scheduleFigures().Missed, 0)
		wantEqual(f, "missed_at", f.schedule("a").MissedAt, 0)
		f.advance(time.Hour) // the missions of a and b are PENDING
		wantEqual(f, "missed", f.scheduleFigures().Missed, 2)
		f.wantNear("missed_at", f.schedule("a").MissedAt, f.now())
		f.Store = f.Reopen(f.T)
		f.advance(time.Hour)
		wantEqual(f, "they count once", f.scheduleFigures().Missed, 2)
		_, err := f.Store.DeleteSchedule(f.ctx, missions.DeleteScheduleRequest{ID: "a"})
		f.must(err)
		wantEqual(f, "one is deleted", f.scheduleFigures().Missed, 1)
		f.must(f.cancel(missions.OccurrenceID("b", f.schedule("b").LastAt)).Err)
		f.advance(61 * time.Minute)
		wantEqual(f, "an hour later", f.scheduleFigures().Missed, 0)
	})
	s.run("very many that have missed are not all counted", func(f *fixture) {
		for i := range missions.MostMissed + 5 {
			spec := f.hourly(fmt.Sprint("s", i))
			spec.Mission.Batch = "closed"
			f.setSchedule(spec)
		}
		f.closeBatch("closed")
		f.advance(31 * time.Minute)
		wantEqual(f, "missed", f.scheduleFigures().Missed, missions.MostMissed)
	})
	s.run("how many there are in all stands with each page", func(f *fixture) {
		for i := range 3 {
			f.setSchedule(f.hourly(fmt.Sprint("s", i)))
		}
		_, err := f.Store.DeleteSchedule(f.ctx, missions.DeleteScheduleRequest{ID: "s1"})
		f.must(err)
		page, err := f.Store.Schedules(f.ctx, "", 1, 0)
		f.must(err)
		wantEqual(f, "total", page.Total, 2)
		wantEqual(f, "on the page", len(page.Schedules), 1)
	})
}

func testScheduleConditions(s *suite) {
	set := func(f *fixture, spec missions.ScheduleSpec, ifChangedAt missions.Time) error {
		f.Helper()
		_, err := f.Store.SetSchedule(f.ctx, missions.ScheduleRequest{Spec: spec, IfChangedAt: ifChangedAt})
		return err
	}
	s.run("a change is only made to the one that was read", func(f *fixture) {
		spec := f.hourly("s")
		read := f.setSchedule(spec)
		f.advance(time.Second)
		spec.Mission.Name = "another"
		f.must(set(f, spec, read.ChangedAt))
		is := f.schedule("s")
		f.advance(time.Second)
		f.must(set(f, spec, read.ChangedAt)) // it is repeated
		spec.Paused = true
		f.wantErr("of an earlier one", set(f, spec, read.ChangedAt), missions.ErrConflict)
		f.wantSame("as it was", f.schedule("s"), is)
		f.must(set(f, spec, is.ChangedAt))
		wantEqual(f, "paused", f.schedule("s").Paused, true)
	})
	s.run("of one that is gone, nothing is made", func(f *fixture) {
		spec := f.hourly("s")
		read := f.setSchedule(spec)
		_, err := f.Store.DeleteSchedule(f.ctx, missions.DeleteScheduleRequest{ID: "s"})
		f.must(err)
		f.wantErr("set", set(f, spec, read.ChangedAt), missions.ErrNotFound)
		_, err = f.Store.Schedule(f.ctx, "s")
		f.wantErr("get", err, missions.ErrNotFound)
	})
}
