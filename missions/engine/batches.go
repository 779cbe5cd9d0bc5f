package engine

import (
	"encoding/json"
	"math"

	"missioncontrol/missions"
)

// NeedBatch adds a batch.
func (e *Engine) NeedBatch(n *Need, id *string) { e.needDocs(n, docBatch+*id) }

// editBatch returns a batch for changes. It exists.
func (e *Engine) editBatch(id string) *batch {
	b := e.batch(id)
	e.setDoc(docBatch+id, b)
	return b
}

// makeBatch returns a batch for changes, and creates it if it does not exist.
func (e *Engine) makeBatch(id string) *batch {
	if e.batch(id) != nil {
		return e.editBatch(id)
	}
	b := &batch{open: true, createdAt: e.now}
	e.setDoc(docBatch+id, b)
	e.member(setBatches, b.member(id), false)
	e.idle(id, b)
	return b
}

// member returns the member of a batch of the set of all, in which the youngest is the first.
func (b *batch) member(id string) string { return inOrder(math.MaxInt64-int64(b.createdAt), id) }

// idle notes since when a batch has no missions, or that it has some.
func (e *Engine) idle(id string, b *batch) {
	if b.idleAt != 0 {
		e.member(setIdle, inOrder(int64(b.idleAt), id), true)
		b.idleAt = 0
	}
	if b.total() == 0 {
		b.idleAt = e.now
		e.member(setIdle, inOrder(int64(b.idleAt), id), false)
	}
}

// countInBatch counts a mission of a batch under another status; "" is none.
func (e *Engine) countInBatch(id string, from, to missions.Status) {
	if e.batch(id) == nil { // the store has lost it
		return
	}
	b := e.editBatch(id)
	if from != "" {
		b.byStatus[from.Index()]--
	}
	if to != "" {
		b.byStatus[to.Index()]++
	}
	if (from == "" || to == "") && (b.idleAt != 0) != (b.total() == 0) {
		e.idle(id, b)
	}
	e.batchChanged(id, b)
}

// batchChanged notes that a batch has ended, or goes on.
func (e *Engine) batchChanged(id string, b *batch) {
	if b.follow(e.now) && b.waiters > 0 {
		e.wake(&wake{source: batchSource(id), upTo: e.marks.Outbox, status: b.outcome, result: b.result(id)})
	}
}

// follow notes that the batch has ended, or goes on, and reports whether it ends now.
func (b *batch) follow(now missions.Time) (ends bool) {
	switch ended := !b.open && b.living() == 0; {
	case !ended:
		b.endedAt, b.outcome = 0, ""
		return false
	case b.endedAt != 0:
		return false
	}
	b.endedAt, b.outcome = now, missions.Failed
	if b.byStatus[missions.Completed.Index()] == b.total() {
		b.outcome = missions.Completed
	}
	return true
}

// result returns what those get as a result that wait for a batch.
func (b *batch) result(id string) []byte {
	public := b.public(id)
	text, _ := json.Marshal(struct {
		Total    int64                     `json:"total"`
		ByStatus map[missions.Status]int64 `json:"by_status"`
	}{public.Total, public.ByStatus}) // numbers always marshal
	return text
}

// leaveBatch takes a member out of the set of a batch.
func (e *Engine) leaveBatch(id, member string) {
	e.member(setWaiters+batchSource(id), member, true)
	if e.batch(id) != nil { // or else the store has lost it
		e.editBatch(id).waiters--
	}
}

// CloseBatch closes a batch, and creates it if it does not exist. See [missions.Missions].
func (e *Engine) CloseBatch(id *string) missions.BatchResult {
	if b := e.batch(*id); b != nil && !b.open {
		return missions.BatchResult{Batch: b.public(*id)}
	}
	b := e.makeBatch(*id)
	b.open = false
	e.batchChanged(*id, b)
	return missions.BatchResult{Batch: b.public(*id)}
}

// NeedRetain adds what [Engine.Retain] needs.
func (e *Engine) NeedRetain(n *Need, ids []string) {
	e.NeedMissions(n, ids...)
	list, loaded := e.members[setIdle]
	if !loaded {
		n.Ranges = append(n.Ranges, Range{Set: setIdle, Limit: idleAtOnce})
		return
	}
	for _, member := range list.members {
		e.needDocs(n, docBatch+BatchOfMember(member))
	}
}

// idleAtOnce bounds how many batches one Retain deletes.
const idleAtOnce = 200

// retainBatches deletes batches that have had no missions for some time, and for which none waits.
func (e *Engine) retainBatches(cutoff missions.Time) {
	for _, member := range e.members[setIdle].members {
		id := BatchOfMember(member)
		b := e.batch(id)
		switch {
		case b == nil || inOrder(int64(b.idleAt), id) != member:
			e.member(setIdle, member, true)
		case b.idleAt > cutoff || b.waiters > 0:
		default:
			e.setDoc(docBatch+id, nil)
			e.member(setIdle, member, true)
			e.member(setBatches, b.member(id), true)
		}
	}
	clear(e.members) // what comes behind it in the batch may have changed it
}
