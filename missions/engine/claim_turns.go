package engine

import (
	"maps"
	"slices"

	"missioncontrol/missions"
)

// source is where the missions of a claim may come from: a lane, or those of a type that are in no lane and the keys
// that take turns with them.
type source struct {
	missionType string
	own         bool  // it has those that are in no lane
	lane        *lane // nil: none
	limits      []*limit
}

// candidate is the first mission of a source.
type candidate struct {
	Head
	source *source
	key    string
	inLane bool
}

// hasTurns reports whether missions of some types are in lanes, or have limits.
func (e *Engine) hasTurns(types []string) bool {
	if len(e.limits)+len(e.lanes) == 0 {
		return false
	}
	return slices.ContainsFunc(types, func(t string) bool { return len(e.lanesOf[t]) > 0 || len(e.limitsOf(t, nil)) > 0 })
}

// sources returns where missions of some types for an agent may come from.
func (e *Engine) sources(agentID string, types []string) (all []source) {
	labels := e.agents[agentID].Labels
	for i, name := range types {
		if slices.Contains(types[:i], name) {
			continue
		}
		own, lanes := source{missionType: name, own: true, limits: e.limitsOf(name, nil)}, e.openLanes[name]
		if len(lanes) > 0 {
			own.lane = e.lanes[only(name)]
		}
		all = append(all, own)
		for _, l := range lanes {
			if l != own.lane && l.serves(labels) {
				all = append(all, source{missionType: name, lane: l, limits: e.limitsOf(name, l.Limits)})
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.ownLanes[agentID])) {
		if l := e.ownLanes[agentID][id]; !l.open && slices.Contains(types, l.Type) {
			all = append(all, source{missionType: l.Type, lane: l, limits: e.limitsOf(l.Type, l.Limits)})
		}
	}
	return all
}

// first returns the first mission of a source, if the limits let one start. It is not loaded if it is not known which
// one it is.
func (e *Engine) first(s *source) (c candidate, found, loaded bool) {
	if e.anyFull(s.limits) {
		return c, false, true
	}
	if s.own {
		switch w := e.queue(s.missionType); {
		case len(w.list) > 0:
			c, found = candidate{Head: w.list[0], source: s}, true
		case !w.all:
			return c, false, false
		}
	}
	if s.lane == nil || s.lane.ready == 0 {
		return c, found, true
	}
	w := e.turns(s.lane)
	for at := 0; at < len(w.list) && at < keysAhead; {
		member := w.list[at]
		rank, turn, key, ok := parseTurn(member)
		if found && ok && (c.Rank > rank || c.Rank == rank && s.lane.ownTurnAt(rank) <= turn.turn) {
			return c, true, true
		}
		head, is := e.firstOf(s.lane, key)
		switch {
		case is == firstUnloaded:
			return c, false, false
		case is == firstNone || !ok: // a commit was broken off halfway
			e.listed(setTurns+s.lane.id, member, true)
		case is == firstUnreachable:
			at++
		default:
			return candidate{Head: head, source: s, key: key, inLane: true}, true, true
		}
	}
	return c, found, w.all || len(w.list) >= keysAhead
}

// What is known of the first mission with a key.
type firstIs int

const (
	firstKnown firstIs = iota
	firstNone
	firstUnreachable // none of those that are loaded can be reached
	firstUnloaded
)

// ownTurnAt returns the turn of the missions of the type that are in no lane.
func (l *lane) ownTurnAt(rank int) int64 { return max(l.own[rank], l.turn[rank]) }

// firstOf returns the first mission with a key in a lane.
func (e *Engine) firstOf(l *lane, key string) (h Head, is firstIs) {
	if _, known := e.docs.byKey[keyDoc(l.id, key)]; !known {
		return h, firstUnloaded
	}
	w := e.queued(l, key)
	for _, member := range w.list {
		if h, ok := parseQueued(member); ok && !e.isUnreachable(h.ID) {
			return h, firstKnown
		}
	}
	switch {
	case len(w.list) > 0:
		return h, firstUnreachable
	case w.all:
		return h, firstNone
	}
	return h, firstUnloaded
}

// claimByTurn gives missions of types that are in lanes, or have limits.
func (e *Engine) claimByTurn(q *missions.ClaimRequest, result *missions.ClaimResult) {
	sources := e.sources(q.AgentID, result.Types)
	most, size, misplaced := min(max(q.Max, 0), maxHeads), 0, 0
	for len(result.Missions) < most && misplaced < mostMisplaced {
		c, found, loaded := e.best(sources)
		if !loaded {
			result.More = true
			return
		}
		if !found {
			result.Others = e.forOthers(sources)
			return
		}
		r := e.records.get(c.ID)
		if r != nil && e.leases[r.Seq] != nil || r == nil && e.records.absent[c.ID] || r != nil && !r.claimable() {
			e.misplacedByTurn(&c) // a commit was broken off halfway
			result.More = true
			misplaced++
			continue
		}
		if r == nil || !e.complete(r) {
			result.More = true
			return
		}
		if size += r.SizeEstimate(); q.MaxBytes > 0 && size > q.MaxBytes && len(result.Missions) > 0 {
			result.More = true
			return
		}
		if l := c.source.lane; l != nil && !c.inLane && e.hasTurnAt(l, c.Rank) {
			e.ownTurn(l, c.Rank)
		}
		result.Missions = append(result.Missions, e.give(e.records.edit(c.ID), q))
	}
}

// forOthers reports whether missions of the types of some sources can be claimed, but only by agents that have other
// labels, or that they prefer.
func (e *Engine) forOthers(sources []source) bool {
	for i := range sources {
		if !sources[i].own {
			continue
		}
		for _, l := range e.lanesOf[sources[i].missionType] {
			selective := len(l.Requires) > 0 || l.Prefers != ""
			if selective && l.ready > l.held && !slices.ContainsFunc(sources, func(s source) bool { return s.lane == l }) && !e.anyFull(e.limitsOf(l.Type, l.Limits)) {
				return true
			}
		}
	}
	return false
}

// hasTurnAt reports whether keys have a turn with missions of a priority. The window is loaded.
func (e *Engine) hasTurnAt(l *lane, rank int) bool {
	w := e.turns(l)
	if len(w.list) == 0 {
		return false
	}
	first, _, _, ok := parseTurn(w.list[0])
	return ok && first == rank
}

// best returns the mission that is the first in line of several sources: by priority, then by age.
func (e *Engine) best(sources []source) (best candidate, found, loaded bool) {
	for i := range sources {
		c, there, loaded := e.first(&sources[i])
		if !loaded {
			return best, false, false
		}
		if there && (!found || compareHeads(c.Head, best.Head) < 0) {
			best, found = c, true
		}
	}
	return best, found, true
}

// misplacedByTurn takes a mission out of a queue in which it should not be.
func (e *Engine) misplacedByTurn(c *candidate) {
	if !c.inLane {
		e.misplaced([]string{c.source.missionType}, c.Head)
		return
	}
	e.takeOut(c.source.lane, c.key, c.Head, false)
}

// mostMisplaced bounds how many missions a claim finds in queues in which they should not be.
const mostMisplaced = 64

// Bounds of what is loaded of a lane for a claim: how many keys behind those that it may need, and how many missions
// of each key at least.
const (
	keysAhead   = 64
	queuedAhead = 16
)

// needClaimsByTurn adds what claims need of types that are in lanes, or have limits, before which so many missions may be
// taken from the queues.
func (e *Engine) needClaimsByTurn(n *Need, claims []missions.ClaimRequest, total int) {
	for i := range claims {
		q := &claims[i]
		if e.claimer(q) != nil {
			continue
		}
		total = min(total+max(q.Max, 0), maxHeads)
		if e.hasTurns(e.typesOf(q)) {
			e.needTurns(n, q, total)
		}
	}
}

// needTurns adds what a claim needs of lanes, if it and those before it take so many missions.
func (e *Engine) needTurns(n *Need, q *missions.ClaimRequest, total int) {
	sources := e.sources(q.AgentID, e.typesOf(q))
	before := len(n.Queues) + len(n.Ranges) + len(n.Docs)
	for i := range sources {
		s := &sources[i]
		if e.anyFull(s.limits) {
			continue
		}
		if s.own && !e.queue(s.missionType).has(total) {
			n.queue(s.missionType, total)
		}
		if s.lane != nil && s.lane.ready > 0 {
			e.needLane(n, s.lane, total)
		}
	}
	if len(n.Queues)+len(n.Ranges)+len(n.Docs) > before {
		return
	}
	for i := range sources {
		if s := &sources[i]; !e.anyFull(s.limits) {
			e.needFirst(n, s, total, q.MaxBytes)
		}
	}
}

// needLane adds the first keys of a lane, and their first missions.
func (e *Engine) needLane(n *Need, l *lane, total int) {
	w := e.turns(l)
	if total += e.unreachableKeys(l, w.list); !w.has(total) {
		n.Ranges = append(n.Ranges, Range{Set: setTurns + l.id, Limit: max(total, e.cfg.QueueWindow)})
		return
	}
	missing, ahead := false, min(queuedAhead, e.cfg.QueueWindow)
	for i, member := range w.list {
		if i >= total && !missing || i >= total+keysAhead {
			return
		}
		_, _, key, ok := parseTurn(member)
		if !ok {
			continue
		}
		share := 1 + total/(i+1) // of those behind it, all have had a turn by then
		if _, known := e.docs.byKey[keyDoc(l.id, key)]; !known {
			missing = true
			n.Docs = append(n.Docs, keyDoc(l.id, key))
			if e.setWindows[queueSet(l.id, key)] == nil { // it is not empty: the key has a turn
				n.Ranges = append(n.Ranges, Range{Set: queueSet(l.id, key), Limit: max(share, ahead)})
			}
			continue
		}
		if !e.queued(l, key).has(share) {
			missing = true
			n.Ranges = append(n.Ranges, Range{Set: queueSet(l.id, key), Limit: max(share, ahead)})
		}
	}
}

// unreachableKeys counts the keys of which no mission can be reached, as far as that is known: they are passed over.
func (e *Engine) unreachableKeys(l *lane, turns []string) (n int) {
	if len(e.records.unreachable) == 0 {
		return 0
	}
	for _, member := range turns[:min(len(turns), keysAhead)] {
		if _, _, key, ok := parseTurn(member); ok {
			if _, is := e.firstOf(l, key); is == firstUnreachable {
				n++
			}
		}
	}
	return n
}

// needFirst adds the records of the first missions of a source.
func (e *Engine) needFirst(n *Need, s *source, total, maxBytes int) {
	if s.own {
		list := e.queue(s.missionType).list
		e.needHeads(n, list[:min(len(list), total+readAhead)], total, maxBytes)
	}
	if s.lane == nil || s.lane.ready == 0 {
		return
	}
	left, missing, keys := total+readAhead, false, 0
	for _, member := range e.turns(s.lane).list {
		_, _, key, ok := parseTurn(member)
		if _, known := e.docs.byKey[keyDoc(s.lane.id, key)]; !known || !ok {
			return
		}
		of := 0 // missions with the key that can be reached, as far as that is known
		for _, member := range e.queued(s.lane, key).list {
			h, _ := parseQueued(member)
			if e.isUnreachable(h.ID) {
				continue
			}
			if keys >= total && !missing || left == 0 {
				return
			}
			if of++; of > 1+total/(keys+1) {
				break
			}
			left--
			missing = missing || !e.records.known(h.ID)
			e.NeedMissions(n, h.ID)
		}
		if of > 0 {
			keys++
		}
	}
}
