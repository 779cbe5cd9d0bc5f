package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"missioncontrol/missions"
)

func inputPart(place int) string { return partInput + strconv.Itoa(place) }
func signalPart(seq int) string  { return partSignal + strconv.Itoa(seq) }

// child is the place of a child in the members of its parent's set: it waits for no condition.
const child = 0xff

// position is a position as a part of members and names, which are in order of it.
func position(at int64) string { return fmt.Sprintf("%016x", at) }

// registered is the member for a condition of a waiting mission, or for a child: by the position
// of the event that told of it, so that each is behind those that were there before.
func registered(at int64, place int, id string) string {
	return fmt.Sprintf("%s:%02x:%s", position(at), place, id)
}

// parseRegistered is the reverse of registered.
func parseRegistered(member string) (position int64, place int, id string, ok bool) {
	parts := strings.SplitN(member, ":", 3)
	if len(parts) != 3 {
		return 0, 0, "", false
	}
	position, err := strconv.ParseInt(parts[0], 16, 64)
	at, err2 := strconv.ParseInt(parts[1], 16, 32)
	return position, int(at), parts[2], err == nil && err2 == nil
}

// part sets a part of a mission; nil deletes it.
func (e *Engine) part(r *Record, name string, body []byte) {
	e.changes.Parts = append(e.changes.Parts, Part{Seq: r.Seq, MissionID: r.ID, Name: name, Body: body})
}

// needConditions adds what beginning to wait needs.
func (e *Engine) needConditions(n *Need, conditions []missions.Condition) {
	for i := range conditions {
		switch c := &conditions[i]; c.Kind() {
		case missions.WaitMission:
			e.needRecord(n, c.Mission)
			e.needDocs(n, docCount+c.Mission)
		case missions.WaitBatch:
			e.needDocs(n, docBatch+c.Batch)
		case missions.WaitSignal, missions.WaitTime:
		}
	}
}

// mostAhead bounds how many missions that wait for each other are looked at for a cycle.
const mostAhead = 200

// needAhead adds the missions for which a mission waits, and those for which they wait.
func (e *Engine) needAhead(n *Need, id string, seen map[string]bool) {
	r := e.needRecord(n, id)
	if r == nil || !r.waits() || seen[id] || len(seen) >= mostAhead {
		return
	}
	seen[id] = true
	for i, o := range r.Flow.Outcomes {
		if source := r.Flow.Conditions[i].Mission; o == open && source != "" {
			e.needAhead(n, source, seen)
		}
	}
}

// isAhead reports whether a mission waits for another, or for one that does.
func (e *Engine) isAhead(id, of string, seen map[string]bool) bool {
	r := e.records.get(of)
	if r == nil || !r.waits() || seen[of] || len(seen) >= mostAhead {
		return false
	}
	seen[of] = true
	for i, o := range r.Flow.Outcomes {
		if source := r.Flow.Conditions[i].Mission; o == open && source != "" && (source == id || e.isAhead(id, source, seen)) {
			return true
		}
	}
	return false
}

// needFlow adds what any change of a mission may need beside its record.
func (e *Engine) needFlow(n *Need, r *Record) {
	f := r.Flow
	if f.Batch != "" {
		e.needDocs(n, docBatch+f.Batch)
	}
	if f.ChildAt != 0 {
		e.needDocs(n, docCount+f.ParentID)
	}
	if !f.Waiting {
		return
	}
	for i, o := range f.Outcomes {
		switch c := &f.Conditions[i]; {
		case o != open:
		case c.Mission != "":
			e.needDocs(n, docCount+c.Mission)
		case c.Batch != "":
			e.needDocs(n, docBatch+c.Batch)
		}
	}
}

// complete reports whether what needFlow says is loaded.
func (e *Engine) complete(r *Record) bool {
	if r.Flow == nil {
		return true
	}
	var n Need
	e.needFlow(&n, r)
	return n.None()
}

// mostCopied bounds the bytes of outcomes that a step copies to those that wait for them, but for one mission's.
const mostCopied = 16 << 20

// checkConditions returns why a mission of a batch, "" for none, cannot wait for conditions. id is "" for one that does
// not exist yet: nobody waits for it.
func (e *Engine) checkConditions(id, batch string, conditions []missions.Condition) error {
	size := 0
	for i := range conditions {
		field := fmt.Sprintf("after[%d]", i)
		switch c := &conditions[i]; c.Kind() {
		case missions.WaitMission:
			if err := e.checkSource(field+".mission", c.Mission); err != nil {
				return err
			}
			if id != "" && e.isAhead(id, c.Mission, map[string]bool{}) {
				return missions.Invalid(field+".mission", "waits for this mission: neither could go on")
			}
			if s := e.records.get(c.Mission); s.Status.Terminal() {
				size += len(s.Result)
			}
		case missions.WaitBatch:
			b := e.batch(c.Batch)
			switch {
			case c.Batch == batch:
				return missions.Invalid(field+".batch", "is the batch of the mission itself")
			case b == nil:
				return missions.Invalid(field+".batch", "there is no batch %q", c.Batch)
			case b.waiters >= missions.MaxWaiters:
				return missions.Overloaded("%s.batch: %d missions wait for batch %q already", field, missions.MaxWaiters, c.Batch)
			}
		case missions.WaitSignal, missions.WaitTime:
		}
	}
	if e.copied > 0 && e.copied+size > mostCopied {
		return missions.Overloaded("after: the results of what it waits for are too much for one request, with those of the missions before it; send it again")
	}
	return nil
}

