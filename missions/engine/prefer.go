package engine

import (
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// A mission that prefers an agent is in a lane of that agent from when it becomes claimable until its time is up. While
// the agent is online and serves the lane, no other claims from it. Else the lane is open: its missions need not be moved,
// however many they are, and are withheld again should the agent come back in time.

// openLane enters a lane where claims find it.
func (e *Engine) openLane(l *lane) {
	if l.Prefers != "" {
		own := e.ownLanes[l.Prefers]
		if own == nil {
			own = map[string]*lane{}
			e.ownLanes[l.Prefers] = own
		}
		own[l.id] = l
		e.preferring++
	}
	e.setOpen(l, !e.withholds(l))
}

// closeLane is the reverse of openLane.
func (e *Engine) closeLane(l *lane) {
	e.setOpen(l, false)
	if own := e.ownLanes[l.Prefers]; own != nil {
		e.preferring--
		if delete(own, l.id); len(own) == 0 {
			delete(e.ownLanes, l.Prefers)
		}
	}
}

// withholds reports whether the agent that a lane prefers keeps others from it.
func (e *Engine) withholds(l *lane) bool {
	if l.Prefers == "" {
		return false
	}
	a := e.agents[l.Prefers]
	return a != nil && a.State == missions.Online && slices.Contains(a.Types, l.Type) && l.serves(a.Labels)
}

func (e *Engine) setOpen(l *lane, open bool) {
	if l.open == open {
		return
	}
	l.open = open
	list := e.openLanes[l.Type]
	at, there := slices.BinarySearchFunc(list, l.id, func(l *lane, id string) int { return compareText(l.id, id) })
	switch {
	case open && !there:
		list = slices.Insert(list, at, l)
	case !open && there:
		list = slices.Delete(list, at, at+1)
	}
	if e.openLanes[l.Type] = list; len(list) == 0 {
		delete(e.openLanes, l.Type)
	}
}

// followAgent opens the lanes that prefer an agent, or withholds them, once it has changed. Somebody has to be told of
// announced types.
func (e *Engine) followAgent(id string) {
	for _, l := range e.ownLanes[id] {
		open := !e.withholds(l)
		if open && !l.open && l.ready > 0 {
			e.announced[l.Type] = true
		}
		e.setOpen(l, open)
	}
}

// takeAnnounced adds the types to a list of which some missions can be claimed that could not before.
func (e *Engine) takeAnnounced(types []string) []string {
	for _, name := range slices.Sorted(maps.Keys(e.announced)) {
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	clear(e.announced)
	return types
}

// withhold has a mission that is about to become claimable prefer its agent.
func (e *Engine) withhold(r *Record, until missions.Time) {
	if until <= e.now {
		return
	}
	own := kind{Type: r.Type, Requires: r.Flow.Requires, Limits: r.Flow.Limits, Prefers: r.Flow.PreferAgent}
	if e.lanes[own.id()] == nil && e.preferring >= missions.MaxPreferLanes {
		return // others get it, rather than more lanes than there may be
	}
	e.changeLane(r, until)
	if r.DueAt == 0 || until < r.DueAt {
		r.DueAt = until
	}
}

// changeLane moves a PENDING mission that is in no queue to the lane of its agent, or from there with until 0.
func (e *Engine) changeLane(r *Record, until missions.Time) {
	e.laneMoved(r, missions.Pending, "")
	r.Flow.PreferUntil = until
	e.laneMoved(r, "", missions.Pending)
}

// preferUntil returns until when a mission prefers its agent that can be claimed from a time on; 0: it prefers none.
func (r *Record) preferUntil(from missions.Time) missions.Time {
	if r.Flow == nil || r.Flow.PreferAgent == "" {
		return 0
	}
	return after(from, r.Flow.PreferTime())
}

// withheld reports whether a mission is in the lane of the agent that it prefers.
func (r *Record) withheld() bool { return r.Flow != nil && r.Flow.PreferUntil != 0 }

// needLanes adds what a mission of a type needs of the lanes that it is in, and may be in.
func (e *Engine) needLanes(n *Need, missionType, key string, limits []string, requires map[string]string, p *missions.Preference) {
	k := kind{Type: missionType, Requires: requires, Limits: limits}
	if is := k.orNone(key); is != nil {
		e.needDocs(n, keyDoc(is.id(), key))
	}
	if k.Prefers = p.PreferAgent; k.Prefers != "" && key == "" { // one with a key is in the same document
		e.needDocs(n, keyDoc(k.id(), key))
	}
}

// requeue has a PENDING mission that is in a queue claimable from a time on, and prefer its agent until another.
func (e *Engine) requeue(r *Record, from, until missions.Time) {
	e.unqueue(r)
	e.enqueueUntil(r, from, until)
}

// shiftPreference moves a mission that is withheld with the clock.
func (e *Engine) shiftPreference(r *Record, by time.Duration) {
	e.requeue(r, min(r.ReadyAt.Add(by), e.now), r.Flow.PreferUntil.Add(by))
}
