package api

import (
	"slices"

	"missioncontrol/missions"
)

// Fields that are removed from the missions of a reply that would not fit, in this
// order, until it fits.
var trims = []struct {
	field string
	there func(*missions.Mission) bool // nil: always
	trim  func(*missions.Mission)
}{
	{"data", nil, func(m *missions.Mission) { m.Data = nil }},
	{"result", nil, func(m *missions.Mission) { m.Result = nil }},
	{"description", nil, func(m *missions.Mission) { m.Description = "" }},
	{"error", nil, func(m *missions.Mission) { m.Error = "" }},
	{
		"inputs", func(m *missions.Mission) bool { return m.Flow != nil && m.Inputs != nil },
		func(m *missions.Mission) { changeFlow(m, func(f *missions.Flow) { f.Inputs = nil }) },
	},
	{
		"checkpoint", func(m *missions.Mission) bool { return m.Checkpoint != nil },
		func(m *missions.Mission) { m.Checkpoint = nil },
	},
	{"signals", func(m *missions.Mission) bool { return m.Flow != nil && m.Signals != nil }, trimSignals},
	{
		"waited_for", func(m *missions.Mission) bool { return m.Flow != nil && m.WaitedFor != nil },
		func(m *missions.Mission) { changeFlow(m, func(f *missions.Flow) { f.WaitedFor = nil }) },
	},
	{
		"waiting_for", func(m *missions.Mission) bool { return m.Flow != nil && m.WaitingFor != nil },
		func(m *missions.Mission) { changeFlow(m, func(f *missions.Flow) { f.WaitingFor = nil }) },
	},
}

// trimSignals removes the data of a mission's signals, and leaves those of other copies as
// they are.
func trimSignals(m *missions.Mission) {
	changeFlow(m, func(f *missions.Flow) {
		f.Signals = slices.Clone(f.Signals)
		for i := range f.Signals {
			f.Signals[i].Data = nil
		}
	})
}

// changeFlow changes a mission's flow, if it has one, and leaves other copies as they are.
func changeFlow(m *missions.Mission, change func(*missions.Flow)) {
	if m.Flow == nil {
		return
	}
	copied := *m.Flow
	change(&copied)
	m.Flow = &copied
}

// EncodeWithin encodes a reply in at most limit bytes, if that is possible without the
// large fields of its missions. The field trimmed of a mission names the fields
// removed. A completed request must not be answered with an error because the reply is
// too large. If the reply cannot be made to fit, EncodeWithin returns it whole. A limit
// of 0 means no limit.
func EncodeWithin(reply any, limit int) ([]byte, error) {
	whole, err := Encode(reply)
	if err != nil || limit <= 0 || len(whole) <= limit {
		return whole, err
	}
	owner, ok := reply.(interface {
		each(func(*missions.Mission)) any
	})
	if !ok {
		return whole, nil
	}
	for i := range trims {
		trimmed := owner.each(func(m *missions.Mission) { trim(m, 0, i+1) })
		body, err := Encode(trimmed)
		if err != nil || len(body) <= limit {
			return body, err
		}
	}
	return whole, nil
}

// trim removes the fields of trims from one place up to another.
func trim(m *missions.Mission, from, to int) {
	for _, t := range trims[from:to] {
		if t.there == nil || t.there(m) {
			t.trim(m)
			m.Trimmed = append(m.Trimmed, t.field)
		}
	}
}

// Fitting collects missions that together fit into a reply, and holds no more than that: it
// removes large fields as [EncodeWithin] does, and also from the missions that are added later. It is for one
// goroutine.
type Fitting struct {
	room, used int
	trims      int // how many of the trims are done
	missions   []missions.Mission
}

// NewFitting returns an empty collection for missions that have up to room bytes as JSON; 0 for
// no limit.
func NewFitting(room int) *Fitting { return &Fitting{room: room, missions: []missions.Mission{}} }

// Add adds a mission. An error says that it has no JSON.
func (f *Fitting) Add(m missions.Mission) error {
	if f.room <= 0 {
		f.missions = append(f.missions, m)
		return nil
	}
	trim(&m, 0, f.trims)
	f.missions = append(f.missions, m)
	if err := f.measure(len(f.missions) - 1); err != nil {
		return err
	}
	for f.used > f.room && f.trims < len(trims) {
		for i := range f.missions {
			trim(&f.missions[i], f.trims, f.trims+1)
		}
		f.trims++
		f.used = 0
		if err := f.measure(0); err != nil {
			return err
		}
	}
	return nil
}

// measure adds the sizes of the missions from a place on.
func (f *Fitting) measure(from int) error {
	for i := range f.missions[from:] {
		body, err := Encode(f.missions[from+i])
		if err != nil {
			return err
		}
		f.used += len(body) + 1 // and a comma
	}
	return nil
}

// Missions returns what was added, in order. Trimmed says what was removed.
func (f *Fitting) Missions() []missions.Mission { return f.missions }

// each returns a copy of the reply with every mission changed.
func (r Mission) each(change func(*missions.Mission)) any {
	r.Mission = changed(r.Mission, change)
	return r
}

func (r MissionList) each(change func(*missions.Mission)) any {
	r.Missions = slices.Clone(r.Missions)
	for i := range r.Missions {
		r.Missions[i] = changed(r.Missions[i], change)
	}
	return r
}

func (r Waited) each(change func(*missions.Mission)) any {
	r.Missions = slices.Clone(r.Missions)
	for i := range r.Missions {
		r.Missions[i] = changed(r.Missions[i], change)
	}
	return r
}

func (r CreateReply) each(change func(*missions.Mission)) any {
	if r.Created != nil {
		one := *r.Created
		one.Mission = changedAt(one.Mission, change)
		r.Created = &one
	}
	r.Results = slices.Clone(r.Results)
	for i := range r.Results {
		r.Results[i].Mission = changedAt(r.Results[i].Mission, change)
	}
	return r
}

func (r FinishReply) each(change func(*missions.Mission)) any {
	if r.Finished != nil {
		one := *r.Finished
		one.Mission = changedAt(one.Mission, change)
		r.Finished = &one
	}
	r.Results = slices.Clone(r.Results)
	for i := range r.Results {
		r.Results[i].Mission = changedAt(r.Results[i].Mission, change)
	}
	return r
}

func changed(m missions.Mission, change func(*missions.Mission)) missions.Mission {
	m.Trimmed = nil
	change(&m)
	return m
}

func changedAt(m *missions.Mission, change func(*missions.Mission)) *missions.Mission {
	if m == nil {
		return nil
	}
	copied := changed(*m, change)
	return &copied
}
