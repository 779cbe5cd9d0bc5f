package enginetest

import (
	"cmp"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// modelBatch is a batch; what it counts is counted anew each time.
type modelBatch struct {
	open    bool
	ended   missions.Time
	outcome missions.Status
	idle    missions.Time // since when it has no missions
}

// modelWake is an end of which nobody has been told yet.
type modelWake struct {
	at     int64
	source string
	status missions.Status
	again  bool
}

// hasEnded follows the end of a mission.
func (m *model) hasEnded(x *modelMission, now missions.Time) {
	if f := x.flows; f != nil {
		f.waits, f.until, f.childAt = false, 0, 0
		m.freeKey(x, now)
		if x.status == missions.Completed {
			f.checkpoint = ""
		}
	}
	m.wake(modelWake{at: m.at, source: "m/" + x.id, status: x.status})
}

// wake notes an end, if anybody is to be told of it.
func (m *model) wake(w modelWake) {
	if w.again || len(m.registered(w.source)) > 0 {
		m.wakes = append(m.wakes, w)
		slices.SortStableFunc(m.wakes, func(a, b modelWake) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.name(), b.name())) })
	}
}

func (w *modelWake) name() string {
	if w.again {
		return w.source + ":again"
	}
	return w.source
}

// members counts the missions of a batch by status.
func (m *model) members(batch string) (counts map[missions.Status]int64, total, living int64) {
	counts = map[missions.Status]int64{}
	for _, status := range missions.Statuses() {
		counts[status] = 0
	}
	for i := range m.list {
		if x := &m.list[i]; x.flows != nil && x.flows.batch == batch {
			counts[x.status]++
			if total++; !x.status.Terminal() {
				living++
			}
		}
	}
	return counts, total, living
}

// batchChanged notes whether a batch has ended, and whether it has missions.
func (m *model) batchChanged(id string, now missions.Time) {
	if id == "" {
		return
	}
	b := m.batches[id]
	counts, total, living := m.members(id)
	switch {
	case total > 0:
		b.idle = 0
	case b.idle == 0:
		b.idle = now
	}
	switch {
	case b.open || living > 0:
		b.ended, b.outcome = 0, ""
	case b.ended == 0:
		b.ended, b.outcome = now, missions.Failed
		if counts[missions.Completed] == total {
			b.outcome = missions.Completed
		}
		m.wake(modelWake{at: m.at, source: "b/" + id, status: b.outcome})
	}
	m.batches[id] = b
}

func (m *model) closeBatch(id string, now missions.Time) {
	b, there := m.batches[id]
	if there && !b.open {
		return
	}
	b.open = false
	m.batches[id] = b
	m.batchChanged(id, now)
}

// tell tells everybody of every end, and answers how many had to stop.
func (m *model) tell(now missions.Time) (stopped int) {
	for len(m.wakes) > 0 {
		w := m.wakes[0]
		m.wakes = slices.Clone(m.wakes[1:])
		if w.again {
			m.tellAgain(&w, now)
			continue
		}
		for _, of := range m.registered(w.source) {
			x := m.find(of.id)
			switch f := x.flows; {
			case of.at > w.at:
			case of.place == children && f.childAt == of.at:
				if f.childAt = 0; w.status != missions.Completed {
					if x.status == missions.Running {
						stopped++
					}
					m.end(x, now, missions.Cancelled)
					f.cancelledBy, f.cancelledAt = w.source, w.at
				}
			case of.place != children && f.waits && f.waitAt == of.at && f.conditions[of.place].outcome == "":
				c := &f.conditions[of.place]
				x.changed = now
				if c.outcome = string(w.status); !c.meets() {
					m.cannotGoOn(x, now, w.source, w.at)
				} else if f.open() == 0 {
					m.goOn(x, now)
				}
			}
		}
	}
	return stopped
}

// tellAgain retries those that an end had cancelled.
func (m *model) tellAgain(w *modelWake, now missions.Time) {
	var list []registered
	for i := range m.list {
		if f := m.list[i].flows; f != nil && f.cancelledBy == w.source && f.cancelledAt <= w.at {
			list = append(list, registered{at: f.cancelledAt, id: m.list[i].id})
		}
	}
	slices.SortFunc(list, func(a, b registered) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	for _, of := range list {
		if x := m.find(of.id); !m.retry(x, now, &missions.RetryRequest{Dependents: true}, false) {
			x.flows.cancelledBy, x.flows.cancelledAt = "", 0
		}
	}
}

// retry reports whether a mission that has ended can go on.
func (m *model) retry(x *modelMission, now missions.Time, q *missions.RetryRequest, override bool) bool {
	if x.status != missions.Failed && x.status != missions.Cancelled || x.deadline != 0 && x.deadline <= now {
		return false
	}
	if k, held := m.keyNow(x.unique().key, now); held && k.holder != x.id {
		return false
	}
	if x.attempt > 0 {
		x.flow().extra += x.attempt
	}
	x.attempt, x.agent, x.finished, x.report = 0, "", 0, ""
	m.to(x, now, missions.Pending)
	unmet := -1
	if x.flows != nil || q.Dependents {
		x.flow()
		unmet = m.retryFlow(x, now, q, override)
	}
	m.enqueue(x, now, max(now, x.notBefore))
	if f := x.flows; unmet >= 0 && !f.parked && f.unmet != missions.UnmetRun {
		m.cannotGoOn(x, now, f.conditions[unmet].source, m.at)
	}
	return true
}

func (m *model) retryFlow(x *modelMission, now missions.Time, q *missions.RetryRequest, override bool) (unmet int) {
	f := x.flows
	m.takeKey(x, true, now)
	f.cancelledBy, f.cancelledAt, f.signals, f.stopped, f.timedOut = "", 0, nil, 0, false
	if q.Fresh {
		f.checkpoint = ""
	}
	if q.Dependents {
		m.wake(modelWake{at: m.at, source: "m/" + x.id, again: true})
	}
	if p := m.find(f.parent); p != nil && !p.status.Terminal() && !f.detached {
		f.childAt = m.at
	}
	unmet = -1
	for i := range f.conditions {
		c := &f.conditions[i]
		switch {
		case c.meets():
		case m.exists(c.source):
			c.outcome = ""
		default:
			if c.outcome = cmp.Or(c.outcome, string(missions.Cancelled)); !override && unmet < 0 && !c.meets() {
				unmet = i
			}
		}
	}
	if unmet >= 0 || f.open() == 0 {
		return unmet
	}
	return m.resolve(x, now, override)
}

// retainBatches forgets batches that have had no missions for some time.
func (m *model) retainBatches(cutoff missions.Time, idle map[string]bool) {
	for _, id := range slices.Sorted(maps.Keys(m.batches)) {
		if b := m.batches[id]; idle[id] && b.idle != 0 && b.idle <= cutoff && len(m.registered("b/"+id)) == 0 {
			delete(m.batches, id)
		}
	}
}
