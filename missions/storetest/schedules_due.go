package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func testCatchUp(s *suite) {
	for _, c := range []struct {
		name    string
		change  func(*missions.ScheduleSpec)
		made    []int
		missed  int64
		telling []string
	}{
		{"the last one, by default", func(*missions.ScheduleSpec) {}, []int{5 * 3600}, 5, []string{"missed 5, until 14400 s after the first"}},
		{"all", func(s *missions.ScheduleSpec) { s.CatchUp = missions.CatchUpAll }, []int{0, 3600, 7200, 3 * 3600, 4 * 3600, 5 * 3600}, 0, []string{}},
		{"all of the last two hours", func(s *missions.ScheduleSpec) { s.CatchUp, s.CatchUpSeconds = missions.CatchUpAll, 7200 },
			[]int{4 * 3600, 5 * 3600}, 4, []string{"missed 4, until 10800 s after the first"}},
		{"none", func(s *missions.ScheduleSpec) { s.CatchUp = missions.CatchUpNone }, []int{}, 6, []string{"missed 6, until 18000 s after the first"}},
		{"the last one, but it is too late", func(s *missions.ScheduleSpec) { s.CatchUpSeconds = 60 }, []int{}, 6, []string{"missed 6, until 18000 s after the first"}},
	} {
		s.run("what was missed: "+c.name, func(f *fixture) {
			spec := f.hourly("s")
			c.change(&spec)
			first := f.setSchedule(spec).NextAt
			position := f.checkpoint()
			f.Advance(6*time.Hour + 10*time.Minute) // nobody calls Due
			f.Store = f.Reopen(f.T)
			f.due()
			f.wantSame("made", f.made("s", first), c.made)
			wantEqual(f, "missed", f.schedule("s").Missed, c.missed)
			wantEqual(f, "next_at", f.schedule("s").NextAt, first.Add(6*time.Hour))
			f.wantSame("events", f.scheduleEvents("s", position), c.telling)
			f.due()
			f.wantSame("again", f.made("s", first), c.made)
			f.wantRecount()
		})
	}
	s.run("one that is on time is not missed, whatever is caught up", func(f *fixture) {
		spec := f.overlapping("s")
		spec.CatchUp = missions.CatchUpNone
		first := f.setSchedule(spec).NextAt
		f.Advance(first.Sub(f.now()) + time.Millisecond)
		f.due()
		f.wantSame("made", f.made("s", first), []int{0})
	})
	s.run("very many are caught up some at a time, each once", func(f *fixture) {
		spec := f.hourly("s")
		spec.EverySeconds, spec.OffsetSeconds, spec.CatchUp = 60, 0, missions.CatchUpAll
		first := f.setSchedule(spec).NextAt
		f.Advance(5 * time.Hour)
		for calls := 0; ; calls++ {
			part, err := f.Store.Due(f.ctx, 1000)
			f.must(err)
			if !part.More {
				wantEqual(f, "one call did it all", calls > 0, true)
				break
			}
			if calls == 1 {
				f.Store = f.Reopen(f.T)
			}
		}
		made := f.made("s", first)
		if len(made) < 299 {
			f.Errorf("%d missions were created", len(made))
		}
		for i, at := range made {
			wantEqual(f, "seconds", at, i*60)
		}
		wantEqual(f, "missed", f.schedule("s").Missed, 0)
		f.wantRecount()
	})
	s.run("very many are skipped some at a time, each counted once", func(f *fixture) {
		spec := f.hourly("s")
		spec.EverySeconds, spec.OffsetSeconds = 60, 0
		first := f.setSchedule(spec).NextAt
		position := f.checkpoint()
		f.Advance(60 * time.Hour)
		f.due()
		made := f.made("s", first)
		wantEqual(f, "made", len(made), 1)
		wantEqual(f, "missed", f.schedule("s").Missed, int64(made[0]/60))
		told := 0
		for _, e := range f.events(position) {
			if e.Kind == missions.EventScheduleMissed {
				told += e.Attempt
			}
		}
		wantEqual(f, "told", told, made[0]/60)
	})
}