// checkSource returns why a mission cannot wait for another, or be its child.
func (e *Engine) checkSource(field, source string) error {
	s := e.records.get(source)
	switch {
	case e.isUnreachable(source):
		return e.records.unreachable[source]
	case s == nil:
		return missions.Invalid(field, "there is no mission %q", source)
	case e.inSet(source) >= missions.MaxWaiters && !s.Status.Terminal():
		return missions.Overloaded("%s: %d missions wait for mission %q already", field, missions.MaxWaiters, source)
	}
	return nil
}

// outcomeNow returns the outcome that a condition has now, and the result of its source.
func (e *Engine) outcomeNow(c *missions.Condition) (o Outcome, result []byte) {
	switch c.Kind() {
	case missions.WaitMission:
		if s := e.records.get(c.Mission); s != nil && s.Status.Terminal() {
			return outcomeOf(s.Status), s.Result
		}
	case missions.WaitBatch:
		if b := e.batch(c.Batch); b != nil && b.endedAt != 0 {
			return outcomeOf(b.outcome), b.result(c.Batch)
		}
	case missions.WaitSignal, missions.WaitTime:
	}
	return open, nil
}

// wait begins a wait of a PENDING mission, whose conditions were checked. It returns the place of
// one that can no longer be met, or -1; then, and if all are met, the mission does not wait.
func (e *Engine) wait(r *Record, conditions []missions.Condition, timeout float64, parked bool) (unmet int) {
	f := flowOf(r)
	for i := range f.Outcomes { // of the wait before
		e.part(r, inputPart(i), nil)
	}
	if f.Conditions, f.Outcomes = nil, nil; len(conditions) > 0 {
		f.Conditions, f.Outcomes = conditions, make([]Outcome, len(conditions))
	}
	f.Timeout, f.Parked, f.TimedOut, f.Since = timeout, parked, false, e.now
	return e.resolve(r, func(*missions.Condition) bool { return false })
}

// resolve gives those open conditions of a mission an outcome that have one already, and has the
// mission wait for the others. ignored says which outcomes do not count although they do not meet
// their condition.
func (e *Engine) resolve(r *Record, ignored func(*missions.Condition) bool) (unmet int) {
	f := flowOf(r)
	f.Waiting, f.Until, unmet = false, 0, -1
	for i := range f.Conditions {
		c := &f.Conditions[i]
		if f.Outcomes[i] != open {
			continue
		}
		if c.Signal != "" {
			e.useStored(r, i)
			continue
		}
		o, result := e.outcomeNow(c)
		if o == open {
			continue
		}
		e.setOutcome(r, i, o, result)
		if !o.meets(c) && !ignored(c) && unmet < 0 {
			unmet = i
		}
	}
	if unmet >= 0 || f.unmet() == 0 && (len(f.Conditions) > 0 || f.Timeout == 0) {
		return unmet
	}
	f.Waiting, f.Until = true, after(e.now, seconds(f.Timeout))
	e.emitWaiting(r)
	f.WaitAt = e.marks.Outbox
	for i := range f.Conditions {
		if f.Outcomes[i] == open {
			e.register(r, i)
		}
	}
	return -1
}

// unmetReason says why a condition can no longer be met, and which source has ended.
func (f *Flow) unmetReason(place int) (reason, source string) {
	c := &f.Conditions[place]
	source = missionSource(c.Mission)
	if c.Batch != "" {
		source = batchSource(c.Batch)
	}
	return fmt.Sprintf("%s is %s", c, f.Outcomes[place].status()), source
}

// setOutcome notes the outcome of a condition.
func (e *Engine) setOutcome(r *Record, place int, o Outcome, result []byte) {
	r.Flow.setOutcome(place, o)
	if o < endedWith {
		return
	}
	input, err := json.Marshal(missions.Input{Status: o.status(), Result: result})
	if err != nil {
		input, _ = json.Marshal(missions.Input{Status: o.status()}) // a result is JSON
	}
	e.part(r, inputPart(place), input)
	e.copied += len(input)
	e.batchBytes += len(input)
}

// register enters a mission into the set of the source of a condition.
func (e *Engine) register(r *Record, place int) {
	switch c := &r.Flow.Conditions[place]; c.Kind() {
	case missions.WaitMission:
		e.enter(c.Mission, registered(r.Flow.WaitAt, place, r.ID))
	case missions.WaitBatch:
		e.editBatch(c.Batch).waiters++
		e.member(setWaiters+batchSource(c.Batch), registered(r.Flow.WaitAt, place, r.ID), false)
	case missions.WaitSignal, missions.WaitTime:
	}
}

