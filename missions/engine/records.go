package engine

import (
	"container/list"

	"missioncontrol/missions"
)

// records keeps records of missions that were used lately. Those that the current batch
// has changed stay until it ends.
//
// A mission that is known not to exist, or that cannot be reached, is remembered for one batch.
type records struct {
	most        int
	size        int
	byID        map[string]*list.Element // of *keptRecord
	recent      *list.List               // most recently used first
	absent      map[string]bool          // missions that do not exist, as loaded for the current batch
	unreachable map[string]error         // missions that cannot be reached, and why
	changed     []*keptRecord            // in the current batch, in order
}

type keptRecord struct {
	id      string
	record  *Record
	before  *Record // as it was before the current batch; nil for a new mission
	changed bool    // in the current batch
	size    int
}

func (c *records) init(most int) {
	*c = records{most: most, byID: map[string]*list.Element{}, recent: list.New(), absent: map[string]bool{}, unreachable: map[string]error{}}
}

// known reports whether it is known what the mission with this id is, or that there is none, or
// that this cannot be known.
func (c *records) known(id string) bool {
	_, kept := c.byID[id]
	return kept || c.absent[id] || c.unreachable[id] != nil
}

// get returns a mission's record, or nil if there is no such mission. The caller must not
// change it.
func (c *records) get(id string) *Record {
	element := c.byID[id]
	if element == nil {
		return nil
	}
	c.recent.MoveToFront(element)
	return element.Value.(*keptRecord).record
}

// supply adds a record as loaded, unless the mission is known already.
func (c *records) supply(r *Record) {
	if c.known(r.ID) {
		return
	}
	c.keep(&keptRecord{id: r.ID, record: r})
}

func (c *records) keep(k *keptRecord) {
	k.size = k.record.SizeEstimate()
	c.size += k.size
	c.byID[k.id] = c.recent.PushFront(k)
}

// edit returns a mission's record for changes.
func (c *records) edit(id string) *Record {
	k := c.byID[id].Value.(*keptRecord)
	if !k.changed {
		fork := *k.record
		if fork.Flow != nil {
			flow := *fork.Flow
			fork.Flow = &flow
		}
		k.changed, k.before, k.record = true, k.record, &fork
		c.changed = append(c.changed, k)
	}
	return k.record
}

// add adds a new mission.
func (c *records) add(r *Record) {
	delete(c.absent, r.ID)
	k := &keptRecord{id: r.ID, record: r, changed: true}
	c.keep(k)
	c.changed = append(c.changed, k)
}

// remove deletes a mission.
func (c *records) remove(id string) {
	element := c.byID[id]
	c.edit(id)
	k := element.Value.(*keptRecord)
	k.record = nil
	c.recent.Remove(element)
	delete(c.byID, id)
	c.size -= k.size
	c.absent[id] = true
}

// settle adds what the batch has changed to its changes, and forgets what is too much.
func (c *records) settle(changes *Changes) {
	for _, k := range c.changed {
		if k.before != nil || k.record != nil {
			changes.Missions = append(changes.Missions, MissionChange{Before: k.before, After: k.record})
			changes.flowParts(k.before, k.record)
		}
		k.changed, k.before = false, nil
		if k.record != nil {
			size := k.record.SizeEstimate()
			c.size += size - k.size
			k.size = size
		}
	}
	clear(c.changed)
	c.changed = c.changed[:0]
	clear(c.absent)
	clear(c.unreachable)
	for c.size > c.most && c.recent.Len() > 0 {
		last := c.recent.Back()
		k := last.Value.(*keptRecord)
		c.recent.Remove(last)
		delete(c.byID, k.id)
		c.size -= k.size
	}
}

// record returns a mission's record, or why there is none: an ErrNotFound, or an ErrUnavailable.
func (e *Engine) record(id string) (*Record, error) {
	if r := e.records.get(id); r != nil {
		return r, nil
	}
	if err := e.records.unreachable[id]; err != nil {
		return nil, err
	}
	return nil, missions.NotFound("mission", id)
}

// isUnreachable reports whether a mission cannot be reached.
func (e *Engine) isUnreachable(id string) bool { return e.records.unreachable[id] != nil }
