package leader

import (
	"cmp"
	"context"
	"encoding/json"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Batch implements [missions.Missions].
func (r reads) Batch(ctx context.Context, id string) (missions.Batch, error) {
	found, err := r.batches(ctx, []string{id})
	if err == nil && len(found) == 0 {
		err = missions.NotFound("batch", id)
	}
	if err != nil {
		return missions.Batch{}, err
	}
	return found[0], nil
}

// batches returns those of some batches that exist.
func (r reads) batches(ctx context.Context, ids []string) ([]missions.Batch, error) {
	return read(ctx, r.by, func() ([]missions.Batch, error) {
		keys := make([]string, len(ids))
		for i, id := range ids {
			keys[i] = engine.BatchKey(id)
		}
		docs, err := r.backend.Docs(ctx, keys)
		if err != nil {
			return nil, err
		}
		found := []missions.Batch{}
		for i, id := range ids {
			body := docs[keys[i]]
			if body == nil {
				continue
			}
			batch, err := engine.DecodeBatch(id, body)
			if err != nil {
				return nil, err
			}
			found = append(found, batch)
		}
		return found, nil
	})
}

// Batches implements [missions.Missions].
func (r reads) Batches(ctx context.Context, cursor string, limit int) (missions.BatchPage, error) {
	members, err := read(ctx, r.by, func() ([]string, error) {
		lists, err := r.backend.Members(ctx, []engine.Range{engine.BatchRange(cursor, limit+1)})
		if err != nil {
			return nil, err
		}
		return lists[0], nil
	})
	if err != nil {
		return missions.BatchPage{}, err
	}
	page := missions.BatchPage{}
	if len(members) > limit {
		members = members[:limit]
		page.Next = members[limit-1]
	}
	ids := make([]string, len(members))
	for i, member := range members {
		ids[i] = engine.BatchOfMember(member)
	}
	page.Batches, err = r.batches(ctx, ids)
	return page, err
}

// held returns the mission of a lease.
func (r reads) held(ctx context.Context, agentID string, ref missions.LeaseRef) (*engine.Record, error) {
	return read(ctx, r.by, func() (*engine.Record, error) {
		found, err := r.backend.Records(ctx, []string{ref.MissionID})
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, missions.NotFound("mission", ref.MissionID)
		}
		return found[0], found[0].HeldBy(agentID, ref.Lease)
	})
}

// Signals implements [missions.Leases].
func (r reads) Signals(ctx context.Context, agentID string, ref missions.LeaseRef, after, maxBytes int) (missions.SignalPage, error) {
	of, err := r.held(ctx, agentID, ref)
	if err != nil || of.Flow == nil {
		return missions.SignalPage{Signals: []missions.Signal{}}, err
	}
	return read(ctx, r.by, func() (missions.SignalPage, error) {
		page := missions.SignalPage{Signals: []missions.Signal{}}
		size := 0
		for i := range of.Flow.Signals {
			s := &of.Flow.Signals[i]
			if s.Seq <= after {
				continue
			}
			if s.Large {
				bodies, err := r.backend.Parts(ctx, []engine.PartKey{engine.SignalPart(of.ID, s.Seq)})
				if err != nil {
					return page, err
				}
				s.Data = bodies[0]
			}
			if size += len(s.Data) + engine.SignalBytes; maxBytes > 0 && size > maxBytes && len(page.Signals) > 0 {
				page.More = true
				break
			}
			page.Signals = append(page.Signals, s.Signal)
		}
		return page, nil
	})
}

// Input implements [missions.Leases].
func (r reads) Input(ctx context.Context, agentID string, ref missions.LeaseRef, source string) (missions.Input, error) {
	of, err := r.held(ctx, agentID, ref)
	if err != nil {
		return missions.Input{}, err
	}
	for place, id := range of.InputSources() {
		if id != source {
			continue
		}
		inputs, err := r.inputs(ctx, []engine.PartKey{engine.InputPart(of.ID, place)})
		if err != nil {
			return missions.Input{}, err
		}
		if inputs[0] != nil {
			return *inputs[0], nil
		}
	}
	return missions.Input{}, missions.NotFound("input", source)
}

