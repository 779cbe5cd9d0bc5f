package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Compared is a backend beside a [Memory]: each does everything that the other does, and an
// error says how their answers differ. Its methods must not be called concurrently.
type Compared struct {
	memory *Memory
	tested engine.Backend
	epochs map[int64]int64 // of tested, by those of memory
	begun  int
	crash  func() (engine.Backend, error)

	// Shared says that several processes may use the tested backend, so that it keeps receipts.
	Shared bool
}

var _ engine.Backend = (*Compared)(nil)

// Compare returns a backend that compares tested with a Memory. crash returns a backend of the
// data that tested would leave if its process ended now. It is called again and again.
func Compare(tested engine.Backend, crash func() (engine.Backend, error)) *Compared {
	return &Compared{memory: NewMemory(), tested: tested, epochs: map[int64]int64{}, crash: crash}
}

// same returns what memory answered, or an error if the tested backend answers something else.
func same[T any](what string, got T, err error, want T, wantErr error) (T, error) {
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		return want, fmt.Errorf("%s fails with %w, in memory with %w", what, err, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		return want, fmt.Errorf("%s is\n  %+v\nand in memory\n  %+v", what, got, want)
	}
	return want, wantErr
}

// Begin implements [engine.Backend]. Every third term begins with a crash.
func (c *Compared) Begin(ctx context.Context) (int64, *engine.Snapshot, error) {
	if c.begun++; c.begun%3 == 0 {
		again, err := c.crash()
		if err != nil {
			return 0, nil, err
		}
		c.tested = again
		clear(c.epochs)
	}
	at, got, err := c.tested.Begin(ctx)
	if err != nil {
		return 0, nil, err
	}
	epoch, want, err := c.memory.Begin(ctx)
	if err != nil {
		return 0, nil, err
	}
	c.epochs[epoch] = at
	want.Recounted = got.Recounted
	// Of the points, a backend need not return more than the latest ones.
	maps.DeleteFunc(want.Points, func(key engine.PointKey, _ engine.Point) bool {
		_, there := got.Points[key]
		return !there && (key.Series == engine.Gauges || key.Slot < latest(want.Points, key.Series))
	})
	for _, s := range []*engine.Snapshot{got, want} {
		slices.SortFunc(s.Agents, func(a, b engine.Agent) int { return cmp.Compare(a.ID, b.ID) })
		slices.SortFunc(s.Leases, func(a, b engine.Lease) int { return cmp.Compare(a.Seq, b.Seq) })
		slices.SortFunc(s.Alerts, func(a, b missions.Alert) int { return cmp.Compare(a.Rule, b.Rule) })
	}
	_, err = same("the snapshot's marks", got.Marks, nil, want.Marks, nil)
	if c.Shared && err == nil {
		_, err = same("the snapshot's receipts", sortedReceipts(got), nil, sortedReceipts(want), nil)
	}
	for _, part := range []func(*engine.Snapshot) any{
		func(s *engine.Snapshot) any { return append([]engine.Agent{}, s.Agents...) },
		func(s *engine.Snapshot) any { return append([]engine.Lease{}, s.Leases...) },
		func(s *engine.Snapshot) any { return append([]missions.Alert{}, s.Alerts...) },
		func(s *engine.Snapshot) any { return append([]int64{}, s.Notices...) },
		func(s *engine.Snapshot) any { return s.Points },
		func(s *engine.Snapshot) any { return plainTotals(s.Totals) },
	} {
		if err == nil {
			_, err = same("the snapshot", part(got), nil, part(want), nil)
		}
	}
	return epoch, want, err
}

func sortedReceipts(s *engine.Snapshot) []engine.Receipt {
	return append([]engine.Receipt{}, slices.SortedFunc(slices.Values(s.Receipts), func(a, b engine.Receipt) int { return cmp.Compare(a.ID, b.ID) })...)
}

func latest(points map[engine.PointKey]engine.Point, series engine.Series) (slot int64) {
	for key := range points {
		if key.Series == series {
			slot = max(slot, key.Slot)
		}
	}
	return slot
}

func plainTotals(totals map[string]*engine.Totals) map[string]engine.Totals {
	plain := map[string]engine.Totals{}
	for name, t := range totals {
		plain[name] = *t
	}
	return plain
}

// Commit implements [engine.Backend].
func (c *Compared) Commit(ctx context.Context, epoch int64, changes *engine.Changes) error {
	at, known := c.epochs[epoch]
	if !known {
		return c.memory.Commit(ctx, epoch, changes) // of a term before a crash
	}
	err := c.tested.Commit(ctx, at, changes)
	_, err = same("a commit", 0, err, 0, c.memory.Commit(ctx, epoch, changes))
	return err
}

