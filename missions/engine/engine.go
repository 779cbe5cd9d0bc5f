package engine

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// Engine is the live state of a data set. Its methods must not be called concurrently.
type Engine struct {
	cfg Config

	marks    Marks
	agents   map[string]*Agent
	agentIDs []string // in order; nil if that has to be found out
	leases   map[int64]*Lease
	held     map[string]map[int64]*Lease // by agent
	byType   map[string]*Totals
	alerts   map[string]missions.Alert
	receipts receipts
	notices  []int64

	queues  map[string]*window[Head]
	heads   int // in all of them
	planned window[Planned]
	long    map[*window[Head]]bool // queues to shorten at the end of the batch
	ends    schedule[int64]        // of leases
	silent  schedule[string]       // agents
	records records
	points  map[PointKey]Point

	docs      docs
	wakes     window[string]        // names of wake-ups, the oldest first
	wakesFrom missions.Time         // when wake-ups are looked at again, if none can be done at present
	wakeAfter map[string]string     // by name: the last member that could not be reached
	stuck     map[string]bool       // names of wake-ups of which nobody who is left can be reached
	members   map[string]memberList // of sets, as loaded for a step, by set or name of a wake-up

	due     window[string]  // members of the set of schedules that are due
	dueFrom missions.Time   // when schedules are looked at again, if none can be done at present
	delayed map[string]bool // members of schedules that are due and cannot be done

	limits     map[string]*limit
	applied    map[string][]*limit // which apply to missions of a type that name some
	opening    schedule[string]    // limits that are full for some time
	announced  map[string]bool     // types with missions that limits held and that can be claimed
	lanes      map[string]*lane
	lanesOf    map[string][]*lane          // by type, in order of their ids
	lanesUnder map[string]map[string]*lane // by the name of a limit that their missions name, by id
	openLanes  map[string][]*lane          // by type: those from which any agent that serves them may claim, in order of their ids
	ownLanes   map[string]map[string]*lane // by agent: those that prefer it, by id
	preferring int                         // how many those are
	setWindows map[string]*window[string]  // on sets of turns and of queued missions
	windowed   int                         // members in all of them
	longSets   map[*window[string]]bool    // windows to shorten at the end of the batch

	until window[string] // members of the set of unique keys that are held for some time

	// The batch that is being computed.
	now     missions.Time
	random  *rand.ChaCha8
	chance  *rand.Rand
	changes *Changes
	touched map[string]bool // types whose totals changed

	leaseChanged  map[int64]bool
	agentChanged  map[string]bool
	memberChanges map[Member]bool // whether it is gone
	recounted     []string        // types whose totals the first batch stores
	batchBytes    int             // about how many bytes of missions and replies the batch has
	copied        int             // bytes of outcomes that the batch has copied to those that waited for them
	begun         bool
	pruned        int64 // the minute in which points were last forgotten
}

// New returns the engine of a new term.
func New(cfg Config, from *Snapshot) *Engine {
	e := &Engine{
		cfg: cfg.withDefaults(), marks: from.Marks,
		agents: map[string]*Agent{}, leases: map[int64]*Lease{}, held: map[string]map[int64]*Lease{},
		byType: map[string]*Totals{}, alerts: map[string]missions.Alert{}, notices: from.Notices,
		queues: map[string]*window[Head]{}, long: map[*window[Head]]bool{},
		points: map[PointKey]Point{}, leaseChanged: map[int64]bool{}, agentChanged: map[string]bool{},
	}
	e.planned = window[Planned]{compare: comparePlanned, most: 2 * e.cfg.PlanWindow, kept: new(int)}
	e.wakes = window[string]{compare: strings.Compare, most: 2 * e.cfg.PlanWindow, kept: new(int)}
	e.due = window[string]{compare: strings.Compare, most: 2 * e.cfg.PlanWindow, kept: new(int)}
	e.until = window[string]{compare: strings.Compare, most: 2 * e.cfg.PlanWindow, kept: new(int)}
	e.delayed = map[string]bool{}
	e.docs = docs{most: e.cfg.DocsBytes, byKey: map[string]any{}, changed: map[string]bool{}}
	e.wakeAfter, e.stuck, e.members, e.memberChanges = map[string]string{}, map[string]bool{}, map[string]memberList{}, map[Member]bool{}
	e.limits, e.applied, e.announced = map[string]*limit{}, map[string][]*limit{}, map[string]bool{}
	e.lanes, e.lanesOf, e.lanesUnder = map[string]*lane{}, map[string][]*lane{}, map[string]map[string]*lane{}
	e.openLanes, e.ownLanes = map[string][]*lane{}, map[string]map[string]*lane{}
	e.setWindows, e.longSets = map[string]*window[string]{}, map[*window[string]]bool{}
	e.records.init(e.cfg.RecordsBytes)
	e.receipts.load(from.Receipts)
	for i := range from.Agents {
		a := from.Agents[i]
		e.agents[a.ID] = &a
		e.silent.set(a.ID, a.due())
	}
	for i := range from.Leases {
		e.hold(from.Leases[i])
	}
	for name, totals := range from.Totals {
		e.byType[name] = totals.clone()
	}
	e.recounted = from.Recounted
	for _, alert := range from.Alerts {
		e.alerts[alert.Rule] = alert
	}
	for key, point := range from.Points {
		e.points[key] = point
	}
	return e
}