func testOverlap(s *suite) {
	s.run("one that outlasts its period is not started twice", func(f *fixture) {
		first := f.setSchedule(f.hourly("s")).NextAt
		f.advance(31 * time.Minute)
		position := f.checkpoint()
		f.advance(time.Hour) // it is PENDING
		m := f.take(missions.OccurrenceID("s", first))
		f.heartbeat("takes", refOf(m))
		f.advance(50 * time.Minute)
		f.heartbeat("takes", refOf(m))
		f.advance(20 * time.Minute) // it is RUNNING
		f.wantSame("made", f.made("s", first), []int{0})
		s := f.schedule("s")
		wantEqual(f, "missed", s.Missed, 2)
		wantEqual(f, "why", s.LastError, `mission "`+m.ID+`" has not ended`)
		f.wantSame("events", f.scheduleEvents("s", position), []string{"missed 1, until 0 s after the first", "missed 1, until 0 s after the first"})
		f.finish(completion(m, `1`))
		f.advance(time.Hour)
		f.wantSame("made once it has ended", f.made("s", first), []int{0, 3 * 3600})
		wantEqual(f, "why", f.schedule("s").LastError, "")
	})
	s.run("unless they may overlap", func(f *fixture) {
		first := f.setSchedule(f.overlapping("s")).NextAt
		for range 3 {
			f.advance(time.Hour)
		}
		f.wantSame("made", f.made("s", first), []int{0, 3600, 7200})
		wantEqual(f, "missed", f.schedule("s").Missed, 0)
	})
}

func testRefusedOccurrences(s *suite) {
	few := defaults()
	few.OutboxLimit = 10
	s.runWith(few, "while the outbox is full, it stays due", func(f *fixture) {
		first := f.setSchedule(f.hourly("s")).NextAt
		for i := range 9 {
			f.create(named(fmt.Sprint("m", i), "t"))
		}
		due := f.advance(31 * time.Minute)
		f.wantSame("made", f.made("s", first), []int{})
		wantEqual(f, "next_at", f.schedule("s").NextAt, first)
		if wait := due.NextDue.Sub(due.StoreNow); wait <= 0 || wait > time.Minute {
			f.Errorf("it is tried again in %s", wait)
		}
		_, err := f.Store.TriggerSchedule(f.ctx, "s")
		f.wantErr("trigger", err, missions.ErrOverloaded)
		_, err = f.Store.Backfill(f.ctx, missions.BackfillRequest{ID: "s", From: first})
		f.wantErr("backfill", err, missions.ErrOverloaded)
		f.forgetAll()
		f.advance(10 * time.Second)
		f.wantSame("made then", f.made("s", first), []int{0})
		wantEqual(f, "missed", f.schedule("s").Missed, 0)
	})
	s.run("a mission that cannot be created is missed, and why is told", func(f *fixture) {
		spec := f.overlapping("s")
		spec.Mission.Batch = "b"
		first := f.setSchedule(spec).NextAt
		f.closeBatch("b")
		f.advance(31 * time.Minute)
		f.wantSame("made", f.made("s", first), []int{})
		got := f.schedule("s")
		wantEqual(f, "missed", got.Missed, 1)
		wantEqual(f, "why", got.LastError, `batch "b" is closed`)
		_, err := f.Store.TriggerSchedule(f.ctx, "s")
		f.wantErr("trigger", err, missions.ErrConflict)
		_, err = f.Store.Backfill(f.ctx, missions.BackfillRequest{ID: "s", From: first})
		f.wantErr("backfill", err, missions.ErrConflict)
	})
	s.run("a mission may exist already", func(f *fixture) {
		first := f.setSchedule(f.hourly("s")).NextAt
		id := missions.OccurrenceID("s", first)
		f.create(named(id, "t"))
		f.advance(31 * time.Minute)
		f.wantEvents(id, nil, "created")
		wantEqual(f, "next_at", f.schedule("s").NextAt, first.Add(time.Hour))
		wantEqual(f, "missed", f.schedule("s").Missed, 0)
	})
}
