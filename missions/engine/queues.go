package engine

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"missioncontrol/missions"
)

// keysOfAPage is how many keys are read at once for [Engine.Queues].
const keysOfAPage = 1000

// NextKeys returns a part of the set of the documents of keys: behind one, "" for the first.
func NextKeys(after string) Range { return Range{Set: setKeys, After: after, Limit: keysOfAPage} }

// OfKey reports whether a document is of the missions with a key; the others are of those of a lane without one.
func OfKey(doc string) bool { return strings.HasPrefix(doc, docKey) }

// KeyDocs are documents of keys, as a backend has them.
type KeyDocs map[string][]byte

// Queues returns what is PENDING, by type, requirements and limits. fronts are those of all PendingTypes; all says that
// the documents are those of all keys.
func (e *Engine) Queues(fronts map[string]missions.Time, docs KeyDocs, all bool) (missions.Queues, error) {
	q := queues{engine: e, byKind: map[string]*missions.Queue{}, places: map[placeOfKey]int{}}
	for _, name := range e.PendingTypes("") {
		if n := e.pendingOf(name); n > 0 {
			q.plain(name, n, fronts[name])
		}
	}
	for _, l := range e.lanes {
		if l.pending > 0 {
			q.lane(l)
		}
	}
	for doc, body := range docs {
		if err := q.keys(doc, body); err != nil {
			return missions.Queues{}, err
		}
	}
	return q.result(all), nil
}

// queues collects queues. A mission that is withheld for an agent is in the queue of those that are not.
type queues struct {
	engine *Engine
	byKind map[string]*missions.Queue // by the id of their lanes
	places map[placeOfKey]int         // in the keys of a queue
}

type placeOfKey struct {
	of  *missions.Queue
	key string
}

func (q *queues) of(k kind) *missions.Queue {
	k.Prefers = ""
	id := k.id()
	of := q.byKind[id]
	if of == nil {
		of = &missions.Queue{Type: k.Type, Requires: k.Requires, Limits: k.Limits, Keys: []missions.QueueKey{}}
		of.Agents, of.Slots, of.Busy = q.engine.serving(&k)
		q.byKind[id] = of
	}
	return of
}

// plain counts the missions of a type that are in no lane.
func (q *queues) plain(name string, pending int64, since missions.Time) {
	e := q.engine
	of := q.of(kind{Type: name})
	claimable := e.readyOf(name)
	of.Pending += pending
	of.Claimable += claimable
	full := e.anyFull(e.limitsOf(name, nil))
	if full {
		of.Held += claimable
	}
	if claimable > 0 {
		waitsSince(of, since)
	}
	q.addKey(of, missions.QueueKey{Pending: pending, Claimable: claimable, Held: full})
}

func (q *queues) lane(l *lane) {
	e := q.engine
	of := q.of(l.kind)
	of.Pending += l.pending
	of.Claimable += l.ready
	if e.anyFull(e.limitsOf(l.Type, l.Limits)) {
		of.Held += l.ready
	} else {
		of.Held += l.held
	}
	if l.ready > 0 {
		waitsSince(of, l.since)
	}
}

// waitsSince notes since when some missions could be claimed.
func waitsSince(of *missions.Queue, since missions.Time) {
	if since != 0 && (of.Since == 0 || since < of.Since) {
		of.Since = since
	}
}

// keys counts the missions with a key, or those without one in a lane.
func (q *queues) keys(doc string, body []byte) error {
	if body == nil {
		return nil // the last of its missions has started meanwhile
	}
	value, err := decodeDoc(doc, body)
	if err != nil {
		return err
	}
	key := ""
	if OfKey(doc) {
		key = doc[len(docKey):]
	}
	for _, in := range value.(*keyMissions).lanes {
		if l := q.engine.lanes[in.lane]; l != nil && in.pending > 0 {
			q.addKey(q.of(l.kind), missions.QueueKey{Key: key, Pending: in.pending, Claimable: ofAllRanks(in.ready), Held: in.held || q.engine.anyFull(q.engine.limitsOf(l.Type, l.Limits))})
		}
	}
	return nil
}

func ofAllRanks(of [4]int64) (n int64) {
	for _, each := range of {
		n += each
	}
	return n
}

// addKey adds what one of its lanes has of a key to a queue.
func (q *queues) addKey(of *missions.Queue, k missions.QueueKey) {
	place := placeOfKey{of, k.Key}
	at, there := q.places[place]
	if !there {
		q.places[place] = len(of.Keys)
		of.Keys = append(of.Keys, k)
		return
	}
	is := &of.Keys[at]
	is.Pending += k.Pending
	is.Claimable += k.Claimable
	is.Held = is.Held || k.Held
}

// result returns the longest queues with their longest keys.
func (q *queues) result(all bool) missions.Queues {
	r := missions.Queues{Queues: make([]missions.Queue, 0, len(q.byKind)), AllKeys: all}
	for _, of := range q.byKind {
		slices.SortFunc(of.Keys, func(a, b missions.QueueKey) int {
			return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(a.Key, b.Key))
		})
		of.KeysTotal = int64(len(of.Keys))
		if len(of.Keys) == 1 && of.Keys[0].Key == "" {
			of.Keys, of.KeysTotal = []missions.QueueKey{}, 0 // none has a key
		}
		of.Keys = of.Keys[:min(len(of.Keys), missions.MaxQueueKeys)]
		r.Queues = append(r.Queues, *of)
	}
	slices.SortFunc(r.Queues, func(a, b missions.Queue) int {
		return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(a.Type, b.Type), slices.Compare(a.Limits, b.Limits), compareLabels(a.Requires, b.Requires))
	})
	if n := len(r.Queues) - missions.MaxQueues; n > 0 {
		r.LeftOut = int64(n)
		r.Queues = r.Queues[:missions.MaxQueues]
	}
	return r
}

func compareLabels(a, b map[string]string) int {
	names := slices.Sorted(maps.Keys(a))
	if n := slices.Compare(names, slices.Sorted(maps.Keys(b))); n != 0 {
		return n
	}
	for _, name := range names {
		if n := cmp.Compare(a[name], b[name]); n != 0 {
			return n
		}
	}
	return 0
}

// serving counts the agents that are online and serve a kind of missions, their slots, and how many of these are busy.
func (e *Engine) serving(k *kind) (agents, slots, busy int64) {
	l := lane{kind: *k}
	for _, a := range e.agents {
		if a.State == missions.Online && slices.Contains(a.Types, k.Type) && l.serves(a.Labels) {
			agents++
			slots += int64(a.Capacity)
			busy += int64(len(e.held[a.ID]))
		}
	}
	return agents, slots, busy
}