// Begin begins a batch. Times in it are now; seed decides the ids of events and the jitter
// of back-offs, and must be unpredictable in production.
func (e *Engine) Begin(now missions.Time, seed [32]byte) {
	e.now = now
	e.random = rand.NewChaCha8(seed)
	e.chance = rand.New(e.random)
	e.batchBytes, e.copied = 0, 0
	if !e.begun {
		e.begun = true
		e.receipts.shift(now, 0)
	}
	e.changes = &Changes{Points: map[PointKey]Point{}, Totals: map[string]*Totals{}, Before: map[Series]int64{}}
	e.touched = map[string]bool{}
	if e.recounted != nil {
		e.setDoc(DocCounted, count(1))
	}
	for _, name := range e.recounted {
		e.touched[name] = true
	}
	e.recounted = nil
}

// End ends a batch and returns its changes; nil if it changed nothing. The engine's state is
// that after the batch: if the changes are not stored, the engine must be discarded.
func (e *Engine) End() *Changes {
	c := e.changes
	e.changes = nil
	c.Marks = e.marks
	e.records.settle(c)
	for i := range c.Missions {
		e.follow(&c.Missions[i])
	}
	e.settleDocs(c)
	for name := range e.touched {
		if totals := e.byType[name]; totals != nil {
			c.Totals[name] = totals.clone()
		}
	}
	e.settleLeases(c)
	for _, id := range slices.Sorted(maps.Keys(e.agentChanged)) {
		c.Agents = append(c.Agents, *e.agents[id])
	}
	clear(e.agentChanged)
	e.forgetPoints()
	e.shortenWindows()
	empty := c.empty()
	e.settleReceipts(c, empty)
	if empty {
		return nil
	}
	return c
}

// shortenWindows bounds what the windows hold between batches.
func (e *Engine) shortenWindows() {
	e.planned.shorten()
	e.wakes.shorten()
	e.due.shorten()
	e.until.shorten()
	for w := range e.long {
		w.shorten()
	}
	clear(e.long)
	for w := range e.longSets {
		w.shorten()
	}
	clear(e.longSets)
	if len(e.setWindows) > maxQueues || e.windowed > e.cfg.Heads {
		clear(e.setWindows)
		e.windowed = 0
	}
	if len(e.queues) > maxQueues || e.heads > e.cfg.Heads {
		clear(e.queues) // they are loaded again
		e.heads = 0
	}
}

// Marks returns the marks as they are after the latest batch.
func (e *Engine) Marks() Marks { return e.marks }

// BatchBytes returns about how many bytes of missions and replies the batch has.
func (e *Engine) BatchBytes() int { return e.batchBytes }

// Now returns the time of the batch.
func (e *Engine) Now() missions.Time { return e.now }

// nextSeq returns the creation time of a new mission in microseconds, made unique and never
// going back.
func (e *Engine) nextSeq() int64 {
	e.marks.Seq = max(int64(e.now), e.marks.Seq+1)
	return e.marks.Seq
}

// emit adds an event to the outbox, as of now unless it has a time.
func (e *Engine) emit(event missions.Event) missions.Event {
	event.ID = e.newID()
	if event.At == 0 {
		event.At = e.now
	}
	e.marks.Outbox++
	event.Seq = e.marks.Outbox
	e.changes.Events = append(e.changes.Events, event)
	return event
}

// newID returns a UUIDv7 of the batch's time and seed.
func (e *Engine) newID() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(e.now/1000)<<16|e.random.Uint64()&0xfff|0x7000) //nolint:gosec // not negative
	binary.BigEndian.PutUint64(id[8:], e.random.Uint64()&^(3<<62)|2<<62)
	return id
}

// move takes a mission through the state machine: it sets the status, keeps the counters,
// and adds to the log and the outbox. The caller sets what else changes. The error is an
// ErrConflict if there is no such transition; then nothing has changed.
func (e *Engine) move(r *Record, trigger missions.Trigger, reason string) error {
	next, err := r.Status.Next(trigger)
	if err != nil {
		return err
	}
	old := r.Status
	r.Status, r.UpdatedAt = next, e.now
	e.moveCount(r.Type, old, next)
	if what := next.Happened(); what != "" {
		e.happened(r.Type, what)
	}
	e.log(r, missions.ChangeEntry(e.now, old, next, reason))
	e.emit(missions.Event{
		Kind: missions.EventStatusChanged, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		OldStatus: old, NewStatus: next, Reason: reason, Attempt: r.Attempt, AgentID: string(r.AgentID),
	})
	if r.Flow != nil {
		e.flowMoved(r, old, next)
	}
	return nil
}

// log appends an entry to a mission's log.
func (e *Engine) log(r *Record, entry missions.LogEntry) {
	r.Entries++
	e.changes.Logs = append(e.changes.Logs, LogLine{Seq: r.Seq, N: r.Entries, Entry: entry})
}

func (c *Changes) empty() bool {
	return len(c.Missions)+len(c.Logs)+len(c.Leases)+len(c.Released)+len(c.Agents)+len(c.Gone)+len(c.Events)+
		len(c.Totals)+len(c.Points)+len(c.Before)+len(c.Alerts)+len(c.Notices)+len(c.Noticed)+len(c.Misplaced)+len(c.Parts)+len(c.Docs)+len(c.Members) == 0 &&
		c.Forgotten == 0 && !c.marked
}
