package engine

import (
	"maps"
	"slices"

	"missioncontrol/missions"
)

// Held returns which missions limits hold back. See [missions.Limits].
func (e *Engine) Held() (held []missions.Hold) {
	for _, name := range slices.Sorted(maps.Keys(e.limits)) {
		x := e.limits[name]
		h := missions.Hold{Limit: name, Type: x.Type, All: x.isFull(e.now) != ""}
		if !h.All {
			h.Keys = x.fullKeys()
		}
		if h.All || len(h.Keys) > 0 {
			held = append(held, h)
		}
	}
	return held
}

// fullKeys returns the keys of which no mission starts, whatever others do.
func (x *limit) fullKeys() []string {
	keys := map[string]bool{}
	for key := range x.byKey {
		keys[key] = x.isFullFor(key)
	}
	for key := range x.Keys {
		keys[key] = x.isFullFor(key)
	}
	maps.DeleteFunc(keys, func(_ string, full bool) bool { return !full })
	return slices.Sorted(maps.Keys(keys))
}

// heldOf counts the missions of a type, or of all (""), that could be claimed if it were not for limits. Of missions
// in no lane, those that wait for several things make it too low.
func (e *Engine) heldOf(missionType string) (n int64) {
	if len(e.limits) == 0 {
		return 0
	}
	for _, l := range e.lanes {
		switch {
		case missionType != "" && l.Type != missionType:
		case e.anyFull(e.limitsOf(l.Type, l.Limits)):
			n += l.ready
		default:
			n += l.held
		}
	}
	for name := range e.byType {
		if name != "" && (missionType == "" || name == missionType) && e.anyFull(e.limitsOf(name, nil)) {
			n += e.readyOf(name)
		}
	}
	return n
}

// readyOf counts the missions of a type that are in no lane and can be claimed, if limits let them. Those that wait for
// several things make it too low.
func (e *Engine) readyOf(missionType string) int64 {
	t := e.byType[missionType]
	if t == nil {
		return 0
	}
	unready := int64(0)
	for _, waiting := range t.Waiting {
		unready += waiting
	}
	for _, l := range e.lanesOf[missionType] {
		unready -= l.pending - l.ready
	}
	return max(0, e.pendingOf(missionType)-max(0, unready))
}

// isServed reports whether an agent that is online serves a lane.
func (e *Engine) isServed(l *lane) bool {
	for _, a := range e.agents {
		if a.State == missions.Online && slices.Contains(a.Types, l.Type) && l.serves(a.Labels) {
			return true
		}
	}
	return false
}

// laneFronts adds to since when the first missions in line of types could be claimed those in lanes, and leaves out
// those that limits hold back.
func (e *Engine) laneFronts(missionType string, fronts map[string]missions.Time) map[string]missions.Time {
	if len(e.lanes)+len(e.limits) == 0 {
		return fronts
	}
	all := map[string]missions.Time{}
	for name, since := range fronts {
		if !e.anyFull(e.limitsOf(name, nil)) {
			all[name] = since
		}
	}
	for _, l := range e.lanes {
		if l.ready == l.held || missionType != "" && l.Type != missionType || e.anyFull(e.limitsOf(l.Type, l.Limits)) {
			continue
		}
		if since, there := all[l.Type]; !there || l.since < since {
			all[l.Type] = l.since
		}
	}
	return all
}

// isHeld reports whether a limit holds the mission back, which could be claimed otherwise.
func (r *Record) isHeld(holds []missions.Hold) bool {
	return r.claimable() && slices.ContainsFunc(holds, func(h missions.Hold) bool { return h.Holds(r.Type, r.limits(), r.key()) })
}
