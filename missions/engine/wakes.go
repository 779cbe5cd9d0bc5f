package engine

import (
	"fmt"

	"missioncontrol/missions"
)

// wakesAtOnce bounds how many sources one Due tells of.
const wakesAtOnce = 64

// flowMoved follows a change of a mission's status.
func (e *Engine) flowMoved(r *Record, from, to missions.Status, reason string) {
	f := r.Flow
	if f.Batch != "" {
		e.countInBatch(f.Batch, from, to)
	}
	switch {
	case to == missions.Running:
		f.Spent, f.TurnUsage = f.used(), nil
		f.Stopped = 0
	case to.Terminal():
		e.flowEnded(r, reason)
	}
}

// flowEnded does what the end of a mission means for others.
func (e *Engine) flowEnded(r *Record, reason string) {
	f := r.Flow
	if f.Waiting {
		e.endWait(r)
	}
	if f.ChildAt != 0 {
		e.leave(f.ParentID, registered(f.ChildAt, child, r.ID))
		f.ChildAt = 0
	}
	if r.Status == missions.Completed {
		f.Checkpoint = nil
	}
	if f.Awaited {
		f.Awaited = false
		e.wake(&wake{source: missionSource(r.ID), upTo: e.marks.Outbox, status: r.Status, result: r.Result, why: reason})
	}
}

// wake has Due tell those that wait for a source.
func (e *Engine) wake(w *wake) {
	name := fmt.Sprintf("%016x:%s", e.marks.Outbox, w.source)
	if w.again {
		name += ":again"
	}
	e.setDoc(docWake+name, w)
	e.member(setWakes, name, false)
	e.wakes.add(name)
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
	return (len(e.wakes.list) > 0 || !e.wakes.has(1)) && e.wakesFrom <= e.now
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
	names := e.wakes.list[:min(len(e.wakes.list), wakesAtOnce)]
	for _, name := range names {
		e.needDocs(n, docWake+name)
	}
	left := limit
	for _, name := range names {
		w, _ := e.docs.byKey[docWake+name].(*wake)
		if w == nil || left <= 0 {
			continue
		}
		set := w.set()
		list, loaded := e.members[set]
		if !loaded {
			n.Ranges = append(n.Ranges, Range{Set: set, After: e.wakeAfter[set], Limit: limit})
			continue
		}
		for _, member := range list.members[:min(len(list.members), left)] {
			e.needWoken(n, w, member)
			left--
		}
		if kind := w.source[:2]; kind == docBatch {
			e.needDocs(n, w.source)
		} else {
			e.needDocs(n, docCount+w.source[2:])
		}
	}
}

func (e *Engine) needWoken(n *Need, w *wake, member string) {
	if w.again {
		e.NeedRetry(n, &missions.RetryRequest{ID: member})
		return
	}
	if _, _, id, ok := parseRegistered(member); ok {
		e.NeedMissions(n, id)
	}
}

// memberList is what was loaded of a set for a batch.
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
	waits := false // some cannot be reached
	names := append([]string(nil), e.wakes.list[:min(len(e.wakes.list), wakesAtOnce)]...)
	for _, name := range names {
		if d.left <= 0 {
			return
		}
		if !d.wake(name) {
			waits = true
		}
	}
	if waits && len(e.wakes.list) == len(names) {
		e.wakesFrom = e.now.Add(unreachablePause)
	}
}

// wake tells some of those that wait for a source, and reports whether it got anywhere.
func (d *due) wake(name string) (moved bool) {
	e := d.engine
	w, _ := e.docs.byKey[docWake+name].(*wake)
	if w == nil { // a commit was broken off halfway
		e.doneWaking(name)
		return true
	}
	set := w.set()
	list, loaded := e.members[set]
	if !loaded {
		return true // Due had less room than was thought
	}
	at, stays, over := 0, false, false
	for ; at < len(list.members) && d.left > 0 && !over; at++ {
		member := list.members[at]
		position, _, id, _ := parseRegistered(member)
		if w.again {
			id = member
		} else if over = position > w.upTo; over { // what follows waits for the next end
			break
		}
		if !e.records.known(id) { // not loaded
			break
		}
		d.left--
		if e.isUnreachable(id) {
			stays = true
			e.wakeAfter[set] = member
			continue
		}
		moved = true
		e.wakeOne(d, w, member)
	}
	list.members = list.members[at:]
	e.members[set] = list
	over = over || len(list.members) == 0 && list.all
	switch {
	case !over: // the rest is for the next time
		return moved || !stays
	case stays || e.wakeAfter[set] != "":
		delete(e.wakeAfter, set) // once more, from the beginning
		return moved
	}
	e.doneWaking(name)
	return true
}

func (e *Engine) doneWaking(name string) {
	e.setDoc(docWake+name, nil)
	e.member(setWakes, name, true)
	e.wakes.remove(name)
}

// wakeOne tells one of those that wait for a source.
func (e *Engine) wakeOne(d *due, w *wake, member string) {
	if w.again {
		e.retryDependent(d, w, member)
		return
	}
	position, place, id, ok := parseRegistered(member)
	r := e.records.get(id)
	switch {
	case ok && r != nil && place == child && r.Flow != nil && r.Flow.ChildAt == position:
		e.parentEnded(d, e.records.edit(id), w)
	case ok && r != nil && r.waits() && r.Flow.WaitAt == position && place < len(r.Flow.Outcomes) && r.Flow.Outcomes[place] == open:
		r = e.records.edit(id)
		if e.settled(r, place, outcomeOf(w.status), w.result); r.Ready {
			d.isReady(r.Type)
		}
	case w.source[:2] == docBatch: // it no longer waits
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
	e.causedBy(r, w.source)
}

// retryDependent retries a mission that was cancelled because a source did not complete.
func (e *Engine) retryDependent(d *due, w *wake, id string) {
	r := e.records.get(id)
	if r == nil || r.Flow == nil || r.Flow.CancelledBy != w.source {
		e.member(setCaused+w.source, id, true)
		return
	}
	result := e.retry(&missions.RetryRequest{ID: id, Dependents: true}, "retried with "+w.source[2:], false)
	if result.Err != nil { // its deadline has passed, for example
		e.forgiven(e.records.edit(id))
	} else if e.records.get(id).Ready {
		d.isReady(r.Type)
	}
}