// Records implements [engine.Backend].
func (c *Compared) Records(ctx context.Context, ids []string) ([]*engine.Record, error) {
	got, err := c.tested.Records(ctx, ids)
	want, wantErr := c.memory.Records(ctx, ids)
	if _, err := same("how many records there are", len(got), err, len(want), wantErr); err != nil {
		return want, err
	}
	records := byID(got)
	for _, r := range want {
		if _, err := same("the record", records[r.ID], nil, *r, nil); err != nil {
			return want, err
		}
	}
	return want, nil
}

func byID(list []*engine.Record) map[string]engine.Record {
	records := map[string]engine.Record{}
	for _, r := range list {
		records[r.ID] = *r
	}
	return records
}

// Queue implements [engine.Backend].
func (c *Compared) Queue(ctx context.Context, missionType string, limit int) ([]engine.Head, error) {
	got, err := c.tested.Queue(ctx, missionType, limit)
	want, wantErr := c.memory.Queue(ctx, missionType, limit)
	_, err = same("the queue", ids(got), err, ids(want), wantErr)
	return want, err
}

// ids returns heads without their sizes, which are approximate.
func ids(heads []engine.Head) []engine.Head {
	plain := append([]engine.Head{}, heads...)
	for i := range plain {
		plain[i].Size = 0
	}
	return plain
}

// Planned implements [engine.Backend].
func (c *Compared) Planned(ctx context.Context, limit int) ([]engine.Planned, error) {
	got, err := c.tested.Planned(ctx, limit)
	want, wantErr := c.memory.Planned(ctx, limit)
	return same("what is planned", got, err, want, wantErr)
}

// Ended implements [engine.Backend].
func (c *Compared) Ended(ctx context.Context, upTo missions.Time, limit int) ([]string, error) {
	got, err := c.tested.Ended(ctx, upTo, limit)
	want, wantErr := c.memory.Ended(ctx, upTo, limit)
	_, err = same("what has ended", c.ends(got), err, c.ends(want), wantErr)
	return want, err
}

// ends returns when missions ended that differ from each other.
func (c *Compared) ends(ids []string) (times []missions.Time) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		times = append(times, c.memory.byID[id].FinishedAt)
	}
	slices.Sort(times)
	return times
}

// List implements [engine.Backend]. It also compares everything that a simulation never asks.
func (c *Compared) List(ctx context.Context, f missions.Filter) (missions.Page, error) {
	got, err := c.tested.List(ctx, f)
	want, wantErr := c.memory.List(ctx, f)
	page, err := same("the list", got, err, want, wantErr)
	if err != nil {
		return page, err
	}
	compared := map[string]bool{} // what many missions have in common is compared once
	for i := range page.Missions {
		m := &page.Missions[i]
		if err := c.log(ctx, m.ID); err != nil {
			return page, err
		}
		for _, filter := range []missions.Filter{
			{Status: m.Status}, {Type: m.Type, Status: m.Status}, {Type: m.Type, Limit: 3}, {AgentID: string(m.AgentID)},
			{After: missions.Condition{Mission: m.ID}}, {ParentID: m.ID}, {ParentID: m.ID, Waiting: missions.WaitMission},
		} {
			what := fmt.Sprintf("the list of %+v", filter)
			if compared[what] {
				continue
			}
			compared[what] = true
			got, err := c.tested.List(ctx, filter)
			want, wantErr := c.memory.List(ctx, filter)
			if _, err := same(what, got, err, want, wantErr); err != nil {
				return page, err
			}
		}
		if compared[m.Type] {
			continue
		}
		compared[m.Type] = true
		if _, err := c.Oldest(ctx, m.Type); err != nil {
			return page, err
		}
	}
	if err := c.waits(ctx); err != nil {
		return page, err
	}
	return page, c.statistics(ctx)
}

// waits compares the lists of what waits, and of batches.
func (c *Compared) waits(ctx context.Context) error {
	filters := []missions.Filter{}
	for _, kind := range missions.WaitKinds() {
		filters = append(filters, missions.Filter{Waiting: kind}, missions.Filter{Waiting: kind, Type: "x", Limit: 2})
	}
	for _, id := range simulatedBatches {
		filters = append(filters, missions.Filter{Batch: id}, missions.Filter{Batch: id, Waiting: missions.WaitSignal},
			missions.Filter{After: missions.Condition{Batch: id}})
	}
	for i := range filters {
		got, err := pages(ctx, c.tested, filters[i])
		want, wantErr := pages(ctx, c.memory, filters[i])
		if _, err := same(fmt.Sprintf("the list of %+v", filters[i]), got, err, want, wantErr); err != nil {
			return err
		}
	}
	_, err := c.Members(ctx, []engine.Range{engine.BatchRange("", 2)})
	return err
}

