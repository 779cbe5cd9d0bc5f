package sqlitestore

import (
	"maps"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// unsettled is what commits have changed that the tables do not have yet. Everything in it is
// absolute, so that it can be written to the tables again after a part of it was.
type unsettled struct {
	last     int64   // newest row of the journal that is in it; 0 if it is empty
	size     int     // approximate bytes
	todo     []write // what is left to settle; nil before that begins
	marks    engine.Marks
	missions map[int64]*unsettledMission // by Seq
	byID     map[string]*unsettledMission
	leases   map[int64]*engine.Lease  // nil: ended
	agents   map[string]*engine.Agent // nil: forgotten
	events   [][]missions.Event       // of commits; positions have no gap
	totals   map[string]*engine.Totals
	points   map[engine.PointKey]engine.Point
	before   map[engine.Series]int64 // points of the tables to forget
	alerts   map[string]missions.Alert
	notices  map[int64]*missions.Event  // nil: deleted
	docs     map[string][]byte          // nil: deleted
	members  map[string]map[string]bool // by set: whether they are gone
}

// unsettledMission is a mission that has changed.
type unsettledMission struct {
	before *engine.Record // as the tables have it; nil for a new mission
	after  *engine.Record // nil if it was deleted
	lines  []*engine.LogLine
	parts  map[string][]byte // nil: deleted
}

func newUnsettled() *unsettled {
	return &unsettled{
		missions: map[int64]*unsettledMission{}, byID: map[string]*unsettledMission{}, leases: map[int64]*engine.Lease{},
		agents: map[string]*engine.Agent{}, totals: map[string]*engine.Totals{}, points: map[engine.PointKey]engine.Point{},
		before: map[engine.Series]int64{}, alerts: map[string]missions.Alert{}, notices: map[int64]*missions.Event{}, docs: map[string][]byte{}, members: map[string]map[string]bool{},
	}
}

// add adds the changes of a commit, which is a row of the journal with so many bytes.
func (u *unsettled) add(row int64, size int, c *engine.Changes) {
	u.last, u.marks = row, c.Marks
	u.size += size
	for i := range c.Logs {
		m := u.mission(c.Logs[i].Seq)
		m.lines = append(m.lines, &c.Logs[i])
	}
	for _, change := range c.Missions {
		u.addMission(change)
	}
	for i := range c.Released {
		u.leases[c.Released[i].Seq] = nil
	}
	for i := range c.Leases {
		u.leases[c.Leases[i].Seq] = &c.Leases[i]
	}
	for i := range c.Gone {
		u.agents[c.Gone[i].ID] = nil
	}
	for i := range c.Agents {
		u.agents[c.Agents[i].ID] = &c.Agents[i]
	}
	maps.Copy(u.totals, c.Totals)
	maps.Copy(u.points, c.Points)
	for series, before := range c.Before {
		u.before[series] = max(u.before[series], before)
		forgetPoints(u.points, series, before)
	}
	for _, a := range c.Alerts {
		u.alerts[a.Rule] = a
	}
	for i := range c.Notices {
		u.notices[c.Notices[i].Seq] = &c.Notices[i]
	}
	for _, position := range c.Noticed {
		u.notices[position] = nil
	}
	u.addFlow(c)
	if len(c.Events) > 0 {
		u.events = append(u.events, c.Events)
	}
	u.forget(c.Marks.Forgotten)
}

func (u *unsettled) mission(seq int64) *unsettledMission {
	m := u.missions[seq]
	if m == nil {
		m = &unsettledMission{}
		u.missions[seq] = m
	}
	return m
}

func (u *unsettled) addMission(change engine.MissionChange) {
	if change.Before == nil && change.After == nil {
		return // created and deleted in one batch
	}
	of := change.After
	if of == nil {
		of = change.Before
	}
	known := u.byID[of.ID] != nil && u.missions[of.Seq] == u.byID[of.ID]
	m := u.mission(of.Seq)
	if !known {
		m.before = change.Before
	}
	if m.after = change.After; m.after == nil {
		m.lines, m.parts = nil, nil
	} else if change.Before != nil { // what never changes is not in the journal, but kept
		u.size += len(m.after.Data) + len(m.after.Description)
	}
	u.byID[of.ID] = m
}

func forgetPoints(points map[engine.PointKey]engine.Point, series engine.Series, before int64) {
	maps.DeleteFunc(points, func(key engine.PointKey, _ engine.Point) bool { return key.Series == series && key.Slot < before })
}

// forget drops the events up to a position.
func (u *unsettled) forget(upTo int64) {
	for len(u.events) > 0 && u.events[0][0].Seq <= upTo {
		first := u.events[0]
		if n := int(upTo - first[0].Seq + 1); n < len(first) {
			u.events[0] = first[n:]
			return
		}
		u.events[0] = nil // what lies before a slice would be kept alive
		u.events = u.events[1:]
	}
}

// over brings what was read from the tables up to date.
func (u *unsettled) over(s *engine.Snapshot) {
	if u.last == 0 {
		return
	}
	s.Marks = u.marks
	s.Agents = slices.DeleteFunc(s.Agents, func(a engine.Agent) bool { _, changed := u.agents[a.ID]; return changed })
	for _, a := range u.agents {
		if a != nil {
			s.Agents = append(s.Agents, *a)
		}
	}
	s.Leases = slices.DeleteFunc(s.Leases, func(l engine.Lease) bool { _, changed := u.leases[l.Seq]; return changed })
	for _, l := range u.leases {
		if l != nil {
			s.Leases = append(s.Leases, *l)
		}
	}
	maps.Copy(s.Totals, u.totals)
	for series, before := range u.before {
		forgetPoints(s.Points, series, before)
	}
	maps.Copy(s.Points, u.points)
	s.Alerts = slices.DeleteFunc(s.Alerts, func(a missions.Alert) bool { _, changed := u.alerts[a.Rule]; return changed })
	for _, a := range u.alerts {
		if a.State != missions.AlertOK {
			s.Alerts = append(s.Alerts, a)
		}
	}
	s.Notices = slices.DeleteFunc(s.Notices, func(position int64) bool { _, changed := u.notices[position]; return changed })
	for position, notice := range u.notices {
		if notice != nil {
			s.Notices = append(s.Notices, position)
		}
	}
	slices.Sort(s.Notices)
}
