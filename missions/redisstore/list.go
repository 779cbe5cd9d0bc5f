package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"missioncontrol/missions"
)

// Get implements [missions.Missions].
func (s *scripted) Get(ctx context.Context, id string) (missions.Mission, error) {
	if err := s.begin(ctx); err != nil {
		return missions.Mission{}, err
	}
	defer s.calls.Done()
	answer, err := s.home(id).call(ctx, scripts.get, id)
	if err != nil {
		return missions.Mission{}, err
	}
	found := items(answer)[0]
	if len(items(found)) == 0 {
		return missions.Mission{}, missions.NotFound("mission", id)
	}
	m, err := told(found)
	if err != nil {
		return m, broken(err)
	}
	return m, nil
}

// Log implements [missions.Missions].
func (s *scripted) Log(ctx context.Context, id string, after int64, limit int) (page missions.LogPage, err error) {
	if err := s.begin(ctx); err != nil {
		return page, err
	}
	defer s.calls.Done()
	answer, err := s.home(id).call(ctx, scripts.log, id, max(after, 0), limit)
	if err != nil {
		return page, err
	}
	said := items(answer)
	if len(said) == 0 {
		return page, missions.NotFound("mission", id)
	}
	page.Entries = []missions.LogEntry{}
	if after < 1 {
		page.Entries = append(page.Entries, missions.CreatedEntry(moment(text(said[0]))))
	}
	for _, text := range texts(said[1]) {
		entry, err := logEntry(text)
		if err != nil {
			return page, broken(fmt.Errorf("the log of mission %q: %w", id, err))
		}
		page.Entries = append(page.Entries, entry)
	}
	if len(page.Entries) > limit {
		page.Entries = page.Entries[:limit]
		page.Next = max(after, 0) + int64(limit)
	}
	return page, nil
}

// logEntry reads an entry of a mission's log: a change of status or an agent's line.
func logEntry(entry string) (e missions.LogEntry, err error) {
	parts := strings.Split(entry, "\x00")
	switch {
	case len(parts) == 4 && parts[0] == "s":
		from, to, known := move(parts[2])
		if !known {
			return e, fmt.Errorf("a status change has the statuses %q", parts[2])
		}
		return missions.ChangeEntry(moment(parts[1]), from, to, parts[3]), nil
	case len(parts) == 5 && parts[0] == "l":
		e.Level, e.Message, e.By = parts[2], parts[3], missions.ByAgent
		if parts[4] != "" {
			e.Data = json.RawMessage(parts[4])
		}
	default:
		return e, fmt.Errorf("an entry of kind %q has %d parts", parts[0], len(parts))
	}
	e.Timestamp = moment(parts[1])
	return e, nil
}

// move reads two statuses by their digits: what a mission was, and what it became.
func move(digits string) (from, to missions.Status, known bool) {
	if len(digits) != 2 {
		return "", "", false
	}
	from, before := pick(statuses, digits[:1])
	to, after := pick(statuses, digits[1:])
	return from, to, before && after
}

// examineAtOnce is how many missions one script looks at: Redis does nothing else
// meanwhile.
const examineAtOnce = 1000

// List implements [missions.Missions].
func (s *scripted) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	if err := s.begin(ctx); err != nil {
		return missions.Page{}, err
	}
	defer s.calls.Done()
	l := listing{filter: f, below: math.MaxInt64, left: missions.MaxExamined, page: missions.Page{Missions: []missions.Mission{}}}
	if f.CreatedBefore > 0 {
		l.below = int64(f.CreatedBefore)
	}
	if f.Cursor > 0 {
		l.below = min(l.below, f.Cursor)
	}
	for {
		more, err := s.listOn(ctx, &l)
		if err != nil || !more {
			return l.page, err
		}
	}
}

// listing is a list on its way.
type listing struct {
	filter missions.Filter
	below  int64 // everything from here on has been looked at
	left   int   // how many missions may still be looked at
	bytes  int
	page   missions.Page
}

// want is how many missions the page has room for.
func (l *listing) want() int {
	if l.filter.Limit <= 0 {
		return examineAtOnce
	}
	return l.filter.Limit - len(l.page.Missions)
}

