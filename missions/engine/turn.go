package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// Keys take turns. In a lane, each key with missions of a priority that can be claimed has a turn, a number; the
// lowest is the next. Whenever one of its missions starts, a key's turn grows by a step that its weight divides. A key
// that comes in begins at the turn that the lane has reached: it neither has to wait for what others had before, nor
// saves up turns while it has nothing to do.
//
// Keys of which no mission may start because of a limit are not in the set of turns, so that a claim never looks at
// what it cannot give. They are put back when a mission with the key ends, or a limit is set.

// step is how much the turn of a key with weight 1 grows.
const step = 1 << 20

// keyMissions is the missions with a key, in all lanes, or those without one in a lane.
type keyMissions struct {
	lanes []keyInLane // in order of the lanes' ids
}

// keyInLane is the missions with a key in a lane.
type keyInLane struct {
	lane    string
	pending int64
	ready   [4]int64 // can be claimed, if the limits let them, by rank of the priority
	place   [4]place // in the set of turns, while some are ready
	held    bool     // no mission may start because of a limit: it is not in the set of turns
}

// place is a place in the set of turns: keys with the same turn are in the order in which they came.
type place struct{ turn, came int64 }

func keyMissionsOf(c *codec.Codec, k *keyMissions) {
	codec.Sequence(c, &k.lanes, func(c *codec.Codec, in *keyInLane) {
		codec.Text(c, &in.lane)
		codec.Number(c, &in.pending)
		for i := range in.ready {
			codec.Number(c, &in.ready[i])
			codec.Number(c, &in.place[i].turn)
			codec.Number(c, &in.place[i].came)
		}
		codec.Flag(c, &in.held)
	})
}

func compareText(a, b string) int { return cmp.Compare(a, b) }

// in returns the missions in a lane, nil if there are none.
func (k *keyMissions) in(lane string) *keyInLane {
	if k == nil {
		return nil
	}
	at, there := slices.BinarySearchFunc(k.lanes, lane, func(in keyInLane, id string) int { return compareText(in.lane, id) })
	if !there {
		return nil
	}
	return &k.lanes[at]
}

func (in *keyInLane) anyReady() bool { return in.ready != [4]int64{} }

// keyDoc returns the key of the document with the missions of a key in a lane.
func keyDoc(lane, key string) string {
	if key == "" {
		return docWithout + lane
	}
	return docKey + key
}

// keyedIn returns the missions with a key, as they are; nil if there are none.
func (e *Engine) keyedIn(lane, key string) *keyMissions {
	k, _ := e.doc(keyDoc(lane, key)).(*keyMissions)
	return k
}

// editKey returns the missions with a key in a lane for changes.
func (e *Engine) editKey(l *lane, key string) *keyInLane {
	k := e.keyedIn(l.id, key)
	if k == nil {
		k = &keyMissions{}
		e.member(setKeys, keyDoc(l.id, key), false)
	}
	e.setDoc(keyDoc(l.id, key), k)
	return k.add(l.id)
}

// add returns the missions in a lane for changes.
func (k *keyMissions) add(lane string) *keyInLane {
	if in := k.in(lane); in != nil {
		return in
	}
	at, _ := slices.BinarySearchFunc(k.lanes, lane, func(in keyInLane, id string) int { return compareText(in.lane, id) })
	k.lanes = slices.Insert(k.lanes, at, keyInLane{lane: lane})
	return &k.lanes[at]
}

// settleKeyDoc forgets what has become empty of the missions with a key.
func (e *Engine) settleKeyDoc(l *lane, key string) {
	k := e.keyedIn(l.id, key)
	k.lanes = slices.DeleteFunc(k.lanes, func(in keyInLane) bool { return in.pending == 0 && !in.anyReady() })
	if len(k.lanes) == 0 {
		e.setDoc(keyDoc(l.id, key), nil)
		e.member(setKeys, keyDoc(l.id, key), true)
	}
}

// turnMember is the member of a key of the set of turns of a lane.
func turnMember(rank int, at place, key string) string {
	return fmt.Sprintf("%d:%016x:%016x:%s", len(priorities)-1-rank, at.turn, at.came, key)
}

// parseTurn is the reverse of turnMember.
func parseTurn(member string) (rank int, at place, key string, ok bool) {
	parts := strings.SplitN(member, ":", 4)
	if len(parts) != 4 {
		return 0, place{}, "", false
	}
	n, err := strconv.Atoi(parts[0])
	turn, err2 := strconv.ParseInt(parts[1], 16, 64)
	came, err3 := strconv.ParseInt(parts[2], 16, 64)
	rank = len(priorities) - 1 - n
	return rank, place{turn, came}, parts[3], err == nil && err2 == nil && err3 == nil && rank >= 0 && rank < len(priorities)
}

func queueSet(lane, key string) string { return setQueue + lane + "/" + key }

// queueMember is the member of a mission of the set of those of its key that can be claimed: by priority, then by age.
func queueMember(rank int, seq int64, id string) string {
	return fmt.Sprintf("%d:%016x:%s", len(priorities)-1-rank, seq, id)
}

func parseQueued(member string) (h Head, ok bool) {
	parts := strings.SplitN(member, ":", 3)
	if len(parts) != 3 {
		return Head{}, false
	}
	n, err := strconv.Atoi(parts[0])
	seq, err2 := strconv.ParseInt(parts[1], 16, 64)
	return Head{Rank: len(priorities) - 1 - n, Seq: seq, ID: parts[2]}, err == nil && err2 == nil
}

