package check

import (
	"fmt"
	"maps"
	"slices"
)

// wait is one wait of a mission, as the events tell of it.
type wait struct {
	mission string
	begin   *Event
	end     *Event // that it is ready, or its end; nil if it still waits
	parked  bool   // its holder began the wait
}

// waited checks guarantee 10 for missions: each wait ends once, for a reason, and soon after it;
// nobody starts while it waits.
func (x *index) waited() {
	for _, id := range slices.Sorted(maps.Keys(x.events)) {
		for _, w := range x.waits(id) {
			x.endsForAReason(&w)
			x.endsInTime(&w)
		}
		x.dependentsAreRetried(id)
	}
	for id, m := range x.Missions {
		if terminal(m.Status) && len(m.WaitingFor) > 0 {
			x.violated(10, id, fmt.Sprintf("mission %s is %s, and waits for %s", id, m.Status, m.WaitingFor[0].String()))
		}
		x.outcomesAreReal(id, &m)
		x.nothingHasEnded(id, &m)
	}
	for id, claims := range x.claims {
		for _, c := range claims {
			if len(c.published.WaitingFor) > 0 {
				x.violated(10, id, fmt.Sprintf("agent %s was given mission %s, which waits for %s", c.Who, id, c.published.WaitingFor[0].String()))
			}
		}
		x.startsAfterItsConditions(id)
	}
}

// waits follows a mission's events.
func (x *index) waits(id string) (all []wait) {
	status, before := "", ""
	waiting := false
	for _, e := range x.events[id] {
		switch e.Type {
		case missionCreated:
			status, before, waiting = e.Payload.Status, "", false
		case missionWaiting:
			if waiting || status != pending {
				x.violated(10, id, fmt.Sprintf("message %d: mission %s begins to wait while it is %s (it waits already: %v)", e.Seq, id, status, waiting))
			}
			waiting = true
			all = append(all, wait{mission: id, begin: e, parked: before == running})
		case missionReady:
			if !waiting {
				x.violated(10, id, fmt.Sprintf("message %d: mission %s is woken, and did not wait", e.Seq, id))
				continue
			}
			waiting, all[len(all)-1].end = false, e
		case statusChanged:
			before, status = e.Payload.OldStatus, e.Payload.NewStatus
			if waiting && status == running {
				x.violated(10, id, fmt.Sprintf("message %d: agent %s is given mission %s while it waits", e.Seq, e.Payload.AgentID, id))
			}
			if waiting {
				waiting, all[len(all)-1].end = false, e
			}
		}
	}
	return all
}

// endsForAReason: a wait ends because all has happened, because something no longer can, because its
// time is up, or because the mission itself is ended.
func (x *index) endsForAReason(w *wait) {
	if w.end == nil || w.end.Payload.NewStatus == running {
		return
	}
	met, unmet := true, false
	for i := range w.begin.Payload.Conditions {
		o := x.outcomeBetween(w.mission, &w.begin.Payload.Conditions[i], w.begin.Seq, w.end.Seq)
		met, unmet = met && o.met, unmet || o.unmet
	}
	const rounding = 0.001 // seconds
	late := w.begin.Payload.Until != 0 && w.end.Timestamp >= w.begin.Payload.Until-rounding
	onUnmet := x.onUnmet(w.mission)
	if w.end.Type == missionReady {
		onTime := late && (w.parked || onUnmet == unmetRun)
		if !(met && len(w.begin.Payload.Conditions) > 0) && !onTime && !(unmet && (w.parked || onUnmet == unmetRun)) {
			x.violated(10, w.mission, fmt.Sprintf("message %d: mission %s is woken, and what it waited for has not happened", w.end.Seq, w.mission))
		}
		return
	}
	if !((unmet || late) && (w.parked || w.end.Payload.NewStatus == unmetStatus(onUnmet))) && !x.isEnded(w.mission, w.end) {
		x.violated(10, w.mission, fmt.Sprintf("message %d: mission %s was waiting and is %s (%s), and nothing ended it", w.end.Seq, w.mission, w.end.Payload.NewStatus, w.end.Payload.Reason))
	}
}

// unmetStatus returns how a mission ends whose conditions cannot be met; "" if it does not.
func unmetStatus(onUnmet string) string {
	switch onUnmet {
	case unmetRun:
		return ""
	case unmetFail:
		return failed
	}
	return cancelled
}

func (x *index) onUnmet(id string) string {
	for _, s := range x.possible(id, "missions.create") {
		if s.asked.OnUnmet != "" {
			return s.asked.OnUnmet
		}
	}
	return ""
}

// isEnded reports whether somebody may have ended a mission that did not run, or its parent or its deadline.
func (x *index) isEnded(id string, end *Event) bool {
	if _, replaced := x.replacer(end); replaced {
		return true
	}
	for _, s := range x.possible(id, "missions.create") {
		if s.asked.Deadline != 0 && end.Payload.NewStatus == failed {
			return true
		}
	}
	return end.Payload.NewStatus == cancelled && (len(x.possible(id, "missions.cancel"))+len(x.possible(id, "missions.delete")) > 0 || x.parentEnded(id, end.Seq))
}

func (x *index) parentEnded(id string, before place) bool {
	parent, detached := x.parent(id)
	for _, e := range x.ends(parent, 0, before) {
		if !detached && e.Payload.NewStatus != completed {
			return true
		}
	}
	return false
}

