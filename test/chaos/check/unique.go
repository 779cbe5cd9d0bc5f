package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Unique is the unique key of a mission.
type Unique struct {
	Key        string  `json:"key"`
	OnConflict string  `json:"on_conflict"`
	ForSeconds float64 `json:"for_seconds"`
}

// Values of on_conflict, and the code of a step that created nothing because of it.
const (
	conflictKeep    = "keep"
	conflictReplace = "replace"
	kept            = "kept"
)

// replacedBy begins the reason of a cancellation.
const replacedBy = "replaced by mission "

// clocks is by how much the clocks of the store and of who asks it may differ, in nanoseconds.
const clocks = 1e9

// unique checks guarantee 13: a unique key has one holder, which lives.
func (x *index) unique() {
	byKey := map[string]map[string]*Unique{}
	for id := range x.steps {
		for _, s := range x.possible(id, "missions.create") {
			if u := s.asked.Unique; u != nil {
				if byKey[u.Key] == nil {
					byKey[u.Key] = map[string]*Unique{}
				}
				byKey[u.Key][id] = u
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		x.oneRuns(key, byKey[key])
		x.replacesRightly(key, byKey[key])
	}
	for _, s := range x.byOp["missions.create"] {
		if s.code == kept {
			x.isKeptRightly(s, byKey[s.asked.Unique.Key][s.keptFor])
		}
	}
}

// oneRuns: when a mission starts, no other one with its key lives, but for one that waits for it.
func (x *index) oneRuns(key string, missions map[string]*Unique) {
	status, waitsFor := map[string]string{}, map[string][]Condition{}
	for i := range x.Events {
		e := &x.Events[i]
		id := e.Payload.MissionID
		if missions[id] == nil {
			continue
		}
		switch e.Type {
		case missionCreated:
			status[id], waitsFor[id] = pending, nil
		case missionWaiting:
			waitsFor[id] = e.Payload.Conditions
		case missionReady:
			waitsFor[id] = nil
		case statusChanged:
			status[id], waitsFor[id] = e.Payload.NewStatus, nil
		}
		if e.Type != statusChanged || e.Payload.NewStatus != running {
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(status)) {
			behind := slices.ContainsFunc(waitsFor[other], func(c Condition) bool { return c.Mission == id })
			if other != id && (status[other] == pending || status[other] == running) && !behind {
				x.violated(13, id, fmt.Sprintf("message %d: mission %s starts, and mission %s with the same key %q is %s", e.Seq, id, other, key, status[other]))
			}
		}
	}
}

// replacesRightly: a mission is replaced by one with its key that asked for it.
func (x *index) replacesRightly(key string, missions map[string]*Unique) {
	for id := range missions {
		for _, e := range x.events[id] {
			by, replaced := x.replacer(e)
			if !replaced {
				continue
			}
			switch u := missions[by]; {
			case u == nil || u.OnConflict == "" || u.OnConflict == conflictKeep:
				x.violated(13, id, fmt.Sprintf("message %d: mission %s is replaced by mission %s, which did not ask for its key %q", e.Seq, id, by, key))
			case e.Payload.OldStatus == running && u.OnConflict != conflictReplace:
				x.violated(13, id, fmt.Sprintf("message %d: mission %s was running and is replaced by mission %s, which asked to replace a pending one", e.Seq, id, by))
			}
		}
	}
}

// replacer returns by which mission one was replaced, if an event says so.
func (x *index) replacer(e *Event) (by string, replaced bool) {
	if e.Type != statusChanged || e.Payload.NewStatus != cancelled {
		return "", false
	}
	return strings.CutPrefix(e.Payload.Reason, replacedBy)
}

// wasReplaced reports whether the last end of a mission says that it was replaced.
func (x *index) wasReplaced(id string) bool {
	ends := x.ends(id, 0, theEnd)
	if len(ends) == 0 {
		return false
	}
	_, replaced := x.replacer(ends[len(ends)-1])
	return replaced
}

// sameKey reports whether two missions may have the same unique key.
func (x *index) sameKey(a, b string) bool {
	for _, s := range x.possible(a, "missions.create") {
		for _, other := range x.possible(b, "missions.create") {
			if s.asked.Unique != nil && other.asked.Unique != nil && s.asked.Unique.Key == other.asked.Unique.Key {
				return true
			}
		}
	}
	return false
}

// isKeptRightly: a mission is not created because of another one with its key that lived when that was asked, or whose time
// had not passed.
func (x *index) isKeptRightly(s *step, holder *Unique) {
	if holder == nil || s.asked.Unique.OnConflict != "" && s.asked.Unique.OnConflict != conflictKeep {
		x.violated(13, s.keptFor, fmt.Sprintf("mission %s is not created because of mission %s, which does not have its key, or which it replaces", s.mission, s.keptFor))
		return
	}
	created, ended := int64(0), int64(0) // of its latest life that began before the answer
	for _, e := range x.events[s.keptFor] {
		switch at := x.monotonic(e); {
		case at > s.Told+clocks:
		case e.Type == missionCreated:
			created, ended = at, 0
		case e.Type == statusChanged && terminal(e.Payload.NewStatus):
			ended = at
		case e.Type == statusChanged && terminal(e.Payload.OldStatus):
			ended = 0
		}
	}
	until := max(ended, created+int64(holder.ForSeconds*1e9))
	if ended != 0 && until+clocks < s.Asked {
		x.violated(13, s.keptFor, fmt.Sprintf("mission %s is not created because of mission %s, which held the key %q until %s before that was asked",
			s.mission, s.keptFor, holder.Key, seconds(s.Asked-until)))
	}
}
