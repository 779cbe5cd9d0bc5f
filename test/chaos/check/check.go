package check

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// Check checks the guarantees and returns the violations, by guarantee.
func Check(e *Evidence) []Violation {
	x := newIndex(e)
	for _, trouble := range e.Troubles {
		x.violated(0, "", trouble)
	}
	x.accepted()
	x.finished()
	x.held()
	x.streamed()
	x.answered()
	x.returned()
	x.waited()
	x.batched()
	x.orphaned()
	x.kept()
	x.spent()
	x.signalled()
	x.changedMany()
	x.scheduled()
	x.unique()
	x.limited()
	slices.SortStableFunc(x.problems, func(a, b Violation) int { return a.Guarantee - b.Guarantee })
	return x.problems
}

// Figures are the totals of a run.
type Figures struct {
	Calls, Answered, Unknown, Faults, Missions, Completed, Failed, Cancelled, Deleted, Events, Durable int

	Waits, Signals, Seen, Children, Batches, Parked, Resumed int

	Schedules, Occurrences, Missed, Many int
	Kept, Replaced, Limited              int
}

// Count counts what there is to check.
func Count(e *Evidence) Figures {
	x := newIndex(e)
	f := Figures{Calls: len(e.Calls), Faults: len(e.Faults), Missions: len(x.everMissions()), Events: len(e.Events)}
	for _, c := range e.Calls {
		if c.Told != 0 && c.Outcome != Unknown {
			f.Answered++
		} else {
			f.Unknown++
		}
	}
	for _, m := range e.Missions {
		switch m.Status {
		case completed:
			f.Completed++
		case failed:
			f.Failed++
		case cancelled:
			f.Cancelled++
		}
	}
	f.Deleted = f.Missions - len(e.Missions)
	for i := range e.Events {
		if durable(e.Events[i].Type) {
			f.Durable++
		}
	}
	x.countFlow(&f)
	return f
}

// countFlow counts what missions waited for and were told.
func (x *index) countFlow(f *Figures) {
	for i := range x.Events {
		switch x.Events[i].Type {
		case missionWaiting:
			f.Waits++
		case missionSignalled:
			f.Signals++
		case signalSeen:
			f.Seen++
		case missionCreated:
			if x.isOccurrence(x.Events[i].Payload.MissionID) {
				f.Occurrences++
			}
		case scheduleMissed:
			f.Missed += int(x.Events[i].Payload.Count)
		}
	}
	for _, s := range x.byOp["missions.create"] {
		if s.code == kept {
			f.Kept++
		}
	}
	for i := range x.Events {
		if _, replaced := x.replacer(&x.Events[i]); replaced {
			f.Replaced++
		}
	}
	for id := range x.steps {
		if parent, _ := x.parent(id); parent != "" && len(x.confirmed(id, "missions.create")) > 0 {
			f.Children++
		}
	}
	f.Limited = x.limitedStarts()
	f.Batches, f.Schedules = len(x.Batches), len(x.Schedules)
	for _, s := range x.byOp[bulk] {
		if _, there := s.many(); there && s.outcome == OK {
			f.Many++
		}
	}
	for _, s := range x.byOp["agent.release"] {
		if s.outcome == OK && (len(s.after) > 0 || s.timeout > 0) {
			f.Parked++
		}
	}
	for _, s := range x.byOp["agent.claim"] {
		if s.mission != "" && !empty(s.published.Checkpoint) {
			f.Resumed++
		}
	}
}

// everMissions returns the missions that exist or existed, according to any answer.
func (x *index) everMissions() []string {
	all := map[string]bool{}
	for id := range x.Missions {
		all[id] = true
	}
	for id := range x.events {
		all[id] = true
	}
	for id := range x.steps {
		if len(x.confirmed(id, "missions.create")) > 0 {
			all[id] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// same reports whether two pieces of JSON are equal. Absent, null and, for an
// object with a default, {} are equal.
func same(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || reflect.DeepEqual(value(a), value(b))
}

func value(text json.RawMessage) any {
	var v any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if len(text) == 0 || decoder.Decode(&v) != nil {
		return nil
	}
	if object, ok := v.(map[string]any); ok && len(object) == 0 {
		return nil
	}
	return v
}
