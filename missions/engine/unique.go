package engine

import (
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// The sets and documents of unique keys. A data set in which nobody uses them has none.
const (
	setUnique = "unique" // keys that are held
	setUntil  = "until"  // keys that are held for some time, behind the time at which Due looks at them

	docUnique = "u/" // and a key: who holds it
)

// uniqueKey says who holds a key. The holder lives, or it has ended and its time has not passed. Behind a holder that
// lives, one mission may wait: in the step in which the holder ends, it becomes the holder.
type uniqueKey struct {
	holder    string
	until     missions.Time // up to when the key is held even if the holder has ended; 0: not at all
	ended     bool          // the holder has ended
	next      string        // who waits behind the holder, "" for nobody
	nextUntil missions.Time // its until
}

func uniqueKeyOf(c *codec.Codec, k *uniqueKey) {
	codec.Text(c, &k.holder)
	codec.Number(c, &k.until)
	codec.Flag(c, &k.ended)
	codec.Text(c, &k.next)
	codec.Number(c, &k.nextUntil)
}

// dueAt returns when Due looks at the key, 0 for never.
func (k *uniqueKey) dueAt() missions.Time {
	switch {
	case k == nil:
		return 0
	case k.until == 0 || k.nextUntil != 0 && k.nextUntil < k.until:
		return k.nextUntil
	}
	return k.until
}

// uniqueKey returns who holds a key, as its document says; nil if nobody does.
func (e *Engine) uniqueKey(key string) *uniqueKey {
	k, _ := e.doc(docUnique + key).(*uniqueKey)
	return k
}

// setUniqueKey changes who holds a key; nil if nobody does any more.
func (e *Engine) setUniqueKey(key string, is *uniqueKey) {
	was := e.uniqueKey(key)
	if is == nil {
		e.setDoc(docUnique+key, nil)
	} else {
		e.setDoc(docUnique+key, is)
	}
	if (was == nil) != (is == nil) {
		e.member(setUnique, key, is == nil)
	}
	if before, after := was.dueAt(), is.dueAt(); before != after {
		if before != 0 {
			e.notUntil(inOrder(int64(before), key))
		}
		if after != 0 {
			member := inOrder(int64(after), key)
			e.member(setUntil, member, false)
			e.until.add(member)
		}
	}
}

// notUntil takes a member out of the set of keys at which Due looks.
func (e *Engine) notUntil(member string) {
	e.member(setUntil, member, true)
	e.until.remove(member)
}

// needUnique adds what the creation of a mission with a key needs, which may end those that hold it and wait for it.
func (e *Engine) needUnique(n *Need, key string) {
	e.needDocs(n, docUnique+key)
	k, _ := e.docs.byKey[docUnique+key].(*uniqueKey)
	if k == nil {
		return
	}
	e.NeedMissions(n, k.holder)
	e.needDocs(n, docCount+k.holder)
	if k.next != "" {
		e.NeedMissions(n, k.next)
	}
}

// heldKey returns who holds a key at present, nil if nobody does. It needs the holder's record.
func (e *Engine) heldKey(key string) *uniqueKey {
	k := e.uniqueKey(key)
	if k == nil {
		return nil
	}
	if r := e.records.get(k.holder); !k.ended && (e.records.absent[k.holder] || r != nil && r.Status.Terminal()) {
		c := *k // the store has lost its holder, or that it lives
		c.ended, k = true, &c
	}
	if k.ended && k.until <= e.now {
		return nil
	}
	return k
}

// conflict returns the answer to the creation of a mission whose key is held, or nil if it can be created.
func (e *Engine) conflict(m *missions.Mission) *missions.CreateResult {
	k := e.heldKey(m.Unique.Key)
	if k == nil {
		return nil
	}
	keeps := m.Unique.OnConflict == missions.ConflictKeep
	holder := e.records.get(k.holder)
	var err error
	switch {
	case e.isUnreachable(k.holder):
		err = e.records.unreachable[k.holder]
	case !keeps && e.isUnreachable(k.next):
		err = e.records.unreachable[k.next]
	case keeps && holder.holds(m.Unique.Key):
		if m.CloseBatch {
			e.CloseBatch(&m.Batch)
		}
		return &missions.CreateResult{Mission: e.output(holder)}
	case keeps:
		err = missions.Conflict("the unique key %q is held until %s by mission %q, which is deleted; with on_conflict replace, another mission takes it",
			m.Unique.Key, k.until.Time().UTC().Format(time.RFC3339), k.holder)
	case m.ParentID != "" && !k.ended && (m.ParentID == k.holder || m.ParentID == k.next):
		err = missions.Conflict("the unique key %q is held by mission %q, the parent: a child can neither replace it nor wait for it", m.Unique.Key, m.ParentID)
	case m.Unique.OnConflict == missions.ConflictReplacePending && holder != nil && holder.Status == missions.Running && e.inSet(k.holder) >= missions.MaxWaiters:
		err = missions.Overloaded("unique.key: %d missions wait for mission %q already", missions.MaxWaiters, k.holder)
	default:
		return nil
	}
	return &missions.CreateResult{Err: err}
}

// holds reports whether a mission is one with a key.
func (r *Record) holds(key string) bool {
	return r != nil && r.Flow != nil && r.Flow.Unique != nil && r.Flow.Unique.Key == key
}

// makeWay cancels the missions that a new one replaces, and returns them.
func (e *Engine) makeWay(m *missions.Mission) (replaced []missions.Stopped) {
	k := e.heldKey(m.Unique.Key)
	if k == nil || k.ended {
		return nil
	}
	for _, id := range []string{k.next, k.holder} { // or else the one behind would become the holder
		r := e.records.get(id)
		if r == nil || r.Status.Terminal() || r.Status == missions.Running && m.Unique.OnConflict != missions.ConflictReplace {
			continue
		}
		stopped := missions.Stopped{MissionID: id}
		if r.Status == missions.Running {
			stopped.AgentID = string(r.AgentID)
		}
		replaced = append(replaced, stopped)
		e.mustEnd(e.records.edit(id), missions.Cancel, "replaced by mission "+m.ID)
	}
	return replaced
}

// takeKey has a new mission hold its key. If another one holds it that is RUNNING, the mission has to wait for its
// end, and takeKey returns it.
func (e *Engine) takeKey(r *Record) (behind string) {
	u := r.Flow.Unique
	if k := e.heldKey(u.Key); k != nil && !k.ended {
		after := *k
		after.next, after.nextUntil = r.ID, e.heldUntil(r)
		e.setUniqueKey(u.Key, &after)
		return k.holder
	}
	e.setUniqueKey(u.Key, &uniqueKey{holder: r.ID, until: e.heldUntil(r)})
	return ""
}

// takeKeyAgain has a mission that is retried hold its key, which nobody else holds.
func (e *Engine) takeKeyAgain(r *Record) {
	key, until := r.Flow.Unique.Key, e.heldUntil(r)
	if k := e.uniqueKey(key); k != nil && k.holder == r.ID {
		until = k.until // it has followed the clock
	}
	e.setUniqueKey(key, &uniqueKey{holder: r.ID, until: until})
}

// heldUntil returns up to when a mission holds its key even if it has ended, 0 for not at all.
func (e *Engine) heldUntil(r *Record) missions.Time {
	d := missions.Seconds(r.Flow.Unique.ForSeconds)
	if until := r.CreatedAt.Add(d); d > 0 && until > e.now {
		return until
	}
	return 0
}

// checkRetryKey returns why a mission that has ended cannot take its key again.
func (e *Engine) checkRetryKey(r *Record) error {
	if r.Flow == nil || r.Flow.Unique == nil {
		return nil
	}
	key := r.Flow.Unique.Key
	if k := e.heldKey(key); k != nil && k.holder != r.ID {
		return missions.Conflict("the unique key %q of mission %q is held by mission %q", key, r.ID, k.holder)
	}
	return nil
}

// freeKey follows the end of a mission that holds a key, or waits for it.
func (e *Engine) freeKey(r *Record) {
	key := r.Flow.Unique.Key
	k := e.uniqueKey(key)
	if k == nil {
		return
	}
	is := *k
	switch {
	case k.next == r.ID:
		is.next, is.nextUntil = "", 0
	case k.holder != r.ID:
		return
	case k.next != "":
		is = uniqueKey{holder: k.next, until: k.nextUntil}
	case k.until > e.now:
		is.ended = true
	default:
		e.setUniqueKey(key, nil)
		return
	}
	e.setUniqueKey(key, &is)
}

// staysBehind reports whether a mission that need not wait for the rest of its conditions has to wait for the end of
// the one that holds its key; then it waits for nothing else.
func (e *Engine) staysBehind(r *Record) bool {
	at := e.placeBehind(r)
	if at < 0 {
		return false
	}
	e.unqueue(r)
	for i, o := range r.Flow.Outcomes {
		if o == open && i != at {
			e.unregister(r, i)
		}
	}
	r.Flow.waive(at)
	r.Flow.Until, r.UpdatedAt = 0, e.now
	e.enqueue(r, e.now)
	return true
}

// placeBehind returns the place of the condition by which a mission waits for the end of the one that holds its key, -1
// if it does not.
func (e *Engine) placeBehind(r *Record) int {
	f := r.Flow
	if f.Unique == nil {
		return -1
	}
	k := e.uniqueKey(f.Unique.Key)
	if k == nil || k.next != r.ID {
		return -1
	}
	at := len(f.Conditions) - 1 // see beginFlow
	if at < 0 || f.Conditions[at].Mission != k.holder || f.Outcomes[at] != open {
		return -1
	}
	return at
}

// waitBehind has a new mission that runs whatever becomes of its conditions, of which one cannot be met, wait for nothing
// but the end of the mission that holds its key, its last condition.
func (e *Engine) waitBehind(r *Record) {
	f := r.Flow
	timeout := f.Timeout
	f.waive(len(f.Conditions) - 1)
	f.Timeout = 0 // this wait has no limit
	e.resolve(r, false)
	f.Timeout = timeout
}

// waive gives up all open conditions but one.
func (f *Flow) waive(but int) {
	for i, o := range f.Outcomes {
		if o == open && i != but {
			f.setOutcome(i, waived)
		}
	}
}

// HeldKey says who holds a unique key.
type HeldKey struct {
	Holder string
	Until  missions.Time // up to when the key is held even if the holder has ended
	Ended  bool          // the holder has ended

	Next      string // the mission that waits behind the holder
	NextUntil missions.Time
}

// UniqueKeyDoc returns the key of the document that says who holds a unique key.
func UniqueKeyDoc(key string) string { return docUnique + key }

// DecodeUniqueKey returns who holds a unique key from the document that a backend has of it.
func DecodeUniqueKey(body []byte) (HeldKey, error) {
	value, err := decodeDoc(docUnique, body)
	if err != nil {
		return HeldKey{}, err
	}
	k := value.(*uniqueKey)
	return HeldKey{Holder: k.holder, Until: k.until, Ended: k.ended, Next: k.next, NextUntil: k.nextUntil}, nil
}
