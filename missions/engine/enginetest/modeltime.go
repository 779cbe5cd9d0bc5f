package enginetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// heartbeat answers with what was given up, cancelled and lost.
func (m *model) heartbeat(h *missions.Heartbeat, now missions.Time) string {
	a, known := m.agents[h.AgentID]
	if !known || a.left {
		return "not_found"
	}
	a.state, a.heard, a.changed, a.silence = missions.Online, now, now, h.Lease
	if h.Draining {
		a.state = missions.Draining
	}
	m.agents[h.AgentID] = a
	givenUp, cancelled, lost := 0, []string{}, []string{}
	for _, x := range m.held(h.AgentID) {
		switch {
		case h.Receiving || slices.Contains(h.Running, missions.LeaseRef{MissionID: x.id, Lease: x.token}):
			x.expires, x.missed = now.Add(h.Lease), 0
		case x.missed == 0:
			x.missed = 1
		default:
			if m.failed(x, now, 0, ""); x.status == missions.Pending {
				givenUp++
			}
		}
	}
	said := map[string]bool{} // a mission is answered for once, and not if its lease holds
	for _, ref := range h.Running {
		if _, refused := m.holder(h.AgentID, ref.MissionID, ref.Lease); refused == "" {
			said[ref.MissionID] = true
		}
	}
	for _, ref := range h.Running {
		x, _ := m.holder(h.AgentID, ref.MissionID, ref.Lease)
		switch {
		case said[ref.MissionID]:
		case x != nil && x.flows != nil && x.flows.stopped == ref.Lease,
			x != nil && x.status == missions.Cancelled && x.agent == h.AgentID && x.token == ref.Lease:
			cancelled = append(cancelled, ref.MissionID)
		default:
			lost = append(lost, ref.MissionID)
		}
		said[ref.MissionID] = true
	}
	return fmt.Sprint(givenUp, " ", cancelled, " ", lost, " ", m.seen(h))
}

// seen answers which signals of the missions that a heartbeat lists are still not seen.
func (m *model) seen(h *missions.Heartbeat) (left []missions.SignalRef) {
	for _, ref := range h.Seen {
		if x := m.find(ref.MissionID); x != nil && x.flows != nil && x.status == missions.Running && x.agent == h.AgentID {
			for i := range x.flows.signals {
				x.flows.signals[i].seen = x.flows.signals[i].seen || i < ref.Seq
			}
		}
	}
	for _, x := range m.held(h.AgentID) {
		listed := slices.ContainsFunc(h.Running, func(ref missions.LeaseRef) bool { return ref.MissionID == x.id })
		if last, _ := x.unseen(); last > 0 && listed {
			left = append(left, missions.SignalRef{MissionID: x.id, Seq: last})
		}
	}
	slices.SortFunc(left, func(a, b missions.SignalRef) int { return cmp.Compare(a.MissionID, b.MissionID) })
	return left
}

func (m *model) register(id string, types []string, silence time.Duration, now missions.Time) {
	m.agents[id] = modelAgent{types: types, state: missions.Online, heard: now, changed: now, silence: silence, capacity: 2}
}

// leave answers how many missions were given back.
func (m *model) leave(id string, now missions.Time) string {
	a, known := m.agents[id]
	if !known {
		return "not_found"
	}
	held := m.held(id)
	for _, x := range held {
		m.uncounted(x, now)
	}
	if a.state != missions.Offline {
		a.state, a.changed = missions.Offline, now
	}
	a.left = true
	m.agents[id] = a
	return fmt.Sprint("gave back ", len(held))
}

// lost answers how many missions were taken back.
func (m *model) lost(id string, since, now missions.Time) string {
	a, known := m.agents[id]
	switch {
	case !known:
		return "not_found"
	case a.heard > since:
		return "alive"
	}
	held := m.held(id)
	for _, x := range held {
		m.failed(x, now, 0, "")
	}
	if a.state != missions.Offline {
		a.state, a.changed = missions.Offline, now
		m.agents[id] = a
	}
	return fmt.Sprint("took back ", len(held))
}

