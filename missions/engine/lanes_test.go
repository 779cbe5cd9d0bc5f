package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// createPreferring creates missions of a type of which each prefers an agent, and requires a label, if it is given; it returns
// how many were.
func (s *scheduler) createPreferring(many int, prefix, label string, p func(i int) missions.Preference) (created int) {
	s.Helper()
	all := make([]missions.Mission, many)
	for i := range all {
		all[i] = missions.Mission{ID: fmt.Sprint(prefix, i), Name: "m", Type: "t", Flow: &missions.Flow{Preference: p(i)}}
		if label != "" {
			all[i].Requires = map[string]string{label: fmt.Sprint(i)}
		}
		all[i].Normalize()
	}
	s.step(true, func(e *engine.Engine, n *engine.Need) {
		for i := range all {
			e.NeedCreate(n, &all[i])
		}
	}, func(e *engine.Engine) {
		for i := range all {
			if e.Create(&all[i]).Created {
				created++
			}
		}
	})
	return created
}

// lead begins a term with what it has to know of lanes.
func (s *scheduler) lead() {
	s.Helper()
	s.engine = nil
	s.step(true, func(*engine.Engine, *engine.Need) {}, func(*engine.Engine) {})
	if err := s.engine.LoadLimits(s.Context(), s.backend, s.now); err != nil {
		s.Fatal(err)
	}
}

// Missions come into more lanes than those may have that are created. They can be claimed also in the next term.
func TestLanesBeyondTheBound(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	none := func(int) missions.Preference { return missions.Preference{} }
	for _, prefix := range []string{"a-", "b-"} {
		s.createPreferring(missions.MaxLanes, prefix, prefix, none)
		s.step(true, func(e *engine.Engine, n *engine.Need) { needAll(e, n, prefix) }, func(e *engine.Engine) {
			for i := range missions.MaxLanes {
				e.Cancel(&missions.CancelRequest{ID: fmt.Sprint(prefix, i)})
			}
		})
	}
	for _, prefix := range []string{"a-", "b-"} {
		s.step(true, func(e *engine.Engine, n *engine.Need) { needAll(e, n, prefix) }, func(e *engine.Engine) {
			for i := range missions.MaxLanes {
				e.Retry(&missions.RetryRequest{ID: fmt.Sprint(prefix, i)})
			}
		})
	}
	s.lead()
	var got []string
	for i := 0; i < missions.MaxLanes; i += missions.MaxLanes / 10 {
		s.step(true, func(*engine.Engine, *engine.Need) {}, func(e *engine.Engine) {
			e.Register(missions.Agent{ID: "w", Name: "w", Types: []string{"t"}, Capacity: 9, Labels: map[string]string{"a-": fmt.Sprint(i), "b-": fmt.Sprint(i)}}, time.Hour)
		})
		q := missions.ClaimRequest{AgentID: "w", Max: 9, Lease: time.Hour}
		var claimed missions.ClaimResult
		s.step(true, func(e *engine.Engine, n *engine.Need) { e.NeedClaims(n, []missions.ClaimRequest{q}) }, func(e *engine.Engine) { claimed = e.Claim(&q) })
		for _, m := range claimed.Missions {
			got = append(got, m.ID)
		}
	}
	if slices.Sort(got); len(got) != 20 {
		t.Errorf("of 20 missions, agents got %v", got)
	}
}

func needAll(e *engine.Engine, n *engine.Need, prefix string) {
	for i := range missions.MaxLanes {
		e.NeedMissions(n, fmt.Sprint(prefix, i))
	}
}