// inputs returns outcomes, nil for those that do not exist.
func (r reads) inputs(ctx context.Context, keys []engine.PartKey) ([]*missions.Input, error) {
	bodies, err := read(ctx, r.by, func() ([][]byte, error) { return r.backend.Parts(ctx, keys) })
	if err != nil {
		return nil, err
	}
	inputs := make([]*missions.Input, len(bodies))
	for i, body := range bodies {
		if body == nil {
			continue
		}
		inputs[i] = &missions.Input{}
		if err := json.Unmarshal(body, inputs[i]); err != nil {
			return nil, r.by.public(err)
		}
	}
	return inputs, nil
}

// complete adds to claimed missions what stands beside their records: the outcomes of what they waited
// for, and the data of signals. What does not fit into the bytes that a claim asked for, or cannot be read,
// is named in Trimmed: its holder can ask for it.
func (r reads) complete(ctx context.Context, claims []missions.ClaimRequest, results []missions.ClaimResult) {
	for i := range results {
		left := cmp.Or(claims[i].MaxBytes, maxBeside)
		for j := range results[i].Missions {
			left -= results[i].Missions[j].SizeEstimate()
		}
		for j := range results[i].Missions {
			m := &results[i].Missions[j]
			if m.Flow == nil {
				continue
			}
			f := *m.Flow
			m.Flow = &f
			left -= r.completeInputs(ctx, m, left)
			left -= r.completeSignals(ctx, m, left)
		}
	}
}

// maxBeside bounds what is added to a claimed mission without a limit.
const maxBeside = 64 << 20

// completeInputs adds inputs to a claimed mission, and returns their bytes.
func (r reads) completeInputs(ctx context.Context, m *missions.Mission, room int) (used int) {
	var keys []engine.PartKey
	var sources []string
	for place := range m.WaitedFor {
		if w := &m.WaitedFor[place]; w.Status != "" {
			keys, sources = append(keys, engine.InputPart(m.ID, place)), append(sources, w.Source())
		}
	}
	if len(keys) == 0 {
		return 0
	}
	m.Inputs = map[string]missions.Input{}
	inputs, err := r.inputs(ctx, keys)
	if err != nil {
		m.Trimmed = append(m.Trimmed, "inputs")
		return 0
	}
	for i, input := range inputs {
		if input == nil {
			continue
		}
		if size := len(input.Result) + len(sources[i]) + 64; used+size > room {
			m.Trimmed = append(m.Trimmed, "inputs."+sources[i])
		} else {
			used += size
			m.Inputs[sources[i]] = *input
		}
	}
	return used
}

// completeSignals adds the data of signals to a claimed mission, and returns its bytes.
func (r reads) completeSignals(ctx context.Context, m *missions.Mission, room int) (used int) {
	var keys []engine.PartKey
	var places []int
	for i := range m.Signals {
		if m.Signals[i].Elsewhere {
			keys, places = append(keys, engine.SignalPart(m.ID, m.Signals[i].Seq)), append(places, i)
		}
	}
	if len(keys) == 0 {
		return 0
	}
	signals := append(missions.Signals(nil), m.Signals...)
	m.Signals = signals
	bodies, err := read(ctx, r.by, func() ([][]byte, error) { return r.backend.Parts(ctx, keys) })
	trimmed := err != nil
	for i, place := range places {
		if err != nil || bodies[i] == nil || used+len(bodies[i]) > room {
			trimmed = true
			continue
		}
		used += len(bodies[i])
		signals[place].Data, signals[place].Elsewhere = bodies[i], false
	}
	if trimmed {
		m.Trimmed = append(m.Trimmed, "signals")
	}
	return used
}
