package enginetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

// modelSchedule is due at the multiples of a period.
type modelSchedule struct {
	id       string
	period   missions.Time
	all      bool          // everything is caught up
	within   time.Duration // how late a mission can be
	overlaps bool
	paused   bool

	next, last, done missions.Time
	missed           int64
	previous         string
}

func (s *modelSchedule) after(t missions.Time) missions.Time { return t - t%s.period + s.period }

// is returns a schedule as text.
func (s *modelSchedule) is() string {
	return fmt.Sprintf("%s paused %t next %d last %d missed %d", s.id, s.paused, s.next, s.last, s.missed)
}

func (m *model) schedule(id string) *modelSchedule {
	for i := range m.schedules {
		if m.schedules[i].id == id {
			return &m.schedules[i]
		}
	}
	return nil
}

// setSchedule adds a schedule, or changes it.
func (m *model) setSchedule(given modelSchedule, now missions.Time) {
	s := m.schedule(given.id)
	if s == nil {
		m.schedules = append(m.schedules, given)
		slices.SortFunc(m.schedules, func(a, b modelSchedule) int { return cmp.Compare(a.id, b.id) })
		s = m.schedule(given.id)
		s.next = s.after(now)
	} else {
		if s.period != given.period || s.paused {
			s.next = given.after(max(now, s.done))
		}
		s.period, s.all, s.within, s.overlaps, s.paused = given.period, given.all, given.within, given.overlaps, given.paused
	}
	if s.paused {
		s.next = 0
	}
}

// scheduled creates the mission of a schedule for a time, unless it exists, and reports whether it has.
func (m *model) scheduled(s *modelSchedule, at, now missions.Time) (created bool) {
	x := modelMission{id: missions.OccurrenceID(s.id, at), kind: "x", priority: missions.Normal, most: missions.DefaultMaxAttempts, flows: &modelFlow{spec: "of a schedule"}}
	if m.find(x.id) != nil {
		return false
	}
	m.create(x, now)
	s.previous = x.id
	return true
}

func (m *model) lives(id string) bool {
	x := m.find(id)
	return x != nil && !x.status.Terminal()
}

// trigger answers which mission there is now.
func (m *model) trigger(id string, now missions.Time) string {
	s := m.schedule(id)
	if s == nil {
		return "not_found"
	}
	at := now - now%1e6
	if of := missions.OccurrenceID(id, at); m.find(of) == nil && !s.overlaps && m.lives(s.previous) {
		return s.previous + " false"
	}
	return fmt.Sprint(missions.OccurrenceID(id, at), " ", m.scheduled(s, at, now))
}

// occur does what is due of all schedules, the earliest first.
func (m *model) occur(now missions.Time) {
	order := []*modelSchedule{}
	for i := range m.schedules {
		if s := &m.schedules[i]; s.next != 0 && s.next <= now {
			order = append(order, s)
		}
	}
	slices.SortStableFunc(order, func(a, b *modelSchedule) int { return cmp.Compare(a.next, b.next) })
	for _, s := range order {
		first := s.next
		late := func(at missions.Time) bool { return now.Sub(at) > s.within }
		var created []missions.Time
		for at := first; at <= now; at += s.period {
			if s.next = at + s.period; late(at) || s.next <= now && !s.all {
				s.missed++
			} else {
				created = append(created, at)
			}
		}
		caught := s.all && (len(created) > 1 || now.Sub(first) > missions.OnTime)
		for _, at := range created {
			if m.find(missions.OccurrenceID(s.id, at)) == nil && !caught && !s.overlaps && m.lives(s.previous) {
				s.missed++
				continue
			}
			m.scheduled(s, at, now)
			s.last = max(s.last, at)
		}
		s.done = max(s.done, now)
	}
}
