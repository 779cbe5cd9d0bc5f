// Package enginetest holds what tests of package engine and of its backends share: a
// backend in memory, the conformance suite that every backend passes, and the simulation.
package enginetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Memory is a backend in memory, in its simplest form. Its methods may be called
// concurrently.
type Memory struct {
	mu      sync.RWMutex
	epoch   int64
	marks   engine.Marks
	byID    map[string]*engine.Record
	logs    map[int64][]missions.LogEntry // by Seq
	leases  map[int64]engine.Lease
	agents  map[string]engine.Agent
	totals  map[string]*engine.Totals
	points  map[engine.PointKey]engine.Point
	alerts  map[string]missions.Alert
	notices []missions.Event
	events  []missions.Event

	receipts []engine.Receipt
	parts    map[engine.PartKey][]byte
	docs     map[string][]byte
	sets     map[string]map[string]bool
}

var _ engine.SharedBackend = (*Memory)(nil)

// NewMemory returns an empty backend.
func NewMemory() *Memory {
	return &Memory{
		byID: map[string]*engine.Record{}, logs: map[int64][]missions.LogEntry{}, leases: map[int64]engine.Lease{},
		agents: map[string]engine.Agent{}, totals: map[string]*engine.Totals{}, points: map[engine.PointKey]engine.Point{},
		alerts: map[string]missions.Alert{}, parts: map[engine.PartKey][]byte{}, docs: map[string][]byte{}, sets: map[string]map[string]bool{},
	}
}

// Begin implements [engine.Backend].
func (b *Memory) Begin(context.Context) (int64, *engine.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch++
	return b.epoch, b.snapshot(), nil
}

// Peek implements [engine.SharedBackend].
func (b *Memory) Peek(context.Context) (*engine.Snapshot, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.snapshot(), nil
}

// Overview implements [engine.SharedBackend].
func (b *Memory) Overview(context.Context) (*engine.Totals, engine.Marks, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	totals := engine.Totals{}
	if all := b.totals[""]; all != nil {
		totals = *all
	}
	return &totals, b.marks, nil
}

func (b *Memory) snapshot() *engine.Snapshot {
	from := &engine.Snapshot{
		Marks: b.marks, Agents: values(b.agents), Leases: values(b.leases), Totals: maps.Clone(b.totals),
		Alerts: values(b.alerts), Points: maps.Clone(b.points), Receipts: slices.Clone(b.receipts),
	}
	for _, notice := range b.notices {
		from.Notices = append(from.Notices, notice.Seq)
	}
	return from
}

// values returns the values of a map, by key.
func values[K cmp.Ordered, V any](m map[K]V) (list []V) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[key])
	}
	return list
}

// Commit implements [engine.Backend].
func (b *Memory) Commit(_ context.Context, epoch int64, c *engine.Changes) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch != b.epoch {
		return engine.ErrNotLeader
	}
	b.marks = c.Marks
	for _, line := range c.Logs {
		b.logs[line.Seq] = append(b.logs[line.Seq], line.Entry)
	}
	for _, change := range c.Missions {
		if change.After == nil {
			delete(b.byID, change.Before.ID)
			delete(b.logs, change.Before.Seq)
		} else {
			b.byID[change.After.ID] = change.After
		}
	}
	for _, l := range c.Released {
		delete(b.leases, l.Seq)
	}
	for _, l := range c.Leases {
		b.leases[l.Seq] = l
	}
	for _, a := range c.Gone {
		delete(b.agents, a.ID)
	}
	for _, a := range c.Agents {
		b.agents[a.ID] = a
	}
	b.commitFlow(c)
	b.commitStatistics(c)
	b.commitEvents(c)
	for _, r := range c.Receipts {
		b.receipts = slices.DeleteFunc(b.receipts, func(o engine.Receipt) bool { return o.ID == r.ID })
		b.receipts = append(b.receipts, r)
	}
	b.receipts = slices.DeleteFunc(b.receipts, func(r engine.Receipt) bool { return slices.Contains(c.Spent, r.ID) })
	return nil
}

func (b *Memory) commitStatistics(c *engine.Changes) {
	maps.Copy(b.totals, c.Totals)
	maps.Copy(b.points, c.Points)
	maps.DeleteFunc(b.points, func(key engine.PointKey, _ engine.Point) bool {
		before, forget := c.Before[key.Series]
		return forget && key.Slot < before
	})
}

func (b *Memory) commitEvents(c *engine.Changes) {
	b.events = append(b.events, c.Events...)
	b.events = slices.DeleteFunc(b.events, func(e missions.Event) bool { return e.Seq <= c.Forgotten })
	for _, a := range c.Alerts {
		if a.State == missions.AlertOK {
			delete(b.alerts, a.Rule)
		} else {
			b.alerts[a.Rule] = a
		}
	}
	b.notices = append(b.notices, c.Notices...)
	b.notices = slices.DeleteFunc(b.notices, func(e missions.Event) bool { return slices.Contains(c.Noticed, e.Seq) })
}

// Records implements [engine.Backend].
func (b *Memory) Records(ctx context.Context, ids []string) (found []*engine.Record, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, id := range ids {
		if r := b.byID[id]; r != nil {
			found = append(found, b.output(r))
		}
	}
	return found, ctx.Err()
}

// output returns a record with the end of its lease.
func (b *Memory) output(r *engine.Record) *engine.Record {
	out := *r
	out.Mission = r.Copied()
	out.LeaseExpiresAt = b.leases[r.Seq].ExpiresAt
	return &out
}

