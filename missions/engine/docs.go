package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// Part is something that belongs to a mission and has a place of its own, so that what changes
// a mission does not write it again.
type Part struct {
	Seq       int64
	MissionID string
	Name      string // see the constants
	Body      []byte // nil: it is deleted
}

// PartKey identifies a part.
type PartKey struct{ MissionID, Name string }

// Parts of a mission. The first two are read with its record.
const (
	PartConditions = "conditions"
	PartCheckpoint = "checkpoint"
	partInput      = "input:"  // and the condition's place: its outcome, as JSON
	partSignal     = "signal:" // and its number: the data
)

// Doc is a document of the data set: a batch, how many missions wait for a source, a wake-up, a schedule, or who holds a unique key.
type Doc struct {
	Key  string
	Body []byte // nil: it is deleted
}

// Member is a member of a set of the data set. The members of a set are ordered by their bytes.
type Member struct {
	Set, Member string
	Gone        bool
}

// Range is a part of a set: the first members behind one.
type Range struct {
	Set, After string
	Limit      int

	of string // what it is loaded for, if the set does not say it
}

// The sets and documents. Missions that wait for a source, and living children of a mission, stand
// in the source's set: see registered. A source is "m/ID", a mission, or "b/ID", a batch.
const (
	setWakes   = "wakes"   // names of wake-ups, the oldest first
	setBatches = "batches" // ids, behind their age: the youngest first
	setIdle    = "idle"    // ids of batches without missions, behind the time since when
	setWaiters = "w/"      // and a source: see registered
	setAsks    = "asks"    // ids of missions that wait for a signal, behind the time since when
	setBudgets = "budgets" // ids of living missions that have used some of their maximum, those behind that have used less
	setCaused  = "x/"      // and a source: missions that were cancelled because it did not complete, see registered

	docCount = "n/" // and a mission's id: how many stand in its set
	docBatch = "b/" // and an id
	docWake  = "k/" // and a name
)

// DocCounted is the key of a document that says that totals count missions that wait. Data sets of earlier
// versions have none.
const DocCounted = "counted"

func missionSource(id string) string { return "m/" + id }
func batchSource(id string) string   { return "b/" + id }

// sourceOf returns the mission or batch of a condition, "" for others.
func sourceOf(c *missions.Condition) string {
	switch {
	case c.Mission != "":
		return missionSource(c.Mission)
	case c.Batch != "":
		return batchSource(c.Batch)
	}
	return ""
}

// docs are documents that were used lately. Absent ones are nil.
type docs struct {
	most    int
	size    int // about how many bytes were added since it was empty
	byKey   map[string]any
	changed map[string]bool
}

// set adds a document, or replaces it.
func (d *docs) set(key string, value any) {
	d.byKey[key] = value
	d.size += 256
	switch v := value.(type) {
	case *wake:
		d.size += len(v.result)
	case *timetable:
		d.size += 4096 + 2*len(v.Mission.Data) + len(v.Mission.Description)
	case *keyMissions:
		d.size += 192 * len(v.lanes)
	}
}

// What documents are.
type (
	count int64

	batch struct {
		open      bool
		byStatus  [5]int64
		createdAt missions.Time
		endedAt   missions.Time
		outcome   missions.Status // once it has ended
		idleAt    missions.Time   // since when it has no missions
		waiters   int64
	}

	// wake is a source that has ended while missions waited for it: Due tells them. With again,
	// those are tried again that were cancelled because of it.
	wake struct {
		source string
		upTo   int64 // who has registered later waits for the next end
		status missions.Status
		result []byte
		again  bool
	}
)

func (b *batch) total() (n int64) {
	for _, of := range b.byStatus {
		n += of
	}
	return n
}

func (b *batch) living() int64 {
	return b.byStatus[missions.Pending.Index()] + b.byStatus[missions.Running.Index()]
}

// public returns the batch as callers see it.
func (b *batch) public(id string) missions.Batch {
	out := missions.Batch{ID: id, Open: b.open, Total: b.total(), ByStatus: map[missions.Status]int64{}, CreatedAt: b.createdAt, EndedAt: b.endedAt}
	for i, status := range statuses {
		out.ByStatus[status] = b.byStatus[i]
	}
	return out
}

// needDocs adds documents.
func (e *Engine) needDocs(n *Need, keys ...string) {
	for _, key := range keys {
		if _, known := e.docs.byKey[key]; !known {
			n.Docs = append(n.Docs, key)
		}
	}
}

// supplyDoc adds a document as loaded; nil if there is none.
func (e *Engine) supplyDoc(key string, body []byte) error {
	if _, known := e.docs.byKey[key]; known {
		return nil
	}
	if body == nil {
		e.docs.set(key, nil)
		return nil
	}
	value, err := decodeDoc(key, body)
	if err == nil {
		e.docs.set(key, value)
	}
	return err
}

// setDoc changes a document; nil deletes it.
func (e *Engine) setDoc(key string, value any) {
	e.docs.set(key, value)
	e.docs.changed[key] = true
}

// doc returns a document as it is, nil if there is none. It panics if the step did not say that it needs
// it: what would be computed without it would be wrong, and stay so.
func (e *Engine) doc(key string) any {
	value, known := e.docs.byKey[key]
	if !known {
		panic(fmt.Sprintf("document %q is not loaded", key))
	}
	return value
}

// batch returns a batch as it is, or nil if there is none.
func (e *Engine) batch(id string) *batch {
	b, _ := e.doc(docBatch + id).(*batch)
	return b
}

