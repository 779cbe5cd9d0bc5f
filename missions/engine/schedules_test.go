package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
)

// scheduler is a supervisor that leads, with a clock that jumps.
type scheduler struct {
	*testing.T
	backend engine.Backend
	engine  *engine.Engine
	epoch   int64
	now     missions.Time
	seed    byte
	limit   int64 // of the outbox
}

func newScheduler(t *testing.T) *scheduler {
	t.Helper()
	return &scheduler{T: t, backend: enginetest.NewMemory(), now: missions.At(time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)), limit: 1 << 40}
}

// step performs a step in a batch of its own. If it is not stored, the term ends.
func (s *scheduler) step(stored bool, need func(*engine.Engine, *engine.Need), apply func(*engine.Engine)) {
	s.Helper()
	ctx := context.Background()
	if s.engine == nil {
		epoch, from, err := s.backend.Begin(ctx)
		if err != nil {
			s.Fatal(err)
		}
		s.epoch, s.engine = epoch, engine.New(engine.Config{OutboxLimit: s.limit, PlanWindow: 3, DocsBytes: 1 << 12}, from)
	}
	s.seed++
	s.engine.Begin(s.now, [32]byte{s.seed})
	for {
		var n engine.Need
		if need(s.engine, &n); n.None() {
			break
		}
		if err := s.engine.Load(ctx, s.backend, &n); err != nil {
			s.Fatal(err)
		}
	}
	apply(s.engine)
	if changes := s.engine.End(); changes != nil && stored {
		if err := s.backend.Commit(ctx, s.epoch, changes); err != nil {
			s.Fatal(err)
		}
	}
	if !stored {
		s.engine = nil
	}
}

func (s *scheduler) set(spec missions.ScheduleSpec) (result missions.ScheduleResult) {
	s.Helper()
	spec.Normalize()
	if err := spec.Validate(); err != nil {
		s.Fatal(err)
	}
	s.step(true, func(e *engine.Engine, n *engine.Need) { e.NeedSetSchedule(n, spec.ID) },
		func(e *engine.Engine) { result = e.SetSchedule(&missions.ScheduleRequest{Spec: spec}) })
	return result
}

// due calls Due until nothing is due. With broken, the first step is not stored, and is done again in another term.
func (s *scheduler) due(broken bool) (last missions.DueResult) {
	s.Helper()
	for calls := 0; ; calls++ {
		s.step(!broken, func(e *engine.Engine, n *engine.Need) { e.NeedDue(n, s.now, 100) }, func(e *engine.Engine) { last = e.Due(100) })
		if !broken && !last.More {
			return last
		}
		if broken = false; calls > 10_000 {
			s.Fatal("there is always more to do")
		}
	}
}

func (s *scheduler) schedule(id string) missions.Schedule {
	s.Helper()
	docs, err := s.backend.Docs(context.Background(), []string{engine.ScheduleKey(id)})
	if err != nil {
		s.Fatal(err)
	}
	got, err := engine.DecodeSchedule(docs[engine.ScheduleKey(id)])
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// created returns how often the mission of each occurrence was created, and how many occurrences were missed as the
// events say.
func (s *scheduler) created() (times map[string]int, missed map[string]int64) {
	s.Helper()
	times, missed = map[string]int{}, map[string]int64{}
	events, err := s.backend.Pending(context.Background(), 0, 1<<20)
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range events {
		switch e.Kind {
		case missions.EventCreated:
			times[e.MissionID]++
		case missions.EventScheduleMissed:
			missed[e.Name] += int64(e.Attempt)
		}
	}
	return times, missed
}

// Whatever the clock and the supervisors do, each occurrence has one mission or is missed once, none is overdue
// after Due, and the next one never goes back.
func TestOccurrencesAreCreatedOnceWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	overlap := json.RawMessage("null")
	specs := []missions.ScheduleSpec{
		{ID: "last", EverySeconds: 600, Mission: missions.Template{Name: "m", Unique: overlap}},
		{ID: "all", EverySeconds: 1800, OffsetSeconds: 60, CatchUp: missions.CatchUpAll, CatchUpSeconds: 40_000, Mission: missions.Template{Name: "m", Unique: overlap}},
		{ID: "none", EverySeconds: 300, CatchUp: missions.CatchUpNone, Mission: missions.Template{Name: "m", Unique: overlap}},
		{ID: "alone", EverySeconds: 900, Mission: missions.Template{Name: "m"}},
		{ID: "night", Cron: "30 2 * * *", TimeZone: "Europe/Berlin", CatchUp: missions.CatchUpAll, Mission: missions.Template{Name: "m", Unique: overlap}},
	}
	jumps := []time.Duration{time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour, 25 * time.Hour, -time.Minute, -time.Hour, -24 * time.Hour}
	for seed := range uint64(20) {
		s, random := newScheduler(t), rand.New(rand.NewPCG(seed, 18))
		first, last := map[string]missions.Time{}, map[string]missions.Time{}
		for i := range specs {
			first[specs[i].ID] = s.set(specs[i]).Schedule.NextAt
		}
		for range 80 {
			s.now = s.now.Add(jumps[random.IntN(len(jumps))])
			if random.IntN(5) == 0 {
				s.engine = nil // another supervisor leads
			}
			s.due(random.IntN(4) == 0)
			for i := range specs {
				got := s.schedule(specs[i].ID)
				if got.NextAt <= s.now {
					t.Fatalf("seed %d: %s is overdue: %v at %v", seed, got.ID, got.NextAt.Time(), s.now.Time())
				}
				if got.NextAt < last[got.ID] {
					t.Fatalf("seed %d: %s went back from %v to %v", seed, got.ID, last[got.ID].Time(), got.NextAt.Time())
				}
				last[got.ID] = got.NextAt
			}
		}
		times, missed := s.created()
		for i := range specs {
			id := specs[i].ID
			spec := s.schedule(id).ScheduleSpec
			timing, err := spec.Timing()
			if err != nil {
				t.Fatal(err)
			}
			without := int64(0)
			for at := first[id]; at < last[id]; at = timing.Next(at) {
				switch n := times[missions.OccurrenceID(id, at)]; n {
				case 0:
					without++
				case 1:
				default:
					t.Errorf("seed %d: the mission of %s for %v was created %d times", seed, id, at.Time(), n)
				}
				delete(times, missions.OccurrenceID(id, at))
			}
			if got := s.schedule(id).Missed; got != without || missed[id] != without {
				t.Errorf("seed %d: %d occurrences of %s have no mission, %d are counted and %d told", seed, without, id, got, missed[id])
			}
		}
		if len(times) > 0 {
			t.Errorf("seed %d: these are no occurrences: %v", seed, times)
		}
	}
}

