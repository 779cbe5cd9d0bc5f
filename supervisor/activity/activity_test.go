package activity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/activity"
	"missioncontrol/supervisor/api"
)

// stored is an event stream in memory.
type stored struct {
	events []eventstream.Stored
	reads  int // events that were read
	away   error
}

func (s *stored) Status() eventstream.Status { return eventstream.Status{State: eventstream.Connected} }

func (s *stored) End(context.Context) (uint64, error) { return uint64(len(s.events)), s.away }

func (s *stored) Read(_ context.Context, filter []string, within eventstream.Range, handle func(eventstream.Stored) error) error {
	for _, e := range s.events[within.After:within.Until] {
		if !strings.Contains(strings.Join(filter, " "), e.Type) || e.At.Before(within.Since) {
			continue
		}
		s.reads++
		if err := handle(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *stored) add(p charter.Payload) {
	e := charter.New(p, time.Now())
	data, err := e.AppendJSON(nil)
	if err != nil {
		panic(err) // tests store valid events
	}
	s.events = append(s.events, eventstream.Stored{Seq: uint64(len(s.events) + 1), Type: p.EventType(), At: time.Now(), Data: data})
}

// change stores a change of a mission's status.
func (s *stored) change(id, agentID, from, to, reason string) {
	s.add(charter.MissionStatusChanged{MissionID: id, OldStatus: from, NewStatus: to, ChangedAt: time.Now(), Reason: reason, Attempt: 1, AgentID: agentID})
}

// find knows old missions.
func find(_ context.Context, id string) (missions.Mission, error) {
	if strings.HasPrefix(id, "old") {
		return missions.Mission{ID: id, Name: "an old one", Type: "late"}, nil
	}
	return missions.Mission{}, missions.NotFound("mission", id)
}

// lines formats turns, with times in seconds before now.
func lines(a api.Activity) (lines []string) {
	before := func(t missions.Time) string {
		if t == 0 {
			return "?"
		}
		return fmt.Sprint(a.To.Sub(t).Seconds())
	}
	for _, t := range a.Turns {
		lines = append(lines, fmt.Sprintf("%s %q %s on %s: %s to %s %s %s", t.MissionID, t.Name, t.Type, t.AgentID, before(t.StartedAt), before(t.EndedAt), t.Outcome, t.Reason))
	}
	return lines
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Turns come from the events, with what is known of their missions, and only changes are told to
// those who know the rest.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{}
		a := activity.New(s, find)
		s.add(charter.AgentOnline{AgentID: "w", ChangedAt: time.Now()})
		for _, id := range []string{"a", "b", "c", "d"} {
			s.add(charter.MissionCreated{MissionID: id, Name: "mission " + id, Type: "t", CreatedAt: time.Now()})
			s.change(id, "w", "PENDING", "RUNNING", "claimed")
		}
		s.change("old-1", "w", "RUNNING", "COMPLETED", "done")
		s.change("lost", "v", "PENDING", "RUNNING", "claimed")
		s.change("waiting", "", "PENDING", "CANCELLED", "enough") // it has had no turn
		time.Sleep(10 * time.Second)
		s.change("a", "w", "RUNNING", "COMPLETED", "done")
		s.change("b", "w", "RUNNING", "PENDING", "failed on agent w: no\nluck")
		s.change("c", "w", "RUNNING", "PENDING", "parked by agent w")
		time.Sleep(10 * time.Second)
		s.change("b", "v", "PENDING", "RUNNING", "claimed")
		all := a.Since(t.Context(), 0)
		want(t, "all", lines(all), `a "mission a" t on w: 20 to 10 completed `, `b "mission b" t on w: 20 to 10 failed failed on agent w: no …`,
			`c "mission c" t on w: 20 to 10 returned parked by agent w`, `d "mission d" t on w: 20 to ?  `,
			`old-1 "an old one" late on w: ? to 20 completed `, `lost ""  on v: 20 to ?  `, `b "mission b" t on v: 0 to ?  `)
		if !all.All || all.To.Sub(all.From) != time.Hour || all.State != "connected" || len(all.Agents) != 1 || len(all.Slow) != 1 {
			t.Errorf("%+v", all)
		}

		time.Sleep(2 * time.Second)
		s.add(charter.AgentOffline{AgentID: "v", ChangedAt: time.Now()})
		s.change("b", "v", "RUNNING", "FAILED", "agent v is gone")
		later := a.Since(t.Context(), all.Changes)
		want(t, "later", lines(later), `b "mission b" t on v: 2 to 0 failed agent v is gone`)
		if later.All || len(later.Agents) != 1 || later.Agents[0].Online {
			t.Errorf("%+v", later)
		}
		reads := s.reads
		want(t, "at once again", lines(a.Since(t.Context(), later.Changes)))
		if s.reads != reads {
			t.Error("it reads again within a second")
		}

		time.Sleep(59*time.Minute + 55*time.Second)
		s.away = errors.New("the broker is away")
		rest := a.Since(t.Context(), 0)
		want(t, "an hour later", lines(rest), `d "mission d" t on w: 3617 to ?  `, `lost ""  on v: 3617 to ?  `, `b "mission b" t on v: 3597 to 3595 failed agent v is gone`)
		if rest.State != "degraded" || rest.Reason != "the broker is away" {
			t.Errorf("%+v", rest)
		}
		s.events, s.away = nil, nil // a new stream
		time.Sleep(2 * time.Second)
		want(t, "of a new stream", lines(a.Since(t.Context(), rest.Changes)))
	})
}

