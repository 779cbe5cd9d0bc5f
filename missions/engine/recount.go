package engine

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"missioncontrol/missions"
)

// DocRecount is the key of a document that says that a backend has lost commits of some of its partitions, so that
// documents and sets may not agree with the missions. [Recount] makes them agree again, and deletes it.
const DocRecount = "recount"

// RecountDoc is the document itself.
func RecountDoc() Doc { return Doc{DocRecount, encodeDoc(count(1))} }

// Recount makes documents, sets and counters of what missions wait for agree with the missions that there are. flows
// are all missions that have a flow, with their conditions, in any order; unready are, by type, how many PENDING
// missions are not in its queue. store stores a part of what has changed, as [Backend].Commit does; the last part
// deletes [DocRecount] and stores [DocCounted], and what is stored is right also if that part is never reached. No term has begun with the
// backend meanwhile. It takes memory for everything that missions wait for.
func Recount(ctx context.Context, b Backend, from *Snapshot, now missions.Time, flows iter.Seq2[*Record, error], unready map[string]int64, store func(*Changes) error) error {
	c := &recount{
		backend: b, from: from, now: now, store: store, changes: &Changes{Marks: from.Marks},
		batches: map[string]*[5]int64{}, sets: map[string]map[string]bool{setAsks: {}, setBudgets: {}, setUnique: {}, setUntil: {}}, sources: map[string]bool{},
		moved: map[string]bool{}, waiting: map[string]*[4]int64{}, keys: map[string][]keyClaim{},
		counted: lanesCounted{lanes: map[string]*lane{}, keys: map[string]*keyMissions{}, names: map[string]string{}, shares: map[string]*Record{}},
	}
	for r, err := range flows {
		if err != nil {
			return err
		}
		c.add(r)
	}
	if err := c.sourcesOf(ctx); err != nil {
		return err
	}
	if err := c.allBatches(ctx); err != nil {
		return err
	}
	if err := c.allLanes(ctx); err != nil {
		return err
	}
	if err := c.allKeys(ctx); err != nil {
		return err
	}
	for _, set := range slices.Sorted(maps.Keys(c.sets)) {
		if err := c.compare(ctx, set); err != nil {
			return err
		}
	}
	c.totals(unready)
	c.changes.Docs = append(c.changes.Docs, Doc{DocCounted, encodeDoc(count(1))}, Doc{Key: DocRecount})
	return c.flush(0)
}

// recountAtOnce is about how much is read, and stored, at a time.
const recountAtOnce = 500

// recount is what documents and sets have to say, as far as it is known.
type recount struct {
	backend Backend
	from    *Snapshot
	now     missions.Time
	store   func(*Changes) error
	changes *Changes

	batches map[string]*[5]int64       // missions of a batch, by status
	sets    map[string]map[string]bool // members
	sources map[string]bool            // missions for which others wait, or that have children
	moved   map[string]bool            // missions with positions that the outbox has lost
	waiting map[string]*[4]int64       // as Totals.Waiting, by type, of missions that have a flow
	counted lanesCounted
	keys    map[string][]keyClaim // what missions that live say of their unique keys
}

// add counts a mission.
func (c *recount) add(r *Record) {
	f := r.Flow
	if at := c.from.Marks.Outbox; max(f.WaitAt, f.ChildAt, f.CancelledAt) > at {
		c.moved[r.ID] = true
		f = f.within(at)
	}
	if f.Batch != "" {
		if c.batches[f.Batch] == nil {
			c.batches[f.Batch] = &[5]int64{}
		}
		c.batches[f.Batch][r.Status.Index()]++
	}
	if f.ChildAt != 0 {
		c.waits(missionSource(f.ParentID), registered(f.ChildAt, child, r.ID))
	}
	for i, o := range f.Outcomes {
		if source := sourceOf(&f.Conditions[i]); f.Waiting && o == open && source != "" {
			c.waits(source, registered(f.WaitAt, i, r.ID))
		}
	}
	c.key(r)
	if f.CancelledBy != "" {
		c.member(setCaused+f.CancelledBy, registered(f.CancelledAt, 0, r.ID))
	}
	c.member(setAsks, r.asks())
	c.member(setBudgets, r.nearMaximum())
	c.addToLane(r)
	if kinds := r.kinds(); kinds != 0 || f.Queued {
		t := c.waiting[r.Type]
		if t == nil {
			t = &[4]int64{}
			c.waiting[r.Type] = t
		}
		for i := range t {
			t[i] += int64(kinds >> i & 1)
		}
		t[timePlace]-- // it is one of those that cannot be claimed yet
	}
}

