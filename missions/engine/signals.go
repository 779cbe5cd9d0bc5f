package engine

import (
	"encoding/json"
	"slices"

	"missioncontrol/missions"
)

// Signal stores a signal. See [missions.Missions]. It needs the mission's record.
func (e *Engine) Signal(q *missions.SignalRequest) missions.SignalResult {
	r, err := e.record(q.MissionID)
	if err != nil {
		return missions.SignalResult{Err: err}
	}
	if r.Flow != nil && q.SignalID != "" {
		for i := range r.Flow.Signals {
			if s := &r.Flow.Signals[i]; s.ID == q.SignalID {
				return missions.SignalResult{Seq: s.Seq, Delivered: r.delivery(s), Repeated: true}
			}
		}
	}
	place := -1
	switch {
	case r.Status.Terminal():
		return missions.SignalResult{Err: missions.Conflict("mission %q is %s and takes no signals", q.MissionID, r.Status)}
	case r.Flow != nil && len(r.Flow.Signals) >= missions.MaxSignals:
		return missions.SignalResult{Err: missions.Overloaded("mission %q has %d signals, and no room for more", q.MissionID, missions.MaxSignals)}
	case r.waits():
		if place, err = r.answers(q); err != nil {
			return missions.SignalResult{Err: err}
		}
	}
	r = e.records.edit(q.MissionID)
	s := e.store(r, q)
	result := missions.SignalResult{Seq: s.Seq, Delivered: missions.DeliveredStored}
	switch {
	case place >= 0:
		result.Delivered = missions.DeliveredWaiting
		e.answered(r, place, s.Seq, q.Data)
		if r.claimable() {
			result.Ready = r.Type
		}
	case r.Status == missions.Running:
		result.Delivered, result.AgentID = missions.DeliveredRunning, string(r.AgentID)
		e.tellHolder(r, s.Seq)
	}
	return result
}

// delivery returns what has become of a signal that was sent before.
func (r *Record) delivery(s *Signal) missions.Delivery {
	switch {
	case s.Used:
		return missions.DeliveredWaiting
	case r.Status == missions.Running:
		return missions.DeliveredRunning
	}
	return missions.DeliveredStored
}

// store adds a signal to a mission.
func (e *Engine) store(r *Record, q *missions.SignalRequest) *Signal {
	f := flowOf(r)
	s := Signal{ID: q.SignalID, Signal: missions.Signal{Seq: len(f.Signals) + 1, Name: q.Name, By: q.By, ByProven: q.ByProven, At: e.now}}
	if s.Large = len(q.Data) > inlineSignal; s.Large {
		e.part(r, signalPart(s.Seq), slices.Clone(q.Data))
	} else {
		s.Data = slices.Clone(q.Data)
	}
	f.Signals = append(slices.Clone(f.Signals), s)
	r.UpdatedAt = e.now
	e.emit(missions.Event{
		Kind: missions.EventSignalled, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
		Name: q.Name, Attempt: s.Seq, Message: q.By,
	})
	return &f.Signals[len(f.Signals)-1]
}

// answers returns the place of the open condition that a signal would meet, -1 if there is none,
// or why its data is no answer.
func (r *Record) answers(q *missions.SignalRequest) (place int, err error) {
	f := r.Flow
	for i := range f.Conditions {
		if f.Outcomes[i] == open && f.Conditions[i].Signal == q.Name {
			return i, f.checkAnswer(&f.Conditions[i], q.Data)
		}
	}
	return -1, nil
}

// checkAnswer returns why data is no answer to a condition.
func (f *Flow) checkAnswer(c *missions.Condition, data json.RawMessage) error {
	if c.Signal == missions.BudgetSignal && f.asksForBudget() {
		_, err := f.newBudget(data)
		return err
	}
	if len(c.Choices) == 0 {
		return nil
	}
	var choice string
	if json.Unmarshal(data, &choice) != nil || !slices.Contains(c.Choices, choice) {
		return missions.Invalid("data", "must be one of %q", c.Choices)
	}
	return nil
}

// answered notes that a signal has met a condition of a waiting mission.
func (e *Engine) answered(r *Record, place, seq int, data json.RawMessage) {
	e.takeAnswer(r, place, seq, data)
	if r.Flow.unmet() == 0 {
		e.goOn(r, "the signal "+r.Flow.Conditions[place].Signal+" has come")
	}
}

// takeAnswer has a stored signal meet a condition.
func (e *Engine) takeAnswer(r *Record, place, seq int, data json.RawMessage) {
	f := r.Flow
	f.Signals = slices.Clone(f.Signals)
	f.Signals[seq-1].Used = true
	if c := &f.Conditions[place]; c.Signal == missions.BudgetSignal && f.asksForBudget() {
		if budget, err := f.newBudget(data); err == nil {
			f.MaxUsage = budget
		}
	}
	e.setOutcome(r, place, signalled, nil)
}

// useStored has the first stored signal that is an answer meet a condition.
func (e *Engine) useStored(r *Record, place int) {
	f := r.Flow
	for i := range f.Signals {
		s := &f.Signals[i]
		if s.Used || s.SeenAt != 0 || s.Name != f.Conditions[place].Signal || s.Large && len(f.Conditions[place].Choices) > 0 {
			continue
		}
		if f.checkAnswer(&f.Conditions[place], s.Data) == nil {
			e.takeAnswer(r, place, s.Seq, s.Data)
			return
		}
	}
}

// unseen returns the number of the last signal that no agent has seen, 0 if there is none.
func (f *Flow) unseen() int {
	if f == nil {
		return 0
	}
	for i := len(f.Signals) - 1; i >= 0; i-- {
		if f.Signals[i].SeenAt == 0 {
			return f.Signals[i].Seq
		}
	}
	return 0
}

// seen notes that an agent has seen the signals of a mission that it holds, up to one.
func (e *Engine) seen(agentID, id string, upTo int) {
	r := e.records.get(id)
	if r == nil || r.Flow == nil || r.Status != missions.Running || string(r.AgentID) != agentID || r.Flow.unseen() == 0 {
		return
	}
	r = e.records.edit(id)
	f := r.Flow
	f.Signals = slices.Clone(f.Signals)
	for i := range f.Signals {
		s := &f.Signals[i]
		if s.Seq > upTo || s.SeenAt != 0 {
			continue
		}
		s.SeenAt, s.SeenBy = e.now, agentID
		e.emit(missions.Event{
			Kind: missions.EventSignalSeen, MissionID: r.ID, CorrelationID: r.CorrelationID, Traceparent: r.Traceparent,
			Attempt: s.Seq, AgentID: agentID,
		})
	}
	e.tellHolder(r, f.unseen())
}

// tellHolder has heartbeats of the holder be answered with the number of a signal; 0 for none.
func (e *Engine) tellHolder(r *Record, seq int) {
	if l := e.leases[r.Seq]; l != nil { // or else a commit was broken off halfway
		told := *l
		told.Signal = seq
		e.hold(told)
	}
}

// forgetSignals drops the signals of a mission that begins anew.
func (e *Engine) forgetSignals(r *Record) {
	for i := range r.Flow.Signals {
		if r.Flow.Signals[i].Large {
			e.part(r, signalPart(r.Flow.Signals[i].Seq), nil)
		}
	}
	r.Flow.Signals = nil
}
