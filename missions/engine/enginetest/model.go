package enginetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// model is a data set in its simplest form: lists that every step walks from end to end. It
// has no windows, no caches, no indexes and no counters.
type model struct {
	list   []modelMission // by age
	agents map[string]modelAgent
	tokens int64
}

type modelMission struct {
	id, kind  string
	priority  missions.Priority
	most      int
	timeout   time.Duration
	stall     time.Duration
	deadline  missions.Time
	notBefore missions.Time

	status   missions.Status
	attempt  int
	agent    string
	readyAt  missions.Time // while PENDING
	queued   bool          // while PENDING: it can be claimed
	token    int64
	expires  missions.Time // while RUNNING
	ends     missions.Time // while RUNNING: by its timeout; 0 for never
	stalls   missions.Time // while RUNNING: without progress; 0 for never
	missed   int
	finished missions.Time
	report   string // who ended the latest attempt by which report
	lines    int    // in its log
}

type modelAgent struct {
	types    []string
	state    missions.AgentState
	left     bool
	heard    missions.Time
	silence  time.Duration
	changed  missions.Time
	capacity int
}

func (m *model) clone() *model {
	return &model{list: slices.Clone(m.list), agents: maps.Clone(m.agents), tokens: m.tokens}
}

func (m *model) find(id string) *modelMission {
	for i := range m.list {
		if m.list[i].id == id {
			return &m.list[i]
		}
	}
	return nil
}

// held returns the missions that an agent holds.
func (m *model) held(agent string) (held []*modelMission) {
	for i := range m.list {
		if x := &m.list[i]; x.status == missions.Running && x.agent == agent {
			held = append(held, x)
		}
	}
	return held
}

// same reports whether two missions are what is can tell apart.
func (x *modelMission) same(y *modelMission) bool {
	return x.id == y.id && x.status == y.status && x.attempt == y.attempt && x.agent == y.agent && x.token == y.token &&
		x.queued == y.queued && x.readyAt == y.readyAt && x.expires == y.expires && x.finished == y.finished && x.lines == y.lines
}

// is returns a mission as text.
func (x *modelMission) is() string {
	return fmt.Sprintf("%s %s attempt %d agent %q token %d queued %t ready %d expires %d finished %d lines %d",
		x.id, x.status, x.attempt, x.agent, x.token, x.queued, x.readyAt, x.expires, x.finished, x.lines)
}

// to changes a mission's status, which is a line of its log.
func (x *modelMission) to(status missions.Status) { x.status, x.lines = status, x.lines+1 }

// wait puts a PENDING mission into the queue, or lets it wait for its time.
func (x *modelMission) wait(now, from missions.Time) { x.readyAt, x.queued = from, from <= now }

func (x *modelMission) back(now, from missions.Time) {
	x.to(missions.Pending)
	x.agent, x.expires = "", 0
	x.wait(now, from)
}

func (x *modelMission) end(now missions.Time, status missions.Status) {
	x.to(status)
	x.expires, x.queued, x.finished = 0, false, now
}

// failed ends an attempt that failed: the mission waits, or has failed with its last one.
func (x *modelMission) failed(now missions.Time, wait time.Duration, report string) {
	x.report = report
	if x.attempt >= x.most {
		x.end(now, missions.Failed)
		return
	}
	x.back(now, now.Add(wait))
}

// create answers "created", "exists" or "conflict".
func (m *model) create(x modelMission, now missions.Time) string {
	if old := m.find(x.id); old != nil {
		if old.kind == x.kind && old.priority == x.priority && old.most == x.most && old.timeout == x.timeout &&
			old.stall == x.stall && old.deadline == x.deadline && old.notBefore == x.notBefore {
			return "exists"
		}
		return "conflict"
	}
	x.status, x.lines = missions.Pending, 1
	x.wait(now, max(now, x.notBefore))
	m.list = append(m.list, x)
	return "created"
}

// claim answers with the missions and their tokens.
func (m *model) claim(q *missions.ClaimRequest, now missions.Time) string {
	agent := q.AgentID
	a, known := m.agents[agent]
	switch {
	case !known:
		return "not_found"
	case a.left || a.state == missions.Draining:
		return "conflict"
	}
	if q.Alive {
		a.state, a.heard, a.changed = missions.Online, now, now
		m.agents[agent] = a
	}
	var queue []*modelMission
	for i := range m.list {
		if x := &m.list[i]; x.queued && slices.Contains(a.types, x.kind) {
			queue = append(queue, x)
		}
	}
	slices.SortStableFunc(queue, func(x, y *modelMission) int { return cmp.Compare(y.priority.Rank(), x.priority.Rank()) })
	answer := "claimed"
	for _, x := range queue[:min(len(queue), q.Max)] {
		m.tokens++
		x.to(missions.Running)
		x.attempt, x.agent, x.token, x.queued, x.missed = x.attempt+1, agent, m.tokens, false, 0
		x.expires, x.ends, x.stalls = now.Add(q.Lease), 0, 0
		if x.timeout > 0 {
			x.ends = now.Add(x.timeout)
		}
		if x.stall > 0 {
			x.stalls = now.Add(x.stall)
		}
		answer += fmt.Sprintf(" %s:%d", x.id, x.token)
	}
	return answer
}

// holder answers why a report under a lease is refused, "" if it is not.
func (m *model) holder(agent, id string, token int64) (*modelMission, string) {
	x := m.find(id)
	switch {
	case x == nil:
		return nil, "not_found"
	case x.status != missions.Running || x.agent != agent || x.token != token:
		return x, "lease_lost"
	}
	return x, ""
}

