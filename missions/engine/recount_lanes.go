package engine

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// lanesCounted is what documents and sets have to say of lanes and keys.
type lanesCounted struct {
	lanes  map[string]*lane
	keys   map[string]*keyMissions // by document
	names  map[string]string       // the keys, by document
	shares map[string]*Record      // RUNNING missions that have a key or name limits, by id
}

// addToLane counts a mission of a lane.
func (c *recount) addToLane(r *Record) {
	k := r.kind()
	if k == nil || r.Status.Terminal() {
		return
	}
	n := &c.counted
	l := n.lanes[k.id()]
	if l == nil {
		l = &lane{kind: *k, id: k.id(), since: c.now}
		n.lanes[l.id] = l
		c.member(setLanes, l.id)
	}
	l.living++
	if r.Status == missions.Running {
		n.shares[r.ID] = r
		return
	}
	l.pending++
	in := n.in(l, r.key())
	c.member(setKeys, keyDoc(l.id, r.key()))
	if in.pending++; r.Flow.Queued {
		rank := r.Priority.Rank()
		l.ready++
		in.ready[rank]++
		c.member(queueSet(l.id, r.key()), queueMember(rank, r.Seq, r.ID))
	}
}

// in returns the missions with a key in a lane for changes.
func (n *lanesCounted) in(l *lane, key string) *keyInLane {
	doc := keyDoc(l.id, key)
	k := n.keys[doc]
	if k == nil {
		k = &keyMissions{}
		n.keys[doc], n.names[doc] = k, key
	}
	return k.add(l.id)
}

// leases has leases say which limits and keys they count for, and returns them all.
func (c *recount) leases() []Lease {
	all := slices.Clone(c.from.Leases)
	for i := range all {
		l := &all[i]
		r := c.counted.shares[l.MissionID]
		if r != nil && (l.Key != r.key() || !slices.Equal(l.Limits, r.limits())) {
			l.Key, l.Limits = r.key(), r.limits()
			c.changes.Leases = append(c.changes.Leases, *l)
		}
	}
	return all
}

// allLanes makes the documents of lanes and keys, and the turns of keys, agree with the missions. All keys have their
// first turn: who had which is lost.
func (c *recount) allLanes(ctx context.Context) error {
	n := &c.counted
	limits := New(Config{}, &Snapshot{Leases: c.leases()})
	if err := limits.LoadLimits(ctx, c.backend, c.now); err != nil {
		return err
	}
	for _, doc := range slices.Sorted(maps.Keys(n.keys)) {
		for i := range n.keys[doc].lanes {
			in, key := &n.keys[doc].lanes[i], n.names[doc]
			l := n.lanes[in.lane]
			in.held = in.anyReady() && anyFullFor(limits.limitsOf(l.Type, l.Limits), key)
			for rank, ready := range in.ready {
				if in.held {
					l.held += ready
				}
				if in.place[rank] = (place{}); ready > 0 && !in.held {
					c.member(setTurns+l.id, turnMember(rank, in.place[rank], key))
				}
			}
		}
	}
	for set, docs := range map[string]map[string][]byte{setLanes: encoded(docLane, n.lanes), setKeys: encoded("", n.keys)} {
		if err := c.laneDocs(ctx, set, docs); err != nil {
			return err
		}
	}
	return nil
}

func encoded[T any](prefix string, values map[string]T) map[string][]byte {
	docs := make(map[string][]byte, len(values))
	for key, value := range values {
		docs[prefix+key] = encodeDoc(value)
	}
	return docs
}

// laneDocs stores the documents of a set, deletes others, and has the sets compared that those that there were speak of.
func (c *recount) laneDocs(ctx context.Context, set string, want map[string][]byte) error {
	prefix := ""
	if set == setLanes {
		prefix = docLane
	}
	for after := ""; ; {
		lists, err := c.backend.Members(ctx, []Range{{Set: set, After: after, Limit: recountAtOnce}})
		if err != nil {
			return err
		}
		keys := make([]string, len(lists[0]))
		for i, member := range lists[0] {
			keys[i], after = prefix+member, member
		}
		docs, err := c.backend.Docs(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := c.wasThere(key, docs[key]); err != nil {
				return err
			}
			if is, there := want[key]; !there {
				c.changes.Docs = append(c.changes.Docs, Doc{Key: key})
			} else if bytes.Equal(docs[key], is) {
				delete(want, key)
			}
		}
		if err := c.flush(recountAtOnce); err != nil {
			return err
		}
		if len(keys) < recountAtOnce {
			break
		}
	}
	if c.sets[set] == nil {
		c.sets[set] = map[string]bool{}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		c.changes.Docs = append(c.changes.Docs, Doc{key, want[key]})
		if err := c.flush(recountAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// wasThere has the sets compared that a document speaks of.
func (c *recount) wasThere(key string, body []byte) error {
	sets := []string{setTurns + key[len(docLane):]}
	if key[:2] != docLane {
		if body == nil {
			return nil
		}
		value, err := decodeDoc(key, body)
		if err != nil {
			return err
		}
		sets = nil
		for _, in := range value.(*keyMissions).lanes {
			of := ""
			if key[:2] == docKey {
				of = key[len(docKey):]
			}
			sets = append(sets, queueSet(in.lane, of))
		}
	}
	for _, set := range sets {
		if c.sets[set] == nil {
			c.sets[set] = map[string]bool{}
		}
	}
	return nil
}
