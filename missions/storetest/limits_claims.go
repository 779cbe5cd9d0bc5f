package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"missioncontrol/missions"
)

// hall is where agents wait until something has changed that may let them start a mission.
type hall struct {
	mu      sync.Mutex
	changed *sync.Cond
	changes int
	waiting int
	over    bool // the limit does not change any more
	left    int  // missions that have not ended
	stuck   bool
}

func newHall(left int) *hall {
	h := &hall{left: left}
	h.changed = sync.NewCond(&h.mu)
	return h
}

// change notes that something has changed.
func (h *hall) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	h.changes++
	h.changed.Broadcast()
}

func (h *hall) seen() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

// wait waits until something has changed since. It reports whether there is something left to do.
func (h *hall) wait(since, agents int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting++
	for h.changes == since && h.left > 0 && !h.stuck {
		if h.waiting == agents && h.over {
			h.stuck = true
		}
		h.changed.Broadcast() // to the one that changes the limit
		if !h.stuck {
			h.changed.Wait()
		}
	}
	h.waiting--
	return h.left > 0 && !h.stuck
}

// pass waits until so many changes have happened since, or nobody has anything to do.
func (h *hall) pass(since, changes, agents int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.changes < since+changes && h.waiting < agents && h.left > 0 {
		h.changed.Wait()
	}
}

// testLimitsWhileClaiming changes a limit while many agents claim under it.
func testLimitsWhileClaiming(s *suite) {
	s.run("never one too many, and nobody is stuck", func(f *fixture) {
		const agents, each = 32, 10
		begin := f.checkpoint()
		keys := map[string]string{}
		var batch []missions.Mission
		for i := range agents * each {
			m := limited(fmt.Sprintf("m%03d", i), fmt.Sprintf("k%d", i%5), "l")
			keys[m.ID] = m.Key
			batch = append(batch, m)
		}
		f.create(batch...)
		h := newHall(len(batch))
		var work sync.WaitGroup
		for i := range agents {
			id := fmt.Sprintf("w%02d", i)
			f.register(id, "t")
			work.Go(func() { f.claimAll(h, id, 1+i%2, agents) })
		}
		specs := f.changeLimit(h, agents)
		work.Wait()
		if h.stuck || h.left > 0 {
			f.Fatalf("%d missions are left, and no agent gets one", h.left)
		}
		f.checkStarts(f.inOrder(begin), specs, keys)
		f.wantRecount()
	})
}

// claimAll claims missions and completes them until there are no more.
func (f *fixture) claimAll(h *hall, agent string, most, agents int) {
	for {
		since := h.seen()
		claimed := f.claim(agent, most)
		if len(claimed) == 0 {
			if !h.wait(since, agents) {
				return
			}
			continue
		}
		for _, m := range claimed {
			f.finish(completion(m, `1`))
			h.change(func() { h.left-- })
		}
	}
}

// changeLimit sets, pauses and deletes a limit, again and again. It returns what the limit was like after each change; nil
// for deleted.
func (f *fixture) changeLimit(h *hall, agents int) (specs []*missions.LimitSpec) {
	for i := range 48 {
		since := h.seen()
		l := missions.LimitSpec{Name: "l"}
		switch i % 6 {
		case 0:
			l.Total = pointer(int64(1 + i%7))
		case 1:
			l.Total, l.PerKey = pointer(int64(3+i%11)), pointer(int64(1+i%3))
		case 2:
			l.Paused = true
		case 3:
			l.PerKey, l.Keys = pointer(int64(2)), map[string]missions.KeyLimit{"k1": {Paused: true}, "k2": {PerKey: pointer(int64(1))}}
		case 4:
			l.Total = pointer(int64(0))
		case 5:
			_, err := f.Store.DeleteLimit(f.ctx, missions.DeleteLimitRequest{Name: "l"})
			f.must(err)
			specs = append(specs, nil)
			h.change(func() {})
			h.pass(since, 4, agents)
			continue
		}
		f.setLimit(l)
		specs = append(specs, &l)
		h.change(func() {})
		h.pass(since, 8, agents)
	}
	h.change(func() { h.over = true })
	return specs
}

// inOrder returns the events since a checkpoint, in the order in which they happened.
func (f *fixture) inOrder(since checkpoint) []missions.Event {
	f.Helper()
	events := f.events(since)
	slices.SortFunc(events, func(a, b missions.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return events
}

// checkStarts checks that every mission has started while the limit let it.
func (f *fixture) checkStarts(events []missions.Event, specs []*missions.LimitSpec, keys map[string]string) {
	f.Helper()
	var limit *missions.LimitSpec
	running, ofKey, starts, changes := int64(0), map[string]int64{}, 0, 0
	for i := range events {
		e := &events[i]
		switch {
		case e.Kind == missions.EventLimitChanged:
			limit = specs[changes]
			changes++
		case e.Kind == missions.EventStatusChanged && e.NewStatus == missions.Running:
			running++
			ofKey[keys[e.MissionID]]++
			starts++
			if why := exceeds(limit, running, ofKey[keys[e.MissionID]], keys[e.MissionID]); why != "" {
				f.Errorf("%s has started although %s, after %d changes", e.MissionID, why, changes)
			}
		case e.Kind == missions.EventStatusChanged && e.OldStatus == missions.Running:
			running--
			ofKey[keys[e.MissionID]]--
		}
	}
	if changes != len(specs) || starts != len(keys) {
		f.Errorf("%d changes of the limit and %d starts, want %d and %d", changes, starts, len(specs), len(keys))
	}
}

// exceeds says what a limit does not allow of missions that run; "" if it allows them.
func exceeds(l *missions.LimitSpec, running, ofKey int64, key string) string {
	if l == nil {
		return ""
	}
	bound := cmp.Or(l.Keys[key].PerKey, l.PerKey)
	switch {
	case l.Paused:
		return "the limit is paused"
	case l.Keys[key].Paused:
		return "its key is paused"
	case l.Total != nil && running > *l.Total:
		return fmt.Sprintf("%d run, of %d", running, *l.Total)
	case bound != nil && ofKey > *bound:
		return fmt.Sprintf("%d of its key run, of %d", ofKey, *bound)
	}
	return ""
}
