package redisstore

import (
	"context"
	"math"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// List implements [engine.Backend].
func (b *Backend) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	s := search{filter: f, below: math.MaxInt64, left: missions.MaxExamined, page: missions.Page{Missions: []missions.Mission{}}}
	if f.CreatedBefore > 0 {
		s.below = int64(f.CreatedBefore)
	}
	if f.Cursor > 0 {
		s.below = min(s.below, f.Cursor)
	}
	for {
		more, err := b.search(ctx, &s)
		if err != nil || !more {
			return s.page, err
		}
	}
}

// search is a list on its way.
type search struct {
	filter missions.Filter
	below  int64 // everything from here on has been looked at
	left   int   // how many missions may still be looked at
	bytes  int
	page   missions.Page
}

// search looks at some more missions, and reports whether the list goes on.
func (b *Backend) search(ctx context.Context, s *search) (more bool, err error) {
	f := &s.filter
	examine, heads, budget := min(s.left, examineAtOnce), "", f.MaxBytes
	most := examine
	if f.Limit > 0 {
		most = min(most, f.Limit-len(s.page.Missions))
	}
	if f.Text != "" {
		most, heads, budget = examine, "1", 0
	}
	answer, err := b.run(ctx, backendScripts.find, decimal(min(s.below, maxSeq)), int64(f.CreatedAfter), most, examine, budget, heads,
		string(f.Status), f.Type, f.AgentID, f.Tag)
	if err != nil {
		return false, err
	}
	said := items(answer)
	following := number(text(said[0]))
	full, err := b.take(ctx, s, items(said[2]))
	if err != nil || full {
		return false, err
	}
	s.left -= int(number(text(said[1])))
	switch {
	case following == 0:
		return false, nil
	case s.left <= 0 || f.Limit > 0 && len(s.page.Missions) == f.Limit:
		s.page.Next = following
		return false, nil
	}
	s.below = following
	return true, nil
}

// take adds missions to the page, and reports whether that filled it: then Next is set.
func (b *Backend) take(ctx context.Context, s *search, rows []any) (full bool, err error) {
	for _, row := range rows {
		said := texts(row)
		var r *engine.Record
		if s.filter.Text == "" {
			r, err = recordOf(said)
		} else if r, err = readHeadOf(said[0], said[1]); err == nil {
			r, err = b.named(ctx, s, r)
		}
		if err != nil {
			return false, b.damaged(err)
		}
		if r != nil {
			s.bytes += r.SizeEstimate()
			over := s.filter.MaxBytes > 0 && s.bytes > s.filter.MaxBytes && len(s.page.Missions) > 0
			if over || s.filter.Limit > 0 && len(s.page.Missions) == s.filter.Limit {
				s.page.Next = s.below
				return true, nil
			}
			s.page.Missions = append(s.page.Missions, r.Mission)
		}
		s.below = number(said[5])
	}
	return false, nil
}

// named returns the whole record of a mission if its name matches.
func (b *Backend) named(ctx context.Context, s *search, head *engine.Record) (*engine.Record, error) {
	if !s.filter.MatchesText(head.Name) {
		return nil, nil
	}
	found, err := b.Records(ctx, []string{head.ID})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if r := found[0]; s.filter.Status == "" || r.Status == s.filter.Status {
		return r, nil
	}
	return nil, nil
}