// mayEndUnmet reports whether what a mission waited for, or its parent, may have ended it.
func (x *index) mayEndUnmet(m *Mission) bool {
	if m.Status == cancelled && x.parentEnded(m.ID, theEnd) {
		return true
	}
	onUnmet := x.onUnmet(m.ID)
	if onUnmet == unmetRun || (onUnmet == unmetFail) != (m.Status == failed) {
		return false
	}
	for _, s := range x.possible(m.ID, "missions.create") {
		if s.timeout != 0 {
			return true
		}
	}
	for _, c := range x.conditions(m.ID) {
		if x.outcomeBetween(m.ID, &c, 0, theEnd).unmet {
			return true
		}
	}
	return false
}

// endsInTime: when nothing is wrong, a wait does not outlast what it is for.
func (x *index) endsInTime(w *wait) {
	var last *Event
	for i := range w.begin.Payload.Conditions {
		c := &w.begin.Payload.Conditions[i]
		if c.Batch != "" {
			return
		}
		o := x.outcomeBetween(w.mission, c, w.begin.Seq, theEnd)
		switch {
		case o.at == nil:
			return
		case !o.met && o.unmet: // that suffices
			x.toldBy(w, o.at)
			return
		case last == nil || o.at.Seq > last.Seq:
			last = o.at
		}
	}
	if last != nil {
		x.toldBy(w, last)
	}
}

func (x *index) toldBy(w *wait, cause *Event) {
	until := x.over()
	if w.end != nil {
		until = x.monotonic(w.end)
	} else if _, there := x.Missions[w.mission]; !there {
		return
	}
	if late := x.undisturbed(x.monotonic(cause), until); late > patience {
		x.violated(10, w.mission, fmt.Sprintf("mission %s waited on for %s after message %d, while nothing was wrong", w.mission, seconds(late), cause.Seq))
	}
}

// startsAfterItsConditions: a mission that was never retried does not start before what it was created
// to wait for. It need not have waited, if that had happened before.
func (x *index) startsAfterItsConditions(id string) {
	if x.lives(id) != 1 {
		return
	}
	creates := x.possible(id, "missions.create")
	if len(creates) == 0 || len(creates[0].after) == 0 || x.onUnmet(id) == unmetRun {
		return
	}
	for _, e := range x.events[id] {
		if e.Type != statusChanged {
			continue
		}
		if e.Payload.OldStatus != pending || e.Payload.NewStatus != running {
			return // it was ended, and retried perhaps
		}
		for i := range creates[0].after {
			c := &creates[0].after[i]
			if !x.outcomeBetween(id, c, 0, e.Seq).met {
				x.violated(10, id, fmt.Sprintf("message %d: mission %s starts, and its condition %s is not met", e.Seq, id, c))
			}
		}
		return
	}
}

// nothingHasEnded: in the end nobody waits for a mission that has ended.
func (x *index) nothingHasEnded(id string, m *Mission) {
	for _, c := range m.WaitingFor {
		source, there := x.Missions[c.Mission]
		if c.Mission != "" && !c.Met && (!there || terminal(source.Status)) {
			x.violated(10, id, fmt.Sprintf("mission %s waits for mission %s, which has ended (%s)", id, c.Mission, source.Status))
		}
	}
}

// outcomesAreReal: what a mission says of its conditions is what happened.
func (x *index) outcomesAreReal(id string, m *Mission) {
	for _, c := range append(slices.Clone(m.WaitedFor), m.WaitingFor...) {
		o := x.outcomeBetween(id, &c.Condition, 0, theEnd)
		if c.Met && !o.met {
			x.violated(10, id, fmt.Sprintf("mission %s says that its condition %s was met, which it was not", id, &c.Condition))
		}
		if c.Mission == "" || c.Status == "" || x.lives(c.Mission) > 1 {
			continue
		}
		happened := false
		for _, e := range x.ends(c.Mission, 0, theEnd) {
			happened = happened || e.Payload.NewStatus == c.Status
		}
		if !happened {
			x.violated(10, id, fmt.Sprintf("mission %s says that mission %s ended %s, which it did not", id, c.Mission, c.Status))
		}
	}
}

// dependentsAreRetried: a retry with dependents reaches those that were cancelled because the mission
// did not complete.
func (x *index) dependentsAreRetried(id string) {
	retries := x.possible(id, "missions.retry")
	for _, s := range retries {
		if !s.dependents {
			return // events do not say which retry they tell of
		}
	}
	if len(x.confirmed(id, "missions.retry")) == 0 || x.lives(id) != 1 {
		return
	}
	for _, retried := range x.events[id] {
		if retried.Type != statusChanged || !terminal(retried.Payload.OldStatus) {
			continue
		}
		for _, dependent := range x.dependents(id) {
			if x.statusAt(dependent, retried.Seq) != cancelled {
				continue
			}
			again := false
			for _, e := range x.events[dependent] {
				again = again || e.Seq > retried.Seq && e.Type == statusChanged && e.Payload.NewStatus == pending
			}
			if !again {
				x.violated(10, dependent, fmt.Sprintf("mission %s was cancelled because of mission %s, and not retried with it (message %d)", dependent, id, retried.Seq))
			}
		}
	}
}

// dependents returns the missions that nothing but the end of a mission can have cancelled.
func (x *index) dependents(source string) (some []string) {
	for id, m := range x.Missions {
		if _, there := x.waiters[source][id]; !there || m.Deadline != 0 || m.ParentID != "" || x.lives(id) != 1 {
			continue
		}
		creates := x.possible(id, "missions.create")
		onlyThis := len(creates[0].after) == 1 && creates[0].timeout == 0 && x.onUnmet(id) == ""
		if onlyThis && len(x.possible(id, "missions.cancel")) == 0 {
			some = append(some, id)
		}
	}
	return some
}