// finish answers with the mission's status.
func (m *model) finish(f *missions.Finish, wait time.Duration, now missions.Time) string {
	x, refused := m.holder(f.AgentID, f.MissionID, f.Lease)
	report := fmt.Sprint(f.Outcome, f.AgentID, f.Lease, f.Error, string(f.Result))
	switch {
	case refused == "lease_lost" && x.report == report && f.Outcome != missions.OutcomeRelease &&
		(x.status == missions.Completed) == (f.Outcome == missions.OutcomeComplete):
		return string(x.status)
	case refused != "":
		return refused
	case f.Outcome == missions.OutcomeComplete:
		x.report = report
		x.end(now, missions.Completed)
	case f.Outcome == missions.OutcomeRelease:
		x.attempt--
		x.back(now, now)
	case f.Retryable:
		x.failed(now, wait, report)
	default:
		x.report = report
		x.end(now, missions.Failed)
	}
	return string(x.status)
}

// progress answers "ok" or why it is refused. line says that it is a log entry.
func (m *model) progress(agent, id string, token int64, line bool, now missions.Time) string {
	x, refused := m.holder(agent, id, token)
	if refused != "" {
		return refused
	}
	if x.stall > 0 {
		x.stalls = now.Add(x.stall)
	}
	if line {
		x.lines++
	}
	return "ok"
}

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
			if x.failed(now, 0, ""); x.status == missions.Pending {
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
		case x != nil && x.status == missions.Cancelled && x.agent == h.AgentID && x.token == ref.Lease:
			cancelled = append(cancelled, ref.MissionID)
		default:
			lost = append(lost, ref.MissionID)
		}
		said[ref.MissionID] = true
	}
	return fmt.Sprint(givenUp, " ", cancelled, " ", lost)
}

// change answers with the mission's status, "gone", or why it is refused.
func (m *model) change(what, id string, now missions.Time) string {
	x := m.find(id)
	if x == nil {
		return "not_found"
	}
	switch ended := x.status.Terminal(); {
	case what == "cancel" && !ended:
		x.end(now, missions.Cancelled)
	case what == "retry" && (x.status == missions.Failed || x.status == missions.Cancelled) && (x.deadline == 0 || x.deadline > now):
		x.to(missions.Pending)
		x.attempt, x.agent, x.finished, x.report = 0, "", 0, ""
		x.wait(now, max(now, x.notBefore))
	case what == "delete" && x.status != missions.Running:
		m.list = slices.DeleteFunc(m.list, func(y modelMission) bool { return y.id == id })
		return "gone"
	default:
		return "conflict"
	}
	return string(x.status)
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
		x.attempt--
		x.back(now, now)
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
		x.failed(now, 0, "")
	}
	if a.state != missions.Offline {
		a.state, a.changed = missions.Offline, now
		m.agents[id] = a
	}
	return fmt.Sprint("took back ", len(held))
}

// due answers how many missions were taken from their holders, and which agents went
// offline. It has no limit.
func (m *model) due(wait time.Duration, now missions.Time) string {
	stopped := 0
	past := func(at missions.Time) bool { return at != 0 && at <= now }
	for i := range m.list {
		x := &m.list[i]
		switch {
		case x.status != missions.Running:
			continue
		case past(x.ends) || past(x.stalls):
			x.failed(now, wait, "")
		case past(x.expires):
			x.failed(now, 0, "")
		default:
			continue
		}
		stopped++
	}
	offline := []string{}
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		a := m.agents[id]
		if a.state == missions.Offline || a.heard.Add(a.silence) > now {
			continue
		}
		for _, x := range m.held(id) {
			x.failed(now, 0, "")
			stopped++
		}
		a.state, a.left, a.changed = missions.Offline, false, now
		m.agents[id] = a
		offline = append(offline, id)
	}
	for i := range m.list {
		x := &m.list[i]
		switch {
		case x.status != missions.Pending:
		case past(x.deadline):
			x.report = ""
			x.end(now, missions.Failed)
		case !x.queued && past(x.readyAt):
			x.queued = true
		}
	}
	return fmt.Sprint("stopped ", stopped, " offline ", offline)
}

// retain answers how many missions were deleted.
func (m *model) retain(retention time.Duration, now missions.Time) string {
	cutoff := now.Add(-retention)
	before := len(m.list)
	m.list = slices.DeleteFunc(m.list, func(x modelMission) bool { return x.finished != 0 && x.finished <= cutoff })
	for id, a := range m.agents {
		if a.state == missions.Offline && a.changed <= cutoff && len(m.held(id)) == 0 {
			delete(m.agents, id)
		}
	}
	return fmt.Sprint("deleted ", before-len(m.list))
}

// shift moves what lasts for some time by a step of the clock.
func (m *model) shift(by time.Duration, now missions.Time) {
	for i := range m.list {
		x := &m.list[i]
		switch {
		case x.status == missions.Running:
			for _, at := range []*missions.Time{&x.expires, &x.ends, &x.stalls} {
				if *at != 0 {
					*at = at.Add(by)
				}
			}
		case x.status == missions.Pending && !x.queued && x.attempt > 0:
			x.wait(now, x.readyAt.Add(by))
		}
	}
	for id, a := range m.agents {
		if a.state != missions.Offline {
			a.heard = a.heard.Add(by)
			m.agents[id] = a
		}
	}
}
