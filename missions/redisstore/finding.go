package redisstore

import (
	"context"
	"math"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// examineAtOnce is how many missions a script looks at: Redis does nothing else meanwhile.
const examineAtOnce = 1000

// maxSeq is more than any mission's age, and a number that Redis compares exactly.
const maxSeq = 1<<53 - 1

// List implements [engine.Backend].
func (b *Backend) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	below := int64(math.MaxInt64)
	if f.CreatedBefore > 0 {
		below = int64(f.CreatedBefore)
	}
	if f.Cursor > 0 {
		below = min(below, f.Cursor)
	}
	s := &search{filter: f, left: missions.MaxExamined, last: below, page: missions.Page{Missions: []missions.Mission{}}}
	for _, p := range b.all() {
		s.sources = append(s.sources, &source{p: p, below: below, more: true})
	}
	if err := s.run(ctx); err != nil {
		return missions.Page{}, err
	}
	return s.page, b.withLeases(ctx, s.page.Missions)
}

// search merges what the partitions find, the newest first.
type search struct {
	filter  missions.Filter
	left    int // how many missions may still be looked at
	bytes   int
	last    int64 // the age of the mission that was taken last
	sources []*source
	page    missions.Page
}

// source is what a partition finds.
type source struct {
	p     *partition
	rows  []any // missions that match as far as lua/find.lua can tell
	below int64 // everything from here on has been looked at
	more  bool  // there may be more
}

func (s *source) age() int64 {
	row := items(s.rows[0])
	return number(text(row[len(row)-1]))
}

// run fills the page.
func (s *search) run(ctx context.Context) error {
	for {
		if err := s.refill(ctx); err != nil {
			return err
		}
		// What a source has not looked at may be newer than what others have found.
		var newest *source
		var unknown int64
		for _, from := range s.sources {
			switch {
			case len(from.rows) > 0 && (newest == nil || from.age() > newest.age()):
				newest = from
			case len(from.rows) == 0 && from.more:
				unknown = max(unknown, from.below)
			}
		}
		if newest == nil || newest.age() < unknown {
			s.page.Next = unknown
			return nil
		}
		full, err := s.take(ctx, newest)
		if err != nil || full {
			return err
		}
	}
}

// refill has sources look for more that have none left.
func (s *search) refill(ctx context.Context) error {
	var empty []*source
	for _, from := range s.sources {
		if len(from.rows) == 0 && from.more && s.left > 0 {
			empty = append(empty, from)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	examine := min(max(s.left/len(empty), 1), examineAtOnce)
	errs, looked := make([]error, len(empty)), make([]int, len(empty))
	var all sync.WaitGroup
	for i, from := range empty {
		all.Go(func() { looked[i], errs[i] = from.look(ctx, s, examine) })
	}
	all.Wait()
	for i := range empty {
		s.left -= looked[i]
		if errs[i] != nil {
			return errs[i]
		}
	}
	return nil
}

// beyondShare is how many missions more than its share a partition is asked for: they are not
// spread evenly.
const beyondShare = 8

// look looks at some more missions, and returns at how many.
func (s *source) look(ctx context.Context, by *search, examine int) (looked int, err error) {
	f := &by.filter
	heads, budget, most := "", f.MaxBytes, examine
	if f.Limit > 0 {
		most = f.Limit - len(by.page.Missions)
		if n := len(by.sources); n > 1 {
			most = most/n + beyondShare
		}
		most = min(most, examine)
	}
	if f.Text != "" {
		most, heads, budget = examine, "1", 0
	}
	status := f.Status
	if f.Waiting != "" && status == "" {
		status = missions.Pending
	}
	args := []any{decimal(min(s.below, maxSeq)), int64(f.CreatedAfter), most, examine, budget, heads, string(status), f.Type, f.AgentID, f.Tag}
	for _, label := range engine.FilterLabels(f) {
		args = append(args, label)
	}
	answer, err := s.p.run(ctx, scripts.find, args...)
	if err != nil {
		return 0, err
	}
	said := items(answer)
	s.rows = items(said[2])
	s.below = number(text(said[0]))
	s.more = s.below != 0
	return int(number(text(said[1]))), nil
}

// take takes the next mission of a source, and reports whether the page is full: then Next is set.
func (s *search) take(ctx context.Context, from *source) (full bool, err error) {
	said := texts(from.rows[0])
	var r *engine.Record
	if said = said[:len(said)-1]; s.filter.Text == "" {
		r, err = recordOf(said)
	} else if r, err = readHeadOf(said[0], said[1]); err == nil {
		r, err = from.p.named(ctx, &s.filter, r)
	}
	if err != nil {
		return false, from.p.damaged(err)
	}
	if r != nil && r.Matches(&s.filter) {
		s.bytes += r.SizeEstimate()
		if s.filter.MaxBytes > 0 && s.bytes > s.filter.MaxBytes && len(s.page.Missions) > 0 {
			s.page.Next = s.last
			return true, nil
		}
		s.page.Missions = append(s.page.Missions, r.Output())
	}
	s.last, from.rows = from.age(), from.rows[1:]
	if s.filter.Limit > 0 && len(s.page.Missions) == s.filter.Limit {
		if s.goesOn() {
			s.page.Next = s.last
		}
		return true, nil
	}
	return false, nil
}

// goesOn reports whether there may be more missions.
func (s *search) goesOn() bool {
	for _, from := range s.sources {
		if len(from.rows) > 0 || from.more {
			return true
		}
	}
	return false
}

// named returns the whole record of a mission if its name matches.
func (p *partition) named(ctx context.Context, f *missions.Filter, head *engine.Record) (*engine.Record, error) {
	if !f.MatchesText(head.Name) {
		return nil, nil
	}
	found, err := p.records(ctx, []string{head.ID})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if r := found[0]; f.Status == "" || r.Status == f.Status {
		return r, nil
	}
	return nil, nil
}