// selected returns the records that keep selects, in an order.
func (b *Memory) selected(keep func(*engine.Record) bool, order func(a, b *engine.Record) int) (list []*engine.Record) {
	for _, r := range b.byID {
		if keep(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, order)
	return list
}

func oldest(a, b *engine.Record) int { return cmp.Compare(a.Seq, b.Seq) }

// Queue implements [engine.Backend].
func (b *Memory) Queue(ctx context.Context, missionType string, limit int) (heads []engine.Head, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := b.selected(func(r *engine.Record) bool { return r.Ready && r.Type == missionType }, func(a, b *engine.Record) int {
		return cmp.Or(cmp.Compare(b.Priority.Rank(), a.Priority.Rank()), oldest(a, b))
	})
	for _, r := range list[:min(len(list), limit)] {
		heads = append(heads, engine.Head{Rank: r.Priority.Rank(), Seq: r.Seq, ID: r.ID, Size: r.SizeEstimate()})
	}
	return heads, ctx.Err()
}

// Planned implements [engine.Backend].
func (b *Memory) Planned(ctx context.Context, limit int) (planned []engine.Planned, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := b.selected(func(r *engine.Record) bool { return r.DueAt != 0 }, func(a, b *engine.Record) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), oldest(a, b))
	})
	for _, r := range list[:min(len(list), limit)] {
		planned = append(planned, engine.Planned{At: r.DueAt, Seq: r.Seq, ID: r.ID})
	}
	return planned, ctx.Err()
}

// Ended implements [engine.Backend].
func (b *Memory) Ended(ctx context.Context, upTo missions.Time, limit int) (ids []string, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := b.selected(func(r *engine.Record) bool { return r.FinishedAt != 0 && r.FinishedAt <= upTo }, func(a, b *engine.Record) int {
		return cmp.Or(cmp.Compare(a.FinishedAt, b.FinishedAt), oldest(a, b))
	})
	for _, r := range list[:min(len(list), limit)] {
		ids = append(ids, r.ID)
	}
	return ids, ctx.Err()
}

// List implements [engine.Backend].
func (b *Memory) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	page := missions.Page{Missions: []missions.Mission{}}
	list := b.selected(func(r *engine.Record) bool {
		return (f.Cursor == 0 || r.Seq < f.Cursor) &&
			(f.CreatedBefore == 0 || r.CreatedAt < f.CreatedBefore) && (f.CreatedAfter == 0 || r.CreatedAt > f.CreatedAfter) &&
			(f.Status == "" || r.Status == f.Status) && (f.Type == "" || r.Type == f.Type) &&
			(f.AgentID == "" || string(r.AgentID) == f.AgentID) && (f.Tag == "" || slices.Contains(r.Tags, f.Tag)) && r.Matches(&f)
	}, func(a, b *engine.Record) int { return oldest(b, a) })
	var last int64
	size := 0
	for i, r := range list {
		if i == missions.MaxExamined || f.Limit > 0 && len(page.Missions) == f.Limit {
			page.Next = last
			break
		}
		if f.MatchesText(r.Name) {
			if size += r.SizeEstimate(); f.MaxBytes > 0 && size > f.MaxBytes && len(page.Missions) > 0 {
				page.Next = last
				break
			}
			page.Missions = append(page.Missions, b.output(r).Output())
		}
		last = r.Seq
	}
	return page, ctx.Err()
}

// Log implements [engine.Backend].
func (b *Memory) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := b.byID[id]
	if r == nil {
		return missions.LogPage{}, missions.NotFound("mission", id)
	}
	entries := b.logs[r.Seq]
	from := min(max(after, 0), int64(len(entries)))
	to := min(from+int64(limit), int64(len(entries)))
	page := missions.LogPage{Entries: append([]missions.LogEntry{}, entries[from:to]...)}
	if to < int64(len(entries)) {
		page.Next = to
	}
	return page, ctx.Err()
}

// Pending implements [engine.Backend].
func (b *Memory) Pending(ctx context.Context, after int64, limit int) (events []missions.Event, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, e := range b.events {
		if e.Seq > after && len(events) < limit {
			events = append(events, e)
		}
	}
	return events, ctx.Err()
}

// Notices implements [engine.Backend].
func (b *Memory) Notices(ctx context.Context, limit int) ([]missions.Event, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.notices[:min(limit, len(b.notices))]), ctx.Err()
}

// Oldest implements [engine.Backend].
func (b *Memory) Oldest(ctx context.Context, missionType string) (missions.Time, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := b.selected(func(r *engine.Record) bool {
		return r.Status == missions.Pending && (missionType == "" || r.Type == missionType)
	}, oldest)
	if len(list) == 0 {
		return 0, ctx.Err()
	}
	return list[0].CreatedAt, ctx.Err()
}

// Fronts implements [engine.Backend].
func (b *Memory) Fronts(ctx context.Context, types []string) (map[string]missions.Time, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	fronts := map[string]missions.Time{}
	for _, name := range types {
		list := b.selected(func(r *engine.Record) bool { return r.Ready && r.Type == name }, func(a, b *engine.Record) int {
			return cmp.Or(cmp.Compare(b.Priority.Rank(), a.Priority.Rank()), oldest(a, b))
		})
		for i, r := range list {
			if i == 0 || list[i-1].Priority != r.Priority {
				if since, there := fronts[name]; !there || r.ReadyAt < since {
					fronts[name] = r.ReadyAt
				}
			}
		}
	}
	return fronts, ctx.Err()
}

// Points implements [engine.Backend].
func (b *Memory) Points(ctx context.Context, series engine.Series, missionType string, from int64) (map[int64]engine.Point, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	points := map[int64]engine.Point{}
	for key, point := range b.points {
		if key.Series == series && key.Type == missionType && key.Slot >= from {
			points[key.Slot] = point
		}
	}
	return points, ctx.Err()
}