// inSet returns how many members the set of a mission has.
func (e *Engine) inSet(source string) count {
	n, _ := e.doc(docCount + source).(count)
	return n
}

func (e *Engine) member(set, member string, gone bool) {
	e.memberChanges[Member{Set: set, Member: member}] = gone
}

// settleDocs adds changed documents and members to a batch's changes.
func (e *Engine) settleDocs(c *Changes) {
	for _, key := range slices.Sorted(maps.Keys(e.docs.changed)) {
		c.Docs = append(c.Docs, Doc{key, encodeDoc(e.docs.byKey[key])})
	}
	clear(e.docs.changed)
	if e.docs.size > e.docs.most {
		clear(e.docs.byKey)
		e.docs.size = 0
	}
	for m, gone := range e.memberChanges {
		m.Gone = gone
		c.Members = append(c.Members, m)
	}
	slices.SortFunc(c.Members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Set, b.Set), cmp.Compare(a.Member, b.Member)) })
	clear(e.memberChanges)
	clear(e.members)
}

func encodeDoc(value any) []byte {
	if value == nil {
		return nil
	}
	c := codec.Writer([]byte{1}) // version
	switch v := value.(type) {
	case count:
		codec.Number(c, &v)
	case *batch:
		batchOf(c, v)
	case *wake:
		wakeOf(c, v)
	case *timetable:
		timetableOf(c, v)
	case *missions.Limit:
		limitOf(c, &v)
	case *limitState:
		limitStateOf(c, v)
	case *lane:
		laneOf(c, v)
	case *keyMissions:
		keyMissionsOf(c, v)
	case *uniqueKey:
		uniqueKeyOf(c, v)
	}
	return c.Bytes()
}

func decodeDoc(key string, body []byte) (any, error) {
	if len(body) == 0 || body[0] != 1 {
		return nil, codec.ErrEncoding
	}
	c := codec.Reader(body[1:])
	kind := key[:2]
	if key == docSchedules {
		kind = docCount
	}
	switch kind {
	case docCount:
		var n count
		codec.Number(c, &n)
		return n, c.End()
	case docBatch:
		b := &batch{}
		batchOf(c, b)
		return b, c.End()
	case docUnique:
		k := &uniqueKey{}
		uniqueKeyOf(c, k)
		return k, c.End()
	case docSchedule:
		t := &timetable{}
		timetableOf(c, t)
		return t, c.End()
	case docLimit:
		var l *missions.Limit
		limitOf(c, &l)
		return l, c.End()
	case docLimitState:
		s := &limitState{}
		limitStateOf(c, s)
		return s, c.End()
	case docLane:
		l := &lane{}
		laneOf(c, l)
		return l, c.End()
	case docKey, docWithout:
		k := &keyMissions{}
		keyMissionsOf(c, k)
		return k, c.End()
	}
	w := &wake{}
	wakeOf(c, w)
	return w, c.End()
}

func batchOf(c *codec.Codec, b *batch) {
	codec.Flag(c, &b.open)
	for i := range b.byStatus {
		codec.Number(c, &b.byStatus[i])
	}
	for _, t := range []*missions.Time{&b.createdAt, &b.endedAt, &b.idleAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &b.waiters)
	codec.Place(c, &b.outcome, outcomes)
}

// outcomes are those of a batch.
var outcomes = []missions.Status{"", missions.Completed, missions.Failed}

func wakeOf(c *codec.Codec, w *wake) {
	codec.Text(c, &w.source)
	codec.Number(c, &w.upTo)
	codec.Place(c, &w.status, statuses)
	codec.Content(c, &w.result)
	codec.Flag(c, &w.again)
}

// DecodeBatch returns a batch from the document that a backend has of it.
func DecodeBatch(id string, body []byte) (missions.Batch, error) {
	value, err := decodeDoc(docBatch, body)
	if err != nil {
		return missions.Batch{}, err
	}
	return value.(*batch).public(id), nil
}

// BatchKey returns the key of a batch's document.
func BatchKey(id string) string { return docBatch + id }

// BatchRange returns the range of the set of all batches behind a cursor.
func BatchRange(cursor string, limit int) Range {
	return Range{Set: setBatches, After: cursor, Limit: limit}
}

// BatchOfMember returns the id of a batch by its member of the set of all batches.
func BatchOfMember(member string) string { return member[min(len(member), 17):] }

// SignalPart returns the key of a signal's data.
func SignalPart(id string, seq int) PartKey { return PartKey{id, signalPart(seq)} }

// InputPart returns the key of a condition's outcome.
func InputPart(id string, place int) PartKey { return PartKey{id, inputPart(place)} }

// flowParts adds the parts that stand in a record, if they have changed.
func (c *Changes) flowParts(before, after *Record) {
	if after == nil || after.Flow == nil {
		return
	}
	was := &Flow{}
	if before != nil && before.Flow != nil {
		was = before.Flow
	}
	if is := after.Flow; !sameSlice(was.Conditions, is.Conditions) {
		c.Parts = append(c.Parts, Part{after.Seq, after.ID, PartConditions, EncodeConditions(is.Conditions)})
	}
	if is := after.Flow; !sameSlice(was.Checkpoint, is.Checkpoint) {
		c.Parts = append(c.Parts, Part{after.Seq, after.ID, PartCheckpoint, is.Checkpoint})
	}
}

// sameSlice reports whether two slices are one.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