// A schedule with other times is never due again at a time that has been, even if the clock was set back.
func TestOtherTimesAreAfterWhatWasDue(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	spec := missions.ScheduleSpec{ID: "s", EverySeconds: 600, Mission: missions.Template{Name: "m"}}
	s.set(spec)
	s.now = s.now.Add(time.Hour)
	s.due(false)
	late := s.now
	s.now = s.now.Add(-24 * time.Hour)
	s.due(false)
	spec.EverySeconds = 300
	if next := s.set(spec).Schedule.NextAt; next <= late {
		t.Errorf("it is due at %v, and was at %v", next.Time(), late.Time())
	}
}

// There are at most so many schedules, and a deleted one makes room.
func TestSchedulesAreBounded(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	spec := missions.ScheduleSpec{EverySeconds: 600, Mission: missions.Template{Name: "m"}}
	for i := range missions.MaxSchedules {
		spec.ID = "s" + missions.OccurrenceID("", missions.Time(i)*1e6)
		if err := s.set(spec).Err; err != nil {
			t.Fatal(err)
		}
	}
	spec.ID = "more"
	if err := s.set(spec).Err; !errors.Is(err, missions.ErrOverloaded) {
		t.Errorf("one more: %v", err)
	}
	spec.ID, spec.EverySeconds = "s-0", 60
	if err := s.set(spec).Err; err != nil {
		t.Errorf("a change of one: %v", err)
	}
	s.step(true, func(e *engine.Engine, n *engine.Need) { e.NeedSetSchedule(n, "s-1") }, func(e *engine.Engine) {
		if err := e.DeleteSchedule(&missions.DeleteScheduleRequest{ID: "s-1"}).Err; err != nil {
			t.Error(err)
		}
	})
	spec.ID = "more"
	if err := s.set(spec).Err; err != nil {
		t.Errorf("in place of a deleted one: %v", err)
	}
}

// What is caught up has a mission each, also the last one, which is on time, and also if it takes several steps.
func TestTheLastOccurrenceOfManyIsCaughtUp(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	first := s.set(missions.ScheduleSpec{ID: "s", EverySeconds: 60, CatchUp: missions.CatchUpAll, Mission: missions.Template{Name: "m"}}).Schedule.NextAt
	s.now = first.Add(100 * time.Minute)
	s.due(false)
	times, _ := s.created()
	if got := s.schedule("s"); len(times) != 101 || got.Missed != 0 || got.LastAt != s.now {
		t.Errorf("%d missions were created, %d occurrences are missed, the last one was at %v", len(times), got.Missed, got.LastAt.Time())
	}
}

// A change of what is created loses nothing that is due.
func TestAChangeOfTheMissionLosesNoOccurrence(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	spec := missions.ScheduleSpec{ID: "s", EverySeconds: 3600, Mission: missions.Template{Name: "m"}}
	first := s.set(spec).Schedule.NextAt
	s.now = first.Add(time.Minute)
	spec.Mission.Name = "another"
	if next := s.set(spec).Schedule.NextAt; next != first {
		t.Errorf("it is due at %v, and was at %v", next.Time(), first.Time())
	}
	s.due(false)
	if times, _ := s.created(); times[missions.OccurrenceID("s", first)] != 1 {
		t.Errorf("created: %v", times)
	}
}
