package engine

import (
	"slices"

	"missioncontrol/missions"
)

// Need is what a step needs from the backend before it can be applied.
type Need struct {
	IDs     []string       // missions whose records are needed
	Queues  map[string]int // how many heads of these types' queues
	Planned int            // how many of the planned missions
	Docs    []string       // documents
	Ranges  []Range        // parts of sets
}

// None reports whether nothing is needed.
func (n *Need) None() bool { return len(n.IDs)+len(n.Queues)+n.Planned+len(n.Docs)+len(n.Ranges) == 0 }

// Ranged reports whether parts of indexes are needed. They can only be loaded while
// nothing is uncommitted.
func (n *Need) Ranged() bool { return len(n.Queues)+n.Planned+len(n.Ranges) > 0 }

// maxHeads bounds how many missions one step hands out.
const maxHeads = 10_000

// NeedMissions adds missions that the step may change. It is called again once their records
// were supplied: then it adds what they need besides.
func (e *Engine) NeedMissions(n *Need, ids ...string) {
	for _, id := range ids {
		if r := e.needRecord(n, id); r != nil && r.Flow != nil {
			e.needFlow(n, r)
		}
	}
}

// needRecord adds a mission that the step only reads, and returns its record if it is known.
func (e *Engine) needRecord(n *Need, id string) *Record {
	if element := e.records.byID[id]; element != nil {
		return element.Value.(*keptRecord).record
	}
	if !e.records.known(id) {
		n.IDs = append(n.IDs, id)
	}
	return nil
}

// NeedHeld adds the missions that an agent holds.
func (e *Engine) NeedHeld(n *Need, agentID string) {
	for _, l := range e.heldBy(agentID) {
		e.needLease(n, l)
	}
}

// needLease adds what the end of a lease needs.
func (e *Engine) needLease(n *Need, l *Lease) {
	e.NeedMissions(n, l.MissionID)
	if l.Key != "" {
		e.needDocs(n, docKey+l.Key)
	}
}

// NeedCreateAndClaim adds what creating missions needs, and claims that are applied behind it.
func (e *Engine) NeedCreateAndClaim(n *Need, created []missions.Mission, claims []missions.ClaimRequest) {
	replaced := 0 // missions that may no longer be at the heads then
	for i := range created {
		e.NeedCreate(n, &created[i])
		if f := created[i].Flow; f != nil && f.Unique != nil && f.Unique.OnConflict != missions.ConflictKeep {
			replaced++
		}
	}
	e.needClaims(n, claims, replaced)
}

// NeedClaims adds what claims need that are applied one after the other. It is called again
// once queues that it needed were supplied: then it adds the missions at their heads.
func (e *Engine) NeedClaims(n *Need, claims []missions.ClaimRequest) { e.needClaims(n, claims, 0) }

// needClaims adds what claims need before which so many missions may be taken from the heads.
func (e *Engine) needClaims(n *Need, claims []missions.ClaimRequest, total int) {
	var wanted []wantedHeads
	before, turns := total, 0
	for i := range claims {
		q := &claims[i]
		if e.claimer(q) != nil {
			continue
		}
		// Claims before this one in the step may take the missions at the heads.
		total = min(total+max(q.Max, 0), maxHeads)
		types := e.typesOf(q)
		if e.hasTurns(types) {
			turns++
			continue
		}
		at := slices.IndexFunc(wanted, func(w wantedHeads) bool { return slices.Equal(w.types, types) })
		if at < 0 {
			at, wanted = len(wanted), append(wanted, wantedHeads{types: types})
		}
		wanted[at].add(total, q.MaxBytes)
	}
	for _, w := range wanted {
		for _, missionType := range w.types {
			if !e.queue(missionType).has(w.total) {
				n.queue(missionType, w.total)
			}
		}
	}
	if turns > 0 {
		e.needClaimsByTurn(n, claims, before)
	}
	if n.Ranged() {
		return
	}
	for _, w := range wanted {
		e.needHeads(n, e.candidates(w.types, w.total+readAhead), w.total, w.maxBytes)
	}
	slices.Sort(n.IDs)
	n.IDs = slices.Compact(n.IDs)
}

// queue adds the first missions of a type's queue.
func (n *Need) queue(missionType string, heads int) {
	if n.Queues == nil {
		n.Queues = map[string]int{}
	}
	n.Queues[missionType] = max(n.Queues[missionType], heads)
}