// Of very many turns the latest are read, and the reply says since when they are all.
func TestManyTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{}
		for i := range 50_000 {
			id := fmt.Sprint("m-", i)
			s.add(charter.MissionCreated{MissionID: id, Name: id, Type: "t", CreatedAt: time.Now()})
			s.change(id, "w", "PENDING", "RUNNING", "claimed")
			time.Sleep(50 * time.Millisecond)
			s.change(id, "w", "RUNNING", "COMPLETED", "done")
			s.add(charter.HealthChecked{Status: "ok", CheckedAt: time.Now()})
		}
		got := activity.New(s, find).Since(t.Context(), 0)
		if n := len(got.Turns); n != 3000 || got.Turns[n-1].MissionID != "m-49999" || got.Turns[0].MissionID != "m-47000" {
			t.Errorf("%d turns, from %s to %s", n, got.Turns[0].MissionID, got.Turns[n-1].MissionID)
		}
		if length := got.To.Sub(got.From); length != 3000*50*time.Millisecond || s.reads > 40_000 {
			t.Errorf("they cover %v, of %d events", length, s.reads)
		}
	})
}

// A mission that was deleted and created again is what it was created as last.
func TestCreatedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{}
		for _, missionType := range []string{"first", "second"} {
			s.add(charter.MissionCreated{MissionID: "m", Name: "the " + missionType, Type: missionType, CreatedAt: time.Now()})
			s.change("m", "w", "PENDING", "RUNNING", "claimed")
			s.change("m", "w", "RUNNING", "COMPLETED", "done")
		}
		want(t, "both", lines(activity.New(s, find).Since(t.Context(), 0)), `m "the first" first on w: 0 to 0 completed `, `m "the second" second on w: 0 to 0 completed `)
	})
}

// A long turn that ends is not among the oldest, which are forgotten: those that are known reach as far back as before.
func TestLongTurnAmongMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{}
		s.change("long", "v", "PENDING", "RUNNING", "claimed")
		for i := range 4000 {
			id := fmt.Sprint("m-", i)
			s.change(id, "w", "PENDING", "RUNNING", "claimed")
			time.Sleep(500 * time.Millisecond)
			s.change(id, "w", "RUNNING", "COMPLETED", "done")
		}
		s.change("long", "v", "RUNNING", "COMPLETED", "done")
		got := activity.New(s, find).Since(t.Context(), 0)
		if n := len(got.Turns); n != 3000 || got.Turns[0].MissionID != "long" || got.Turns[1].MissionID != "m-1001" {
			t.Errorf("%d turns, the first are of %s and %s", n, got.Turns[0].MissionID, got.Turns[1].MissionID)
		}
		if length := got.To.Sub(got.From); length != 2999*500*time.Millisecond {
			t.Errorf("they cover %v", length)
		}
	})
}

// Who has not asked for long, or not for very many turns, gets all that there is: what changed in between is forgotten.
func TestChangesThatAreForgotten(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} { // by others, meanwhile
		synctest.Test(t, func(t *testing.T) {
			s := &stored{}
			a := activity.New(s, find)
			s.change("m", "w", "PENDING", "RUNNING", "claimed")
			first := a.Since(t.Context(), 0)
			if len(first.Turns) != 1 {
				t.Fatalf("%+v", first)
			}
			s.change("m", "w", "RUNNING", "COMPLETED", "done")
			for i := range 22_000 {
				id := fmt.Sprint("m-", i)
				s.change(id, "w", "PENDING", "RUNNING", "claimed")
				s.change(id, "w", "RUNNING", "COMPLETED", "done")
				if asked && i%1000 == 0 {
					time.Sleep(2 * time.Second)
					a.Since(t.Context(), 0)
				}
			}
			time.Sleep(2 * time.Second)
			many := a.Since(t.Context(), first.Changes)
			if !many.All || len(many.Turns) != 3000 {
				t.Errorf("behind many turns: all is %v, with %d turns", many.All, len(many.Turns))
			}
			s.change("late", "w", "PENDING", "RUNNING", "claimed")
			time.Sleep(2 * time.Second)
			if one := a.Since(t.Context(), many.Changes); one.All || len(one.Turns) != 1 {
				t.Errorf("behind one: all is %v, with %d turns", one.All, len(one.Turns))
			}
			s.change("late", "w", "RUNNING", "COMPLETED", "done")
			time.Sleep(90 * time.Minute)
			if slept := a.Since(t.Context(), many.Changes); !slept.All || len(slept.Turns) != 0 {
				t.Errorf("behind much time: all is %v, with %d turns", slept.All, len(slept.Turns))
			}
		})
	}
}

// If the end of a turn was removed from the stream, it does not go on once the mission has another.
func TestRemovedEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{}
		a := activity.New(s, find)
		s.change("old-1", "w", "PENDING", "RUNNING", "claimed")
		first := a.Since(t.Context(), 0)
		time.Sleep(2 * time.Second)
		s.change("old-1", "v", "PENDING", "RUNNING", "claimed")
		got := a.Since(t.Context(), first.Changes)
		want(t, "turns", lines(got), `old-1 "an old one" late on v: 0 to ?  `)
		if !got.All {
			t.Error("who knows the first one is not told to forget it")
		}
	})
}