// listOn looks at some more missions, in every partition, and reports whether there
// is more to look at.
func (s *scripted) listOn(ctx context.Context, l *listing) (bool, error) {
	parts := make([]part, len(s.partitions))
	err := s.inEach(func(p *oldPartition) (err error) {
		parts[p.number], err = p.list(ctx, l, max(1, min(l.left, examineAtOnce)/len(s.partitions)))
		return err
	})
	if err != nil {
		return false, err
	}
	// What one partition has not looked at yet may be newer than what another has.
	bound, more := int64(0), false
	var all []row
	for _, part := range parts {
		l.left -= part.looked
		bound, more = max(bound, part.next), more || part.next != 0
		all = append(all, part.rows...)
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Compare(b.seq, a.seq) })
	full, err := s.take(ctx, l, all, bound)
	switch {
	case err != nil || full:
		return false, err
	case !more:
		return false, nil
	case l.want() <= 0 || l.left <= 0:
		l.page.Next = bound
		return false, nil
	}
	l.below = bound
	return true, nil
}

// row is one mission of a list, with the mission itself unless its name is to be
// looked at first.
type row struct {
	seq     int64
	id      string
	mission missions.Mission
}

// take adds rows down to a bound to the page, and reports whether that filled it:
// then the page's Next is set.
func (s *scripted) take(ctx context.Context, l *listing, rows []row, bound int64) (full bool, err error) {
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.seq < bound })
	if l.filter.Text != "" {
		if rows, err = s.fetchRows(ctx, l, rows); err != nil {
			return false, err
		}
	}
	last := l.below
	for _, r := range rows {
		size := r.mission.SizeEstimate()
		over := l.filter.MaxBytes > 0 && l.bytes+size > l.filter.MaxBytes && len(l.page.Missions) > 0
		if over || l.filter.Limit > 0 && len(l.page.Missions) == l.filter.Limit {
			l.page.Next = last
			return true, nil
		}
		l.bytes += size
		l.page.Missions = append(l.page.Missions, r.mission)
		last = r.seq
	}
	return false, nil
}

// fetchRows reads the missions of rows of which only names are known: those that
// still match, and one more than there is room for.
func (s *scripted) fetchRows(ctx context.Context, l *listing, rows []row) ([]row, error) {
	ids := make([][]any, len(s.partitions))
	found := map[string]missions.Mission{}
	if most := l.want() + 1; len(rows) > most {
		rows = rows[:most]
	}
	for _, r := range rows {
		p := s.home(r.id)
		ids[p.number] = append(ids[p.number], r.id)
	}
	for place, some := range ids {
		if len(some) == 0 {
			continue
		}
		answer, err := s.partitions[place].call(ctx, scripts.get, some...)
		if err != nil {
			return nil, err
		}
		for _, item := range items(answer) {
			if len(items(item)) > 0 {
				m, err := told(item)
				if err != nil {
					return nil, broken(err)
				}
				found[m.ID] = m
			}
		}
	}
	kept := rows[:0]
	for _, r := range rows {
		if m, ok := found[r.id]; ok && (l.filter.Status == "" || m.Status == l.filter.Status) {
			r.mission = m
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// part is what one partition contributes to a list.
type part struct {
	rows   []row
	looked int
	next   int64 // it has been looked at down to here; 0: to the end
}

func (p *oldPartition) list(ctx context.Context, l *listing, examine int) (result part, err error) {
	f := &l.filter
	names, status := "", ""
	want, budget := l.want()+1, f.MaxBytes
	if f.Text != "" {
		names, want, budget = "1", examine, 0
	}
	if f.Status != "" {
		status = strconv.Itoa(f.Status.Index())
	}
	answer, err := p.call(ctx, scripts.list, strconv.FormatInt(min(l.below, maxSeq), 10), int64(f.CreatedAfter), want, examine, budget,
		names, status, f.Type, f.AgentID, f.Tag)
	if err != nil {
		return result, err
	}
	said := items(answer)
	result.next, result.looked = number(text(said[0])), int(number(text(said[1])))
	for _, item := range items(said[2]) {
		r, matches, err := rowOf(item, f)
		if err != nil {
			return result, broken(err)
		}
		if matches {
			result.rows = append(result.rows, r)
		}
	}
	return result, nil
}

// maxSeq is the largest number that a score holds exactly.
const maxSeq = 1<<53 - 1

// rowOf reads one row of list.lua, and matches what the script leaves to us: text.
func rowOf(item any, f *missions.Filter) (r row, matches bool, err error) {
	if f.Text != "" {
		said := texts(item)
		return row{seq: number(said[0]), id: said[1]}, f.MatchesText(said[2]), nil
	}
	r.mission, err = told(item)
	r.seq, r.id = int64(r.mission.CreatedAt), r.mission.ID
	return r, true, err
}
