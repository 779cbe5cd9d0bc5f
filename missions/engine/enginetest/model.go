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

	schedules []modelSchedule // by id
	limits    []modelLimit    // by name; replaced, never changed but by their steps
	turns     modelTurns
	now       missions.Time // of the batch

	batches map[string]modelBatch
	keys    map[string]modelKey // unique ones
	wakes   []modelWake         // in order
	spent   float64             // by all missions, also those that are deleted
	at      int64               // the position of the latest event, as far as order goes
	seq     missions.Time       // given last to a mission
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
	created  missions.Time
	changed  missions.Time // but for reports of its holder
	started  missions.Time // while RUNNING
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
	c := &model{list: slices.Clone(m.list), agents: maps.Clone(m.agents), tokens: m.tokens, batches: maps.Clone(m.batches), wakes: m.wakes, spent: m.spent, at: m.at, seq: m.seq,
		schedules: slices.Clone(m.schedules), limits: slices.Clone(m.limits), turns: m.turns.clone(), now: m.now, keys: maps.Clone(m.keys)}
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
	x.status, x.lines, x.changed = status, x.lines+1, now
	if x.flows != nil {
		m.batchChanged(x.flows.batch, now)
	}
}

// wait puts a PENDING mission into the queue, or lets it wait for its time.
func (x *modelMission) wait(now, from missions.Time) {
	x.readyAt, x.queued = from, from <= now
	x.prefer(now)
}

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
	x.unqueue()
	x.expires, x.finished = 0, now
	m.hasEnded(x, now)
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

// create answers "created" and how many it replaces, "exists", which one is kept instead, or why it is refused.
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
	if answer := m.conflicts(&x, now); answer != "" {
		return answer
	}
	if refused := m.refusesFlow(&x); refused != "" {
		return refused
	}
	replaced := m.makeWay(&x, now)
	m.at++
	m.seq = max(now, m.seq+1)
	x.status, x.lines, x.created, x.changed = missions.Pending, 1, m.seq, m.seq
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
	return fmt.Sprint("created, replaced ", replaced)
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
		m.alive(agent, now)
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
		answer += m.give(x, q, now)
	}
	return answer
}

func (m *model) alive(agent string, now missions.Time) {
	a := m.agents[agent]
	a.state, a.heard, a.changed = missions.Online, now, now
	m.agents[agent] = a
}

// give makes an agent the holder of a mission.
func (m *model) give(x *modelMission, q *missions.ClaimRequest, now missions.Time) string {
	m.tokens++
	m.to(x, now, missions.Running)
	if x.flows != nil {
		x.flows.stopped = 0
	}
	x.unqueue()
	x.attempt, x.agent, x.token, x.missed, x.started = x.attempt+1, q.AgentID, m.tokens, 0, now
	x.expires, x.ends, x.stalls = now.Add(q.Lease), 0, 0
	if x.timeout > 0 {
		x.ends = now.Add(x.timeout)
	}
	if x.stall > 0 {
		x.stalls = now.Add(x.stall)
	}
	_, unseen := x.unseen()
	return fmt.Sprintf(" %s:%d turn %d, %d signals", x.id, x.token, x.turn(), unseen)
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
	if l := m.limit(f.Limit); f.Limit != "" && (l == nil || !l.applies(x)) {
		return "invalid_request"
	}
	if f.Park != nil {
		batch := ""
		if x.flows != nil {
			batch = x.flows.batch
		}
		if refused := m.refuses(x.id, batch, park); refused != "" {
			return refused
		}
	}
	exceeded := m.reports(x, &f.Report)
	x.prefersAs(f.Park)
	if f.Limit != "" {
		m.closes(f.Limit, time.Duration(*f.RetryAfter*float64(time.Second)))
	}
	timeout := parkedFor(f.Park)
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

func parkedFor(p *missions.Park) time.Duration {
	if p == nil {
		return 0
	}
	return missions.Seconds(p.TimeoutSeconds)
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