// within returns a flow whose positions the outbox has.
func (f *Flow) within(at int64) *Flow {
	c := *f
	c.WaitAt, c.ChildAt, c.CancelledAt = min(f.WaitAt, at), min(f.ChildAt, at), min(f.CancelledAt, at)
	return &c
}

// waits notes that a mission waits for a source.
func (c *recount) waits(source, member string) {
	c.member(setWaiters+source, member)
	if source[:2] != docBatch {
		c.sources[source[2:]] = true
	}
}

func (c *recount) member(set, member string) {
	if member == "" {
		return
	}
	if c.sets[set] == nil {
		c.sets[set] = map[string]bool{}
	}
	c.sets[set][member] = true
}

// flush stores what was collected, if it is more than some.
func (c *recount) flush(more int) error {
	n := len(c.changes.Docs) + len(c.changes.Members) + len(c.changes.Missions) + len(c.changes.Leases)
	if n <= more {
		return nil
	}
	slices.SortFunc(c.changes.Missions, func(a, b MissionChange) int { return int(a.After.Seq - b.After.Seq) })
	err := c.store(c.changes)
	c.changes = &Changes{Marks: c.from.Marks}
	return err
}

// wake has Due tell those that wait for a source that has ended.
func (c *recount) wake(w *wake) {
	w.upTo = c.from.Marks.Outbox
	name := w.name(w.upTo)
	c.changes.Docs = append(c.changes.Docs, Doc{docWake + name, encodeDoc(w)})
	c.changes.Members = append(c.changes.Members, Member{Set: setWakes, Member: name})
}

