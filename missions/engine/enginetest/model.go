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

	batches map[string]modelBatch
	wakes   []modelWake // in order
	at      int64       // the position of the latest event, as far as order goes
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
	flows    *modelFlow
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
	c := &model{list: slices.Clone(m.list), agents: maps.Clone(m.agents), tokens: m.tokens, batches: maps.Clone(m.batches), wakes: m.wakes, at: m.at}
	for i := range c.list {
		c.list[i].flows = c.list[i].flows.clone()
	}
	return c
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
func (m *model) to(x *modelMission, now missions.Time, status missions.Status) {
	m.at++
	x.status, x.lines = status, x.lines+1
	if x.flows != nil {
		m.batchChanged(x.flows.batch, now)
	}
}

// wait puts a PENDING mission into the queue, or lets it wait for its time.
func (x *modelMission) wait(now, from missions.Time) { x.readyAt, x.queued = from, from <= now }

func (m *model) back(x *modelMission, now, from missions.Time) {
	m.to(x, now, missions.Pending)
	x.agent, x.expires = "", 0
	x.wait(now, from)
}

// uncounted gives a mission back whose attempt does not count.
func (m *model) uncounted(x *modelMission, now missions.Time) {
	x.attempt--
	x.flow().extra++
	m.back(x, now, now)
}

func (m *model) end(x *modelMission, now missions.Time, status missions.Status) {
	m.to(x, now, status)
	x.expires, x.queued, x.finished = 0, false, now
	m.hasEnded(x)
}

// failed ends an attempt that failed: the mission waits, or has failed with its last one.
func (m *model) failed(x *modelMission, now missions.Time, wait time.Duration, report string) {
	x.report = report
	if x.attempt >= x.most {
		m.end(x, now, missions.Failed)
		return
	}
	m.back(x, now, now.Add(wait))
}

// create answers "created", "exists", or why it is refused.
func (m *model) create(x modelMission, now missions.Time) string {
	if old := m.find(x.id); old != nil {
		if old.kind == x.kind && old.priority == x.priority && old.most == x.most && old.timeout == x.timeout &&
			old.stall == x.stall && old.deadline == x.deadline && old.notBefore == x.notBefore && old.spec() == x.spec() {
			if x.flows != nil && x.flows.closes {
				m.closeBatch(x.flows.batch, now)
			}
			return "exists"
		}
		return "conflict"
	}
	if refused := m.refusesFlow(&x); refused != "" {
		return refused
	}
	m.at++
	x.status, x.lines = missions.Pending, 1
	m.list = append(m.list, x)
	is := &m.list[len(m.list)-1]
	unmet := m.begin(is, now)
	m.enqueue(is, now, max(now, x.notBefore))
	if f := is.flows; unmet >= 0 && f.unmet != missions.UnmetRun {
		m.cannotGoOn(is, now, f.conditions[unmet].source, m.at)
	}
	if f := is.flows; f != nil && f.closes {
		m.closeBatch(f.batch, now)
	}
	return "created"
}

func (x *modelMission) spec() string {
	if x.flows == nil {
		return ""
	}
	return x.flows.spec
}