// due answers how many missions were taken from their holders, and which agents went
// offline. What is due at one time is done in the order of what the engine has stopped.
func (m *model) due(stopped []missions.Stopped, silent []string, wait time.Duration, now missions.Time) string {
	taken := 0
	past := func(at missions.Time) bool { return at != 0 && at <= now }
	for _, x := range m.inOrder(stopped) {
		switch {
		case x.status != missions.Running:
			continue
		case past(x.ends) || past(x.stalls):
			m.failed(x, now, wait, "")
		case past(x.expires):
			m.failed(x, now, 0, "")
		default:
			continue
		}
		taken++
	}
	offline := []string{}
	for _, id := range append(slices.Clone(silent), slices.Sorted(maps.Keys(m.agents))...) {
		a, there := m.agents[id]
		if !there || a.state == missions.Offline || a.heard.Add(a.silence) > now {
			continue
		}
		for _, x := range m.held(id) {
			m.failed(x, now, 0, "")
			taken++
		}
		a.state, a.left, a.changed = missions.Offline, false, now
		m.agents[id] = a
		offline = append(offline, id)
	}
	slices.Sort(offline)
	m.planned(now)
	taken += m.tell(now)
	m.occur(now)
	m.keysPass(now)
	return fmt.Sprint("stopped ", taken, " offline ", offline)
}

// inOrder returns all missions: first those that were stopped.
func (m *model) inOrder(stopped []missions.Stopped) (list []*modelMission) {
	for _, s := range stopped {
		if x := m.find(s.MissionID); x != nil {
			list = append(list, x)
		}
	}
	for i := range m.list {
		if x := &m.list[i]; !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// planned does what is due with PENDING missions, the earliest first.
func (m *model) planned(now missions.Time) {
	var list []*modelMission
	for i := range m.list {
		if x := &m.list[i]; x.status == missions.Pending && x.dueAt() != 0 && x.dueAt() <= now {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b *modelMission) int { return cmp.Compare(a.dueAt(), b.dueAt()) })
	for _, x := range list {
		switch {
		case x.deadline != 0 && x.deadline <= now:
			x.report = ""
			m.end(x, now, missions.Failed)
		case x.waits():
			if x.flows.parked || x.flows.unmet == missions.UnmetRun {
				x.flows.timedOut = true
			}
			m.cannotGoOn(x, now, "", 0)
		case x.queued: // others can have it now
			x.flows.preferUntil = 0
		default:
			x.wait(now, x.readyAt)
		}
	}
}

// retain answers how many missions were deleted.
func (m *model) retain(retention time.Duration, now missions.Time) string {
	cutoff := now.Add(-retention)
	idle := map[string]bool{}
	for id, b := range m.batches {
		idle[id] = b.idle != 0
	}
	deleted := 0
	for _, x := range slices.Clone(m.list) {
		if x.finished != 0 && x.finished <= cutoff {
			m.remove(x.id, now)
			deleted++
		}
	}
	for id, a := range m.agents {
		if a.state == missions.Offline && a.changed <= cutoff && len(m.held(id)) == 0 {
			delete(m.agents, id)
		}
	}
	m.retainBatches(cutoff, idle)
	return fmt.Sprint("deleted ", deleted)
}

// shift moves what lasts for some time by a step of the clock.
func (m *model) shift(by time.Duration, now missions.Time) {
	m.shiftLimits(by)
	m.shiftKeys(by)
	for i := range m.list {
		x := &m.list[i]
		switch {
		case x.status == missions.Running:
			for _, at := range []*missions.Time{&x.expires, &x.ends, &x.stalls} {
				if *at != 0 {
					*at = at.Add(by)
				}
			}
		case x.waits():
			if x.flows.until != 0 {
				x.flows.until = x.flows.until.Add(by)
			}
		case x.status == missions.Pending && !x.queued && x.attempt > 0:
			x.wait(now, x.readyAt.Add(by))
		case x.withheld():
			x.readyAt, x.flows.preferUntil = min(x.readyAt.Add(by), now), x.flows.preferUntil.Add(by)
			if x.flows.preferUntil <= now {
				x.flows.preferUntil = 0
			}
		}
	}
	for id, a := range m.agents {
		if a.state != missions.Offline {
			a.heard = a.heard.Add(by)
			m.agents[id] = a
		}
	}
}
