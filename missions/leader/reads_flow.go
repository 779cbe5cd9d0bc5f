package leader

import (
	"context"
	"encoding/json"
	"slices"

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
			s := of.Flow.Signals[i] // the record is shared
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
		claimed := results[i].Missions
		pieces := piecesOf(claimed)
		if len(pieces) == 0 {
			continue
		}
		room := maxBeside
		if claims[i].MaxBytes > 0 {
			room = claims[i].MaxBytes
			for j := range claimed {
				room -= claimed[j].SizeEstimate()
			}
		}
		keys := make([]engine.PartKey, len(pieces))
		for j := range pieces {
			keys[j] = pieces[j].key
		}
		bodies, err := read(ctx, r.by, func() ([][]byte, error) { return r.backend.Parts(ctx, keys) })
		if err != nil {
			bodies = make([][]byte, len(pieces))
		}
		for j := range pieces {
			room -= pieces[j].add(bodies[j], room)
		}
	}
}

// maxBeside bounds what is added to the missions of a claim without a limit.
const maxBeside = 64 << 20

// piece is a part that a claimed mission is to have: the outcome of a source, or the data of a signal.
type piece struct {
	of     *missions.Mission
	key    engine.PartKey
	source string // "" for a signal
	place  int    // of the signal
}

// piecesOf returns what claimed missions are to have. Their flows are their own from then on.
func piecesOf(claimed []missions.Mission) (pieces []piece) {
	for i := range claimed {
		m := &claimed[i]
		if m.Flow == nil {
			continue
		}
		flow := *m.Flow
		flow.Signals = slices.Clone(flow.Signals)
		m.Flow = &flow
		for place := range flow.WaitedFor {
			if w := &flow.WaitedFor[place]; w.Status != "" {
				pieces = append(pieces, piece{of: m, key: engine.InputPart(m.ID, place), source: w.Source()})
			}
		}
		for place := range flow.Signals {
			if s := &flow.Signals[place]; s.Elsewhere {
				pieces = append(pieces, piece{of: m, key: engine.SignalPart(m.ID, s.Seq), place: place})
			}
		}
	}
	return pieces
}

// add gives the mission a part, nil if it could not be read, and returns its bytes.
func (p *piece) add(body []byte, room int) (used int) {
	if p.source == "" {
		if body == nil || len(body) > room {
			p.trim("signals")
			return 0
		}
		s := &p.of.Signals[p.place]
		s.Data, s.Elsewhere = body, false
		return len(body)
	}
	if p.of.Inputs == nil {
		p.of.Inputs = map[string]missions.Input{}
	}
	var input missions.Input
	size := len(body) + len(p.source) + 64
	if body == nil || size > room || json.Unmarshal(body, &input) != nil {
		p.trim("inputs." + p.source)
		return 0
	}
	p.of.Inputs[p.source] = input
	return size
}

func (p *piece) trim(field string) {
	if !slices.Contains(p.of.Trimmed, field) {
		p.of.Trimmed = append(p.of.Trimmed, field)
	}
}