// sourcesOf has missions that others wait for tell them of their end, at once if they have ended or are lost, and
// notes positions that the outbox has.
func (c *recount) sourcesOf(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(c.sources))
	for id := range c.moved {
		if !c.sources[id] {
			ids = append(ids, id)
		}
	}
	for some := range slices.Chunk(ids, recountSources) {
		found, err := c.backend.Records(ctx, some)
		if err != nil {
			return err
		}
		byID, keys := map[string]*Record{}, make([]string, len(some))
		for _, r := range found {
			byID[r.ID] = r
		}
		for i, id := range some {
			keys[i] = docCount + id
		}
		docs, err := c.backend.Docs(ctx, keys)
		if err != nil {
			return err
		}
		for i, id := range some {
			c.source(id, byID[id], docs[keys[i]])
		}
		if err := c.flush(recountAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// recountSources is how many missions are read at once, with their results.
const recountSources = 32

func (c *recount) source(id string, r *Record, counted []byte) {
	n := count(len(c.sets[setWaiters+missionSource(id)]))
	if right := encodeDoc(n); n > 0 && !bytes.Equal(counted, right) {
		c.changes.Docs = append(c.changes.Docs, Doc{docCount + id, right})
	}
	switch {
	case c.sources[id] && r == nil:
		c.wake(&wake{source: missionSource(id), status: missions.Cancelled})
		return
	case c.sources[id] && r.Status.Terminal():
		c.wake(&wake{source: missionSource(id), status: r.Status, result: r.Result})
	}
	if awaited := c.sources[id] && !r.Status.Terminal(); c.moved[id] || awaited && (r.Flow == nil || !r.Flow.Awaited) {
		after := *r
		flow := Flow{}
		if r.Flow != nil {
			flow = *r.Flow.within(c.from.Marks.Outbox)
		}
		flow.Awaited = flow.Awaited || awaited
		after.Flow = &flow
		c.changes.Missions = append(c.changes.Missions, MissionChange{Before: r, After: &after})
	}
}

// allBatches counts the missions of all batches, those that nobody knows any more included.
func (c *recount) allBatches(ctx context.Context) error {
	for after := ""; ; {
		lists, err := c.backend.Members(ctx, []Range{{Set: setBatches, After: after, Limit: recountAtOnce}})
		if err != nil {
			return err
		}
		var keys []string
		for _, member := range lists[0] {
			keys = append(keys, docBatch+BatchOfMember(member))
			after = member
		}
		docs, err := c.backend.Docs(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if docs[key] == nil { // lost
				continue
			}
			value, err := decodeDoc(key, docs[key])
			if err != nil {
				return err
			}
			c.batch(key[len(docBatch):], value.(*batch), false)
		}
		if err := c.flush(recountAtOnce); err != nil {
			return err
		}
		if len(lists[0]) < recountAtOnce {
			break
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.batches)) {
		c.batch(id, &batch{open: true, createdAt: c.now}, true)
	}
	return c.lostBatches(ctx)
}

// batch counts a batch. One that is created anew takes more missions until it is closed.
func (c *recount) batch(id string, was *batch, created bool) {
	b := *was
	b.byStatus = [5]int64{}
	if counted := c.batches[id]; counted != nil {
		b.byStatus = *counted
		delete(c.batches, id)
	}
	set := setWaiters + batchSource(id)
	if b.waiters > 0 && c.sets[set] == nil {
		c.sets[set] = map[string]bool{} // there may be some that do not wait any more
	}
	b.waiters = int64(len(c.sets[set]))
	members := &c.changes.Members
	if created {
		*members = append(*members, Member{Set: setBatches, Member: b.member(id)})
	}
	switch none := b.total() == 0; {
	case none && b.idleAt == 0:
		b.idleAt = c.now
		*members = append(*members, Member{Set: setIdle, Member: inOrder(int64(b.idleAt), id)})
	case !none && b.idleAt != 0:
		*members = append(*members, Member{Set: setIdle, Member: inOrder(int64(b.idleAt), id), Gone: true})
		b.idleAt = 0
	}
	if b.follow(c.now); b.endedAt != 0 && b.waiters > 0 {
		c.wake(&wake{source: batchSource(id), status: b.outcome, result: b.result(id)})
	}
	if created || b != *was {
		c.changes.Docs = append(c.changes.Docs, Doc{docBatch + id, encodeDoc(&b)})
	}
}

// lostBatches tells those that wait for batches of which nothing is left.
func (c *recount) lostBatches(ctx context.Context) error {
	var ids []string
	for set := range c.sets {
		if source, waiters := strings.CutPrefix(set, setWaiters); waiters && source[:2] == docBatch {
			ids = append(ids, source[2:])
		}
	}
	slices.Sort(ids)
	for some := range slices.Chunk(ids, recountAtOnce) {
		keys := make([]string, len(some))
		for i, id := range some {
			keys[i] = docBatch + id
		}
		docs, err := c.backend.Docs(ctx, keys)
		if err != nil {
			return err
		}
		for i, id := range some {
			if docs[keys[i]] == nil && !c.pending(keys[i]) {
				c.wake(&wake{source: batchSource(id), status: missions.Cancelled})
			}
		}
	}
	return nil
}

// pending reports whether a document is one of those that are not stored yet.
func (c *recount) pending(key string) bool {
	return slices.ContainsFunc(c.changes.Docs, func(d Doc) bool { return d.Key == key })
}

// compare makes the members of a set what they have to be.
func (c *recount) compare(ctx context.Context, set string) error {
	want := maps.Clone(c.sets[set])
	for after := ""; ; {
		lists, err := c.backend.Members(ctx, []Range{{Set: set, After: after, Limit: recountAtOnce}})
		if err != nil {
			return err
		}
		for _, member := range lists[0] {
			if after = member; want[member] {
				delete(want, member)
			} else {
				c.changes.Members = append(c.changes.Members, Member{Set: set, Member: member, Gone: true})
			}
		}
		if len(lists[0]) < recountAtOnce {
			break
		}
	}
	for _, member := range slices.Sorted(maps.Keys(want)) {
		c.changes.Members = append(c.changes.Members, Member{Set: set, Member: member})
		if err := c.flush(recountAtOnce); err != nil {
			return err
		}
	}
	return c.flush(recountAtOnce)
}

// totals counts what missions wait for.
func (c *recount) totals(unready map[string]int64) {
	c.changes.Totals = map[string]*Totals{}
	all := &Totals{}
	for name, was := range c.from.Totals {
		if name == "" {
			continue
		}
		t := was.clone()
		t.Waiting = [4]int64{}
		t.CountUnready(unready[name])
		if of := c.waiting[name]; of != nil {
			for i := range t.Waiting {
				t.Waiting[i] += of[i]
			}
		}
		for i := range t.Waiting {
			all.Waiting[i] += t.Waiting[i]
		}
		if t.Waiting != was.Waiting {
			c.changes.Totals[name] = t
		}
	}
	if was := c.from.Totals[""]; was != nil && was.Waiting != all.Waiting {
		t := was.clone()
		t.Waiting = all.Waiting
		c.changes.Totals[""] = t
	}
}