// enter enters a member into the set of a mission.
func (e *Engine) enter(source, member string) {
	if s := e.records.get(source); s.Flow == nil || !s.Flow.Awaited {
		flowOf(e.records.edit(source)).Awaited = true
	}
	e.setDoc(docCount+source, e.inSet(source)+1)
	e.member(setWaiters+missionSource(source), member, false)
}

// leave takes a member out of the set of a mission.
func (e *Engine) leave(source, member string) {
	if n := e.inSet(source); n > 1 {
		e.setDoc(docCount+source, n-1)
	} else {
		e.setDoc(docCount+source, nil)
	}
	e.member(setWaiters+missionSource(source), member, true)
}

// endWait ends a wait, whichever conditions are met.
func (e *Engine) endWait(r *Record) {
	f := r.Flow
	f.Waiting, f.Until = false, 0
	for i, o := range f.Outcomes {
		if o == open {
			e.unregister(r, i)
		}
	}
}

// unregister takes a mission out of the set of the source of a condition.
func (e *Engine) unregister(r *Record, place int) {
	member := registered(r.Flow.WaitAt, place, r.ID)
	switch c := &r.Flow.Conditions[place]; c.Kind() {
	case missions.WaitMission:
		e.leave(c.Mission, member)
	case missions.WaitBatch:
		e.leaveBatch(c.Batch, member)
	case missions.WaitSignal, missions.WaitTime:
	}
}

// goOn ends the wait of a mission, which becomes claimable.
func (e *Engine) goOn(r *Record, reason string) {
	e.unqueue(r)
	e.endWait(r)
	r.UpdatedAt = e.now
	e.emit(missions.Event{Kind: missions.EventReady, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent, Reason: reason})
	e.enqueue(r, max(e.now, r.NotBefore))
}

// settled acts on the outcome of a condition of a waiting mission, of which a wake-up tells.
func (e *Engine) settled(r *Record, place int, w *wake) {
	c, o := &r.Flow.Conditions[place], outcomeOf(w.status)
	e.unregister(r, place)
	e.setOutcome(r, place, o, w.result)
	r.UpdatedAt = e.now
	switch {
	case !o.meets(c):
		reason, source := r.Flow.unmetReason(place)
		e.cannotGoOn(r, reason, source, w.upTo)
	case r.Flow.unmet() == 0:
		e.goOn(r, "everything that it waited for has happened")
	}
}

// cannotGoOn does what a waiting mission's on_unmet says, because of a source's end at a position, if it is one.
func (e *Engine) cannotGoOn(r *Record, reason, source string, position int64) {
	switch {
	case r.Flow.Parked || r.Flow.OnUnmet == missions.UnmetRun:
		e.goOn(r, reason)
	case r.Flow.OnUnmet == missions.UnmetFail:
		r.Error, r.Report = missions.Text(reason), Report{}
		e.mustEnd(r, missions.Expire, reason)
	default:
		e.mustEnd(r, missions.Cancel, "cancelled: "+reason)
		e.causedBy(r, source, position)
	}
}

func (e *Engine) mustEnd(r *Record, trigger missions.Trigger, reason string) {
	if err := e.end(r, trigger, reason); err != nil {
		panic(err)
	}
}

// causedBy notes which source's end, at a position, has cancelled a mission, so that a later retry of it can
// retry the mission as well.
func (e *Engine) causedBy(r *Record, source string, position int64) {
	if source != "" {
		r.Flow.CancelledBy, r.Flow.CancelledAt = source, position
		e.member(setCaused+source, registered(position, 0, r.ID), false)
	}
}

// forgiven forgets what has cancelled a mission.
func (e *Engine) forgiven(r *Record) {
	if f := r.Flow; f.CancelledBy != "" {
		e.member(setCaused+f.CancelledBy, registered(f.CancelledAt, 0, r.ID), true)
		f.CancelledBy, f.CancelledAt = "", 0
	}
}

// waitTimedOut ends a wait whose time is up.
func (e *Engine) waitTimedOut(r *Record) {
	const reason = "its time to wait was up"
	if r.Flow.Parked || r.Flow.OnUnmet == missions.UnmetRun {
		r.Flow.TimedOut = true
	}
	e.cannotGoOn(r, reason, "", 0)
}

// emitWaiting tells what a mission waits for.
func (e *Engine) emitWaiting(r *Record) {
	var conditions []string
	for i := range r.Flow.Conditions {
		if r.Flow.Outcomes[i] == open {
			conditions = append(conditions, r.Flow.Conditions[i].String())
		}
	}
	e.emit(missions.Event{
		Kind: missions.EventWaiting, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		Types: conditions, Since: r.Flow.Until, Attempt: r.turn(),
	})
}
