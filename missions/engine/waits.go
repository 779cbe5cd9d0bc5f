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

// inOrder is a member of a set that is in the order of numbers, such as times.
func inOrder(number int64, id string) string { return position(number) + ":" + id }

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
	return e.resolve(r, false)
}

// resolve gives those open conditions of a mission an outcome that have one already, and has the
// mission wait for the others. With override, an outcome that does not meet its condition does not hold the
// mission up.
func (e *Engine) resolve(r *Record, override bool) (unmet int) {
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
		if !o.meets(c) && !override && unmet < 0 {
			unmet = i
		}
	}
	if unmet >= 0 || f.unmet() == 0 && (len(f.Conditions) > 0 || f.Timeout == 0) {
		return unmet
	}
	f.Waiting, f.Until = true, after(e.now, missions.Seconds(f.Timeout))
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
	return fmt.Sprintf("%s is %s", c, f.Outcomes[place].status()), sourceOf(c)
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
		if !e.staysBehind(r) {
			e.goOn(r, reason)
		}
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