// weight returns how many turns a key has while another one has one: what its mission's own limits say, or else those
// of the type, or else those of all.
func weight(limits []*limit, named []string, key string) float64 {
	best, from := 1.0, math.MaxInt
	for _, x := range limits {
		w := x.Keys[key].Weight
		order := 2
		switch {
		case slices.Contains(named, x.Name):
			order = 0
		case x.Type != missions.AllTypes:
			order = 1
		}
		if w != 0 && order < from {
			best, from = w, order
		}
	}
	return best
}

// stepOf is how much the turn of a key grows when one of its missions starts.
func (e *Engine) stepOf(l *lane, key string) int64 {
	if key == "" {
		return step
	}
	return int64(math.Round(step / weight(e.limitsOf(l.Type, l.Limits), l.Limits, key)))
}

// listed adds a member to a set or takes it out, and keeps the window on the set.
func (e *Engine) listed(set, member string, gone bool) {
	e.member(set, member, gone)
	w := e.setWindows[set]
	switch {
	case w == nil:
	case gone:
		w.remove(member)
	case w.add(member):
		e.longSets[w] = true
	}
}

// window returns the window on a set. empty says that it is known to be empty.
func (e *Engine) window(set string, empty bool) *window[string] {
	w := e.setWindows[set]
	if w == nil {
		w = &window[string]{compare: strings.Compare, most: 2 * e.cfg.QueueWindow, kept: &e.windowed, all: empty}
		e.setWindows[set] = w
	}
	return w
}

// turns is the window on the turns of a lane.
func (e *Engine) turns(l *lane) *window[string] { return e.window(setTurns+l.id, l.ready == 0) }

// queued is the window on the missions with a key in a lane that can be claimed.
func (e *Engine) queued(l *lane, key string) *window[string] {
	in := e.keyedIn(l.id, key).in(l.id)
	return e.window(queueSet(l.id, key), in == nil || !in.anyReady())
}

// joinLane enters a mission that has become claimable.
func (e *Engine) joinLane(r *Record) {
	l, key, rank := e.editLane(r.kind()), r.key(), r.Priority.Rank()
	e.turns(l) // while it is known that they are empty
	e.queued(l, key)
	if r.Flow.Queued = true; l.ready == 0 {
		l.since = e.now
	}
	l.ready++
	in := e.editKey(l, key)
	if in.held = anyFullFor(e.limitsOf(l.Type, l.Limits), key); in.held {
		l.held++
	}
	if in.ready[rank]++; in.ready[rank] == 1 {
		in.place[rank] = place{l.turn[rank], e.marks.Outbox}
		if !in.held {
			e.listed(setTurns+l.id, turnMember(rank, in.place[rank], key), false)
		}
	}
	e.listed(queueSet(l.id, key), queueMember(rank, r.Seq, r.ID), false)
}

// leaveLane takes a mission out that can no longer be claimed. starts says that it was.
func (e *Engine) leaveLane(r *Record, starts bool) {
	r.Flow.Queued = false
	e.takeOut(e.editLane(r.kind()), r.key(), r.head(), starts)
}

// takeOut takes a mission out of a lane.
func (e *Engine) takeOut(l *lane, key string, h Head, starts bool) {
	e.setDoc(docLane+l.id, l)
	l.ready--
	in := e.editKey(l, key)
	in.ready[h.Rank]--
	if in.held {
		l.held--
	}
	at := in.place[h.Rank]
	e.listed(queueSet(l.id, key), queueMember(h.Rank, h.Seq, h.ID), true)
	if starts {
		l.since = e.now
		l.turn[h.Rank] = max(l.turn[h.Rank], at.turn)
	}
	gone := in.ready[h.Rank] == 0
	if (gone || starts) && !in.held {
		e.listed(setTurns+l.id, turnMember(h.Rank, at, key), true)
	}
	switch {
	case gone:
		in.place[h.Rank] = place{}
	case starts:
		in.place[h.Rank] = place{at.turn + e.stepOf(l, key), e.marks.Outbox}
		if !in.held {
			e.listed(setTurns+l.id, turnMember(h.Rank, in.place[h.Rank], key), false)
		}
	}
	if !in.anyReady() {
		in.held = false
	}
}

// ownTurn notes that a mission of a type has started that is in no lane, if keys take turns with it.
func (e *Engine) ownTurn(l *lane, rank int) {
	e.setDoc(docLane+l.id, l)
	l.turn[rank] = max(l.turn[rank], l.own[rank])
	l.own[rank] = l.turn[rank] + step
}

// followKey takes a key's missions out of the sets of turns, or puts them back, as limits let them start.
func (e *Engine) followKey(key string) {
	k := e.keyedIn("", key)
	if k == nil {
		return
	}
	changed := false
	for i := range k.lanes {
		in := &k.lanes[i]
		l := e.lanes[in.lane]
		if l == nil || !in.anyReady() {
			continue
		}
		held := anyFullFor(e.limitsOf(l.Type, l.Limits), key)
		if held == in.held {
			continue
		}
		in.held, changed = held, true
		if !held {
			e.announced[l.Type] = true
		}
		e.setDoc(docLane+l.id, l)
		for rank, n := range in.ready {
			if n == 0 {
				continue
			}
			l.held += n * delta(held)
			if !held {
				in.place[rank].turn = max(in.place[rank].turn, l.turn[rank])
			}
			e.listed(setTurns+l.id, turnMember(rank, in.place[rank], key), held)
		}
	}
	if changed {
		e.setDoc(docKey+key, k)
	}
}
