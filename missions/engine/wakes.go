package engine

import (
	"fmt"

	"missioncontrol/missions"
)

// Bounds of what one Due does: how many sources it tells of, and how many missions it tells. A heartbeat may
// have to wait for it.
const (
	wakesAtOnce = 64
	wokenAtOnce = 100
)

// flowMoved follows a change of a mission's status.
func (e *Engine) flowMoved(r *Record, from, to missions.Status) {
	f := r.Flow
	if f.Batch != "" {
		e.countInBatch(f.Batch, from, to)
	}
	e.laneMoved(r, from, to)
	switch {
	case to == missions.Running:
		f.Spent, f.TurnUsage = f.used(), nil
		f.Stopped = 0
	case to.Terminal():
		e.flowEnded(r)
	}
}

// flowEnded does what the end of a mission means for others.
func (e *Engine) flowEnded(r *Record) {
	f := r.Flow
	if f.Waiting {
		e.endWait(r)
	}
	if f.ChildAt != 0 {
		e.leave(f.ParentID, registered(f.ChildAt, child, r.ID))
		f.ChildAt = 0
	}
	if f.Unique != nil {
		e.freeKey(r)
	}
	if r.Status == missions.Completed {
		f.Checkpoint = nil
	}
	if f.Awaited {
		f.Awaited = false
		e.wake(&wake{source: missionSource(r.ID), upTo: e.marks.Outbox, status: r.Status, result: r.Result})
	}
}

// wake has Due tell those that wait for a source.
func (e *Engine) wake(w *wake) {
	name := w.name(e.marks.Outbox)
	e.setDoc(docWake+name, w)
	e.member(setWakes, name, false)
	e.wakes.add(name)
}

// name returns the name of a wake-up, by which they are in order.
func (w *wake) name(at int64) string {
	name := position(at) + ":" + w.source
	if w.again {
		name += ":again"
	}
	return name
}

// set returns the set of those that a wake-up concerns.
func (w *wake) set() string {
	if w.again {
		return setCaused + w.source
	}
	return setWaiters + w.source
}

// DueNow reports whether Due has something to do at once.
func (e *Engine) DueNow() bool {
	return (len(e.wakes.list) > 0 || !e.wakes.has(1)) && e.wakesFrom <= e.now || len(e.dueSchedules(e.now)) > 0 || !e.due.has(1) ||
		len(e.dueKeys(e.now, 1)) > 0 || !e.until.has(1)
}

// wakesToDo returns the names of wake-ups that Due looks at: of those that can get somewhere, the oldest.
func (e *Engine) wakesToDo() (names []string) {
	for _, name := range e.wakes.list {
		if len(names) == wakesAtOnce {
			break
		}
		if !e.stuck[name] {
			names = append(names, name)
		}
	}
	return names
}

// before returns the latest wake-up of the same source before one, "" if there is none. Who was there at an end
// is told of that end.
func (e *Engine) before(name string, w *wake) (earlier string) {
	for _, other := range e.wakes.list {
		if other >= name {
			break
		}
		if other[len(position(0))+1:] == w.source {
			earlier = other
		}
	}
	return earlier
}

// rangeOf returns what has to be loaded of those that a wake-up concerns.
func (e *Engine) rangeOf(name string, w *wake, limit int) Range {
	from := e.wakeAfter[name]
	if earlier := e.before(name, w); from == "" && earlier != "" {
		from = earlier[:len(position(0))] + ":~" // behind all those that the earlier one tells
	}
	return Range{Set: w.set(), After: from, Limit: limit, of: name}
}

// needWakes adds what telling of sources that have ended needs.
func (e *Engine) needWakes(n *Need, now missions.Time, limit int) {
	if !e.wakes.has(1) {
		n.Ranges = append(n.Ranges, Range{Set: setWakes, Limit: e.cfg.PlanWindow})
		return
	}
	if now < e.wakesFrom || limit <= 0 {
		return
	}
	limit = min(limit, wokenAtOnce)
	names := e.wakesToDo()
	for _, name := range names {
		e.needDocs(n, docWake+name)
	}
	left := limit
	for _, name := range names {
		w, _ := e.docs.byKey[docWake+name].(*wake)
		if w == nil || left <= 0 || w.again && e.before(name, w) != "" {
			continue
		}
		if kind := w.source[:2]; kind == docBatch {
			e.needDocs(n, w.source)
		} else {
			e.needDocs(n, docCount+w.source[2:])
		}
		list, loaded := e.members[name]
		if !loaded {
			n.Ranges = append(n.Ranges, e.rangeOf(name, w, limit))
			continue
		}
		for _, member := range list.members[:min(len(list.members), left)] {
			at, _, id, ok := parseRegistered(member)
			if at > w.upTo {
				break
			}
			if left--; ok && w.again {
				e.NeedRetry(n, &missions.RetryRequest{ID: id})
			} else if ok {
				e.NeedMissions(n, id)
			}
		}
	}
}

