package enginetest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// lose has the backend lose what documents and sets say of missions, has it recounted, and begins another term. From
// then on, everything goes on as if nothing was lost. It does so for a backend in memory, and while no wake-ups
// are stored: which ones were lost could not be told.
func (w *world) lose() error {
	b, inMemory := w.backend.Backend.(*Memory)
	if err := w.commit(noFault); err != nil || !inMemory || len(b.sets["wakes"]) > 0 {
		return err
	}
	before := b.counts()
	b.loseCounts()
	b.loseLanes()
	w.is.turns = modelTurns{map[string]int64{}, map[string]int64{}} // all begin anew
	w.engine, w.old = nil, nil
	epoch, from, err := b.Begin(w.ctx)
	if err != nil {
		return err
	}
	err = engine.Recount(w.ctx, b, from, w.now(), b.flows(), b.unready(), func(c *engine.Changes) error {
		return b.Commit(w.ctx, epoch, c)
	})
	if after := b.counts(); err == nil && after != before {
		err = fmt.Errorf("counted anew is %s, want %s", after, before)
	}
	return err
}

// counts returns what the model does not have: how many missions wait for each, and the sets for statistics.
func (b *Memory) counts() string {
	counted := map[string]string{}
	for key, body := range b.docs {
		if strings.HasPrefix(key, "n/") {
			counted[key] = fmt.Sprintf("%x", body)
		}
	}
	for _, set := range []string{"asks", "budgets"} {
		counted[set] = fmt.Sprint(slices.Sorted(maps.Keys(b.sets[set])))
	}
	return fmt.Sprint(counted)
}

// loseCounts loses what Recount finds, and has stale members in some sets.
func (b *Memory) loseCounts() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, set := range slices.Sorted(maps.Keys(b.sets)) {
		switch source, waiters := strings.CutPrefix(set, "w/"); {
		case waiters && len(b.sets[set])%2 == 1: // somebody who has not waited for long
			b.sets[set] = map[string]bool{"0000000000000001:00:" + source: true}
		case waiters || set == "asks" || set == "budgets" || strings.HasPrefix(set, "x/"):
			delete(b.sets, set)
		}
	}
	b.loseKeys()
	for key, body := range b.docs {
		if strings.HasPrefix(key, "n/") {
			delete(b.docs, key)
		}
		if id, isBatch := strings.CutPrefix(key, "b/"); isBatch {
			if is, err := engine.DecodeBatch(id, body); err == nil && is.Open && is.Total > 0 {
				delete(b.docs, key)
				maps.DeleteFunc(b.sets["batches"], func(member string, _ bool) bool { return engine.BatchOfMember(member) == id })
			}
		}
	}
	for id, r := range b.byID {
		if r.Flow != nil {
			lost, flow := *r, *r.Flow
			flow.Awaited = false
			lost.Flow, b.byID[id] = &flow, &lost
		}
	}
	for name, t := range b.totals {
		lost := *t
		lost.Waiting = [4]int64{7}
		b.totals[name] = &lost
	}
}

// loseLanes loses some of what is stored of lanes, and what leases say of them.
func (b *Memory) loseLanes() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, set := range slices.Sorted(maps.Keys(b.sets)) {
		if kind := set[:2]; (kind == "r/" || kind == "k/") && i%2 == 0 {
			delete(b.sets, set)
		}
	}
	for i, key := range slices.Sorted(maps.Keys(b.docs)) {
		if kind := key[:2]; (kind == "a/" || kind == "q/" || kind == "p/") && i%3 == 0 {
			delete(b.docs, key)
		}
	}
	for seq, l := range b.leases {
		l.Key, l.Limits = "", nil
		b.leases[seq] = l
	}
}

// loseKeys loses who holds keys, as far as missions say it, and has stale members in the sets of keys.
func (b *Memory) loseKeys() {
	lost := func(id string) bool { return id == "" || b.byID[id] != nil && b.byID[id].Flow.Unique.ForSeconds == 0 }
	for name, body := range b.docs {
		key, unique := strings.CutPrefix(name, engine.UniqueKeyDoc(""))
		if k, err := engine.DecodeUniqueKey(body); unique && err == nil && !k.Ended && lost(k.Holder) && lost(k.Next) {
			delete(b.docs, name)
			delete(b.sets["unique"], key)
		}
	}
	if len(b.sets["unique"]) > 0 {
		b.sets["unique"]["nobody's"] = true
	}
	if len(b.sets["until"]) > 0 {
		b.sets["until"] = map[string]bool{"0000000000000001:nobody's": true}
	}
}

// flows returns all missions that have a flow.
func (b *Memory) flows() iter.Seq2[*engine.Record, error] {
	return func(yield func(*engine.Record, error) bool) {
		for _, r := range values(b.byID) {
			if r.Flow != nil && !yield(r, nil) {
				return
			}
		}
	}
}

// unready counts the PENDING missions of each type that cannot be claimed yet.
func (b *Memory) unready() map[string]int64 {
	n := map[string]int64{}
	for _, r := range b.byID {
		if r.Status == missions.Pending && !r.Ready {
			n[r.Type]++
		}
	}
	return n
}