// wantedHeads is what claims of the same types want together.
type wantedHeads struct {
	types    []string
	total    int // missions, with those that claims before them may take
	maxBytes int // of all replies; 0 for no limit
	endless  bool
}

func (w *wantedHeads) add(total, maxBytes int) {
	w.total = total
	if w.endless = w.endless || maxBytes == 0; w.endless {
		w.maxBytes = 0
		return
	}
	w.maxBytes += maxBytes
}

// If the record of a claim's candidate has to be loaded, those of the candidates behind it
// are loaded, too, as far as they are small: the next claims need them.
const (
	readAhead      = 64
	readAheadBytes = 256 << 10
)

// needHeads adds candidates of a claim of so many missions, as far as its reply has room for
// them.
func (e *Engine) needHeads(n *Need, heads []Head, total, maxBytes int) {
	size, missing := 0, false
	for i, head := range heads {
		size += head.Size
		switch {
		case i < total && missing, i < total && !e.records.known(head.ID):
			missing = true
		case i >= total && (!missing || size > readAheadBytes):
			return
		}
		e.NeedMissions(n, head.ID)
		if maxBytes > 0 && size > maxBytes && i > 0 { // the one that no longer fits
			return
		}
	}
}

// NeedDue adds what [Engine.Due] needs to process up to limit items.
func (e *Engine) NeedDue(n *Need, now missions.Time, limit int) {
	limit = max(limit, 0)
	if !e.planned.has(limit) && (len(e.planned.list) == 0 || e.planned.list[len(e.planned.list)-1].At <= now) {
		n.Planned = limit
		return
	}
	left := limit // as Due counts
	ended := map[int64]bool{}
	for _, l := range e.dueLeases(now, left) {
		e.needLease(n, l)
		ended[l.Seq] = true
	}
	left -= len(ended)
	for _, a := range e.dueAgents(now, left) {
		for _, l := range e.heldBy(a.ID) {
			if left > 0 && !ended[l.Seq] {
				e.needLease(n, l)
				left--
			}
		}
		left = max(left-1, 0)
	}
	due := e.duePlanned(now, left)
	for _, p := range due {
		e.NeedMissions(n, p.ID)
	}
	e.needWakes(n, now, left-len(due))
	e.needSchedules(n, now)
	e.needKeys(n, now)
}

// maxQueues bounds the types whose queues have a window between batches.
const maxQueues = 4096

// queue returns the window on a type's queue. A type without PENDING missions has an empty
// queue, for which the backend need not be asked.
func (e *Engine) queue(missionType string) *window[Head] {
	if w := e.queues[missionType]; w != nil {
		return w
	}
	totals := e.byType[missionType]
	w := &window[Head]{compare: compareHeads, most: 2 * e.cfg.QueueWindow, kept: &e.heads, all: totals == nil || totals.ByStatus[missions.Pending.Index()] == 0}
	if totals != nil { // an agent may ask for any type
		e.queues[missionType] = w
	}
	return w
}

// unqueue takes a mission out of its queue and the plan, before it is changed.
func (e *Engine) unqueue(r *Record) {
	switch {
	case r.Ready:
		e.queue(r.Type).remove(r.head())
	case r.claimable():
		e.leaveLane(r, false)
	}
	if r.DueAt != 0 {
		e.planned.remove(r.planned())
	}
	r.Ready, r.DueAt = false, 0
	if r.withheld() {
		e.changeLane(r, 0)
	}
}

// enqueue makes a PENDING mission claimable from a time on.
func (e *Engine) enqueue(r *Record, from missions.Time) {
	e.enqueueUntil(r, from, r.preferUntil(from))
}

// enqueueUntil has it prefer its agent until a time; 0: not at all.
func (e *Engine) enqueueUntil(r *Record, from, until missions.Time) {
	if r.queue(e.now, from); r.Ready && until != 0 {
		e.withhold(r, until)
	}
	switch {
	case r.Ready && r.kind() != nil:
		r.Ready = false
		e.joinLane(r)
	case r.Ready:
		if w := e.queue(r.Type); w.add(r.head()) {
			e.long[w] = true
		}
	}
	if r.DueAt != 0 {
		e.planned.add(r.planned())
	}
}