// claim answers with the missions, their tokens and turns, and how many signals they carry.
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
		m.to(x, now, missions.Running)
		if x.flows != nil {
			x.flows.stopped = 0
		}
		x.attempt, x.agent, x.token, x.queued, x.missed = x.attempt+1, agent, m.tokens, false, 0
		x.expires, x.ends, x.stalls = now.Add(q.Lease), 0, 0
		if x.timeout > 0 {
			x.ends = now.Add(x.timeout)
		}
		if x.stall > 0 {
			x.stalls = now.Add(x.stall)
		}
		_, unseen := x.unseen()
		answer += fmt.Sprintf(" %s:%d turn %d, %d signals", x.id, x.token, x.turn(), unseen)
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
func (m *model) finish(f *missions.Finish, park []modelCondition, wait time.Duration, now missions.Time) string {
	x, refused := m.holder(f.AgentID, f.MissionID, f.Lease)
	report := fmt.Sprint(f.Outcome, f.AgentID, f.Lease, f.Error, string(f.Result))
	final := fmt.Sprint("exceeded", f.AgentID, f.Lease)
	switch {
	case refused == "lease_lost" && f.Outcome == missions.OutcomeFail && x.report == final:
		return string(x.status)
	case refused == "lease_lost" && x.report == report && f.Outcome != missions.OutcomeRelease &&
		(x.status == missions.Completed) == (f.Outcome == missions.OutcomeComplete):
		return string(x.status)
	case refused != "":
		return refused
	}
	if f.Park != nil {
		if refused := m.refuses(x.id, park); refused != "" {
			return refused
		}
	}
	exceeded := m.reports(x, &f.Report)
	timeout := time.Duration(0)
	if f.Park != nil {
		timeout = time.Duration(f.Park.TimeoutSeconds * float64(time.Second))
	}
	if f.RetryAfter != nil {
		wait = time.Duration(*f.RetryAfter * float64(time.Second))
	}
	switch {
	case f.Outcome == missions.OutcomeComplete:
		x.report = report
		m.end(x, now, missions.Completed)
	case exceeded && (f.Outcome == missions.OutcomeRelease || f.Retryable):
		m.exceeded(x, now, park, timeout)
		if f.Outcome == missions.OutcomeFail {
			if x.report = report; x.status == missions.Failed {
				x.report = final
			}
		}
	case f.Outcome == missions.OutcomeRelease && (len(park) > 0 || timeout > 0):
		m.park(x, now, park, timeout)
	case f.Outcome == missions.OutcomeRelease:
		m.uncounted(x, now)
	case f.Retryable:
		m.failed(x, now, wait, report)
	default:
		x.report = report
		m.end(x, now, missions.Failed)
	}
	return string(x.status)
}

// progress answers "ok", "stopped", or why it is refused.
func (m *model) progress(p *missions.ProgressUpdate, now missions.Time) string {
	x, refused := m.holder(p.AgentID, p.MissionID, p.Lease)
	if refused != "" {
		return refused
	}
	x.moved(now)
	if m.reports(x, &p.Report) {
		m.exceeded(x, now, nil, 0)
		return "stopped"
	}
	return "ok"
}

// line answers "ok" or why a log entry is refused.
func (m *model) line(agent string, ref missions.LeaseRef, now missions.Time) string {
	x, refused := m.holder(agent, ref.MissionID, ref.Lease)
	if refused != "" {
		return refused
	}
	x.moved(now)
	x.lines++
	return "ok"
}

func (x *modelMission) moved(now missions.Time) {
	if x.stall > 0 {
		x.stalls = now.Add(x.stall)
	}
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

// change answers with the mission's status, "gone", or why it is refused.
func (m *model) change(what, id string, q *missions.RetryRequest, now missions.Time) string {
	x := m.find(id)
	if x == nil {
		return "not_found"
	}
	switch ended := x.status.Terminal(); {
	case what == "cancel" && !ended:
		m.end(x, now, missions.Cancelled)
	case what == "retry" && m.retry(x, now, q, true):
	case what == "delete" && x.status != missions.Running:
		if !ended {
			m.end(x, now, missions.Cancelled)
		}
		m.remove(id, now)
		return "gone"
	default:
		return "conflict"
	}
	return string(x.status)
}

func (m *model) remove(id string, now missions.Time) {
	x := *m.find(id)
	m.list = slices.DeleteFunc(m.list, func(y modelMission) bool { return y.id == id })
	if x.flows != nil {
		m.batchChanged(x.flows.batch, now)
	}
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
		default:
			x.queued = true
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
		}
	}
	for id, a := range m.agents {
		if a.state != missions.Offline {
			a.heard = a.heard.Add(by)
			m.agents[id] = a
		}
	}
}