// pages returns the missions of all pages. A full page, and one for which many missions were looked at, may have a next
// one that is empty.
func pages(ctx context.Context, b engine.Backend, f missions.Filter) (all []missions.Mission, err error) {
	for {
		page, err := b.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Missions...); page.Next == 0 {
			return all, nil
		}
		if f.Limit > 0 && len(page.Missions) > f.Limit || f.Cursor > 0 && page.Next >= f.Cursor {
			return nil, fmt.Errorf("a page of %d missions, with limit %d, goes on at %d after %d", len(page.Missions), f.Limit, page.Next, f.Cursor)
		}
		f.Cursor = page.Next
	}
}

func (c *Compared) log(ctx context.Context, id string) error {
	for after := int64(0); ; {
		got, err := c.Log(ctx, id, after, 3)
		if err != nil || got.Next == 0 {
			return err
		}
		after = got.Next
	}
}

func (c *Compared) statistics(ctx context.Context) error {
	for _, missionType := range []string{"", "x", "y", "z"} {
		for _, series := range []engine.Series{engine.Minutes, engine.Gauges, engine.ShortSamples, engine.LongSamples} {
			if _, err := c.Points(ctx, series, missionType, 0); err != nil {
				return err
			}
		}
	}
	if _, err := c.Notices(ctx, 10); err != nil {
		return err
	}
	if _, err := c.Pending(ctx, 0, 1000); err != nil {
		return err
	}
	if _, err := c.Fronts(ctx, []string{"x", "y", "z", "none"}); err != nil {
		return err
	}
	_, err := c.Oldest(ctx, "")
	return err
}

// Log implements [engine.Backend].
func (c *Compared) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	got, err := c.tested.Log(ctx, id, after, limit)
	want, wantErr := c.memory.Log(ctx, id, after, limit)
	return same("the log", got, err, want, wantErr)
}

// Pending implements [engine.Backend].
func (c *Compared) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	got, err := c.tested.Pending(ctx, after, limit)
	want, wantErr := c.memory.Pending(ctx, after, limit)
	return same("the outbox", got, err, want, wantErr)
}

// Notices implements [engine.Backend].
func (c *Compared) Notices(ctx context.Context, limit int) ([]missions.Event, error) {
	got, err := c.tested.Notices(ctx, limit)
	want, wantErr := c.memory.Notices(ctx, limit)
	_, err = same("the notices", append([]missions.Event{}, got...), err, append([]missions.Event{}, want...), wantErr)
	return want, err
}

// Oldest implements [engine.Backend].
func (c *Compared) Oldest(ctx context.Context, missionType string) (missions.Time, error) {
	got, err := c.tested.Oldest(ctx, missionType)
	want, wantErr := c.memory.Oldest(ctx, missionType)
	return same("the oldest", got, err, want, wantErr)
}

// Fronts implements [engine.Backend].
func (c *Compared) Fronts(ctx context.Context, types []string) (map[string]missions.Time, error) {
	got, err := c.tested.Fronts(ctx, types)
	want, wantErr := c.memory.Fronts(ctx, types)
	return same("the fronts", got, err, want, wantErr)
}

// Points implements [engine.Backend].
func (c *Compared) Points(ctx context.Context, series engine.Series, missionType string, from int64) (map[int64]engine.Point, error) {
	got, err := c.tested.Points(ctx, series, missionType, from)
	want, wantErr := c.memory.Points(ctx, series, missionType, from)
	return same("the points", got, err, want, wantErr)
}

// Docs implements [engine.Backend].
func (c *Compared) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	got, err := c.tested.Docs(ctx, keys)
	want, wantErr := c.memory.Docs(ctx, keys)
	return same("the documents", got, err, want, wantErr)
}

// Members implements [engine.Backend].
func (c *Compared) Members(ctx context.Context, ranges []engine.Range) ([][]string, error) {
	got, err := c.tested.Members(ctx, ranges)
	want, wantErr := c.memory.Members(ctx, ranges)
	for _, lists := range [][][]string{got, want} {
		for i := range lists {
			lists[i] = append([]string{}, lists[i]...)
		}
	}
	return same("the members", got, err, want, wantErr)
}

// Parts implements [engine.Backend].
func (c *Compared) Parts(ctx context.Context, keys []engine.PartKey) ([][]byte, error) {
	got, err := c.tested.Parts(ctx, keys)
	want, wantErr := c.memory.Parts(ctx, keys)
	return same("the parts", got, err, want, wantErr)
}