// memberList is what was loaded of a set for a step.
type memberList struct {
	members []string
	all     bool
}

// wakes tells those that wait for sources that have ended.
func (d *due) wakes() {
	e := d.engine
	if e.now < e.wakesFrom {
		return
	}
	kept := max(0, d.left-wokenAtOnce)
	d.left -= kept
	defer func() { d.left += kept }()
	for _, name := range e.wakesToDo() {
		if d.left <= 0 {
			break
		}
		moved, loaded := d.wake(name)
		if !loaded { // the next Due goes on here
			break
		}
		if !moved {
			e.stuck[name] = true
		}
	}
	clear(e.members) // what comes behind it in the batch may change them
	if len(e.wakes.list) > 0 && len(e.wakesToDo()) == 0 {
		e.wakesFrom = e.now.Add(unreachablePause)
		clear(e.stuck)
	}
}

// wake tells some of those that wait for a source, and reports whether it got anywhere, and whether what it needs
// was loaded.
func (d *due) wake(name string) (moved, loaded bool) {
	e := d.engine
	value, known := e.docs.byKey[docWake+name]
	w, there := value.(*wake)
	if known && !there { // a commit was broken off halfway
		e.doneWaking(name)
		return true, true
	}
	if known && w.again {
		if earlier := e.before(name, w); earlier != "" { // it may cancel more that are to be retried
			return !e.stuck[earlier], true
		}
	}
	list, loaded := e.members[name]
	if !loaded || !known {
		return true, false
	}
	at, over, stays := 0, false, false
	for ; at < len(list.members) && d.left > 0 && e.copied < mostCopied; at++ {
		member := list.members[at]
		position, _, id, _ := parseRegistered(member)
		if over = position > w.upTo; over || !e.records.known(id) { // what follows waits for the next end, or is not loaded
			break
		}
		d.left--
		if e.isUnreachable(id) || w.again && e.retryUnreachable(id) != nil {
			stays, e.wakeAfter[name] = true, member
			continue
		}
		moved = true
		e.wakeOne(d, w, member)
	}
	over = over || at == len(list.members) && list.all
	switch {
	case !over: // the rest is for the next time
		return moved || stays || at == 0, true
	case stays || e.wakeAfter[name] != "": // once more, from the beginning
		delete(e.wakeAfter, name)
		return moved, true
	}
	e.doneWaking(name)
	return true, true
}

func (e *Engine) doneWaking(name string) {
	e.setDoc(docWake+name, nil)
	e.member(setWakes, name, true)
	e.wakes.remove(name)
	delete(e.stuck, name)
}

// wakeOne tells one of those that wait for a source.
func (e *Engine) wakeOne(d *due, w *wake, member string) {
	if gone := e.memberChanges[Member{Set: w.set(), Member: member}]; gone {
		return // what this step has told another mission has ended its wait
	}
	position, place, id, ok := parseRegistered(member)
	r := e.records.get(id)
	switch {
	case w.again:
		e.retryDependent(d, w, position, id)
	case ok && r != nil && place == child && r.Flow != nil && r.Flow.ChildAt == position:
		e.parentEnded(d, e.records.edit(id), w)
	case ok && r != nil && r.waits() && r.Flow.WaitAt == position && place < len(r.Flow.Outcomes) && r.Flow.Outcomes[place] == open:
		r = e.records.edit(id)
		if e.settled(r, place, w); r.claimable() {
			d.isReady(r.Type)
		}
	case w.source[:2] == docBatch: // a commit was broken off halfway
		e.leaveBatch(w.source[2:], member)
	default:
		e.leave(w.source[2:], member)
	}
}

// parentEnded cancels a child, unless its parent has completed.
func (e *Engine) parentEnded(d *due, r *Record, w *wake) {
	if w.status == missions.Completed {
		e.leave(r.Flow.ParentID, registered(r.Flow.ChildAt, child, r.ID))
		r.Flow.ChildAt = 0
		return
	}
	if l := e.leases[r.Seq]; l != nil {
		d.stop = append(d.stop, missions.Stopped{AgentID: l.AgentID, MissionID: r.ID})
	}
	e.mustEnd(r, missions.Cancel, fmt.Sprintf("cancelled: its parent %s is %s", r.Flow.ParentID, w.status))
	e.causedBy(r, w.source, w.upTo)
}

// retryDependent retries a mission that was cancelled because a source did not complete, at a position.
func (e *Engine) retryDependent(d *due, w *wake, position int64, id string) {
	r := e.records.get(id)
	if r == nil || r.Flow == nil || r.Flow.CancelledBy != w.source || r.Flow.CancelledAt != position {
		e.member(setCaused+w.source, registered(position, 0, id), true)
		return
	}
	result := e.retry(&missions.RetryRequest{ID: id, Dependents: true}, "retried with "+w.source[2:], false)
	if result.Err != nil { // its deadline has passed, for example
		e.forgiven(e.records.edit(id))
	} else if e.records.get(id).claimable() {
		d.isReady(r.Type)
	}
}
