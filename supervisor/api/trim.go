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
		trimmed := owner.each(func(m *missions.Mission) {
			for _, t := range trims[:i+1] {
				if t.there == nil || t.there(m) {
					t.trim(m)
					m.Trimmed = append(m.Trimmed, t.field)
				}
			}
		})
		body, err := Encode(trimmed)
		if err != nil || len(body) <= limit {
			return body, err
		}
	}
	return whole, nil
}

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
