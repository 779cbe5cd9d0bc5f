package enginetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
)

// modelFlow is what a mission waits for, keeps, spends and is told.
type modelFlow struct {
	spec     string // what its creator has given
	unmet    missions.OnUnmet
	max      float64 // usd; 0 for none
	ask      bool
	parent   string
	detached bool
	batch    string
	closes   bool // as given: its batch is closed

	conditions []modelCondition // of its latest wait
	timeout    time.Duration
	waits      bool
	parked     bool
	timedOut   bool
	waitAt     int64 // after which event the wait began
	until      missions.Time
	childAt    int64 // after which event it became a child; 0 for not being one that lives

	extra       int // turns that are no attempts
	checkpoint  string
	turns       []float64 // the last report of usage of each turn
	signals     []modelSignal
	cancelledBy string
	cancelledAt int64
	stopped     int64
}

type modelCondition struct {
	source  string // "m/ID", "b/ID" or "s/NAME"
	ended   bool   // it is met by any end
	choices bool
	outcome string // "" while there is none, "signalled", or a status
}

func (c *modelCondition) meets() bool {
	return c.outcome == "signalled" || c.outcome == string(missions.Completed) || c.outcome != "" && c.ended
}

type modelSignal struct {
	name, data, id string
	seen, used     bool
}

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

func (f *modelFlow) clone() *modelFlow {
	if f == nil {
		return nil
	}
	c := *f
	c.conditions, c.turns, c.signals = slices.Clone(f.conditions), slices.Clone(f.turns), slices.Clone(f.signals)
	return &c
}

// flow returns a mission's flow for changes.
func (x *modelMission) flow() *modelFlow {
	if x.flows == nil {
		x.flows = &modelFlow{}
	}
	return x.flows
}

func (x *modelMission) waits() bool { return x.flows != nil && x.flows.waits }

func (f *modelFlow) open() (n int) {
	for i := range f.conditions {
		if f.conditions[i].outcome == "" {
			n++
		}
	}
	return n
}

func (f *modelFlow) used() (sum float64) {
	for _, n := range f.turns {
		sum += n
	}
	return sum
}

func (f *modelFlow) asks() bool { return f.ask && f.max > 0 && f.used() > f.max }

// dueAt is when something is due with a PENDING mission.
func (x *modelMission) dueAt() missions.Time {
	at := missions.Time(0)
	if x.waits() {
		at = x.flows.until
	} else if !x.queued {
		at = x.readyAt
	}
	if x.deadline != 0 && (at == 0 || x.deadline < at) {
		at = x.deadline
	}
	return at
}

// registered are those that stand in the set of a source, in order.
type registered struct {
	at    int64
	place int // of the condition; children for a child
	id    string
}

const children = 0xff

func (m *model) registered(source string) (list []registered) {
	for i := range m.list {
		x := &m.list[i]
		f := x.flows
		if f == nil {
			continue
		}
		if f.childAt != 0 && source == "m/"+f.parent {
			list = append(list, registered{f.childAt, children, x.id})
		}
		for place := range f.conditions {
			if c := &f.conditions[place]; f.waits && c.outcome == "" && c.source == source {
				list = append(list, registered{f.waitAt, place, x.id})
			}
		}
	}
	slices.SortFunc(list, func(a, b registered) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place), cmp.Compare(a.id, b.id))
	})
	return list
}

// outcome returns how a source has ended, "" if it has not.
func (m *model) outcome(source string) string {
	if x := m.find(strings.TrimPrefix(source, "m/")); source[0] == 'm' && x != nil && x.status.Terminal() {
		return string(x.status)
	}
	if source[0] == 'b' {
		return string(m.batches[source[2:]].outcome)
	}
	return ""
}

func (m *model) exists(source string) bool {
	_, batch := m.batches[source[2:]]
	return source[0] == 's' || source[0] == 'm' && m.find(source[2:]) != nil || source[0] == 'b' && batch
}

// refuses returns why a mission cannot wait for conditions.
func (m *model) refuses(id string, conditions []modelCondition) string {
	for i := range conditions {
		source := conditions[i].source
		if !m.exists(source) || source[0] == 'm' && m.waitsFor(source[2:], id) {
			return "invalid_request"
		}
	}
	return ""
}

func (m *model) waitsFor(waiter, id string) bool {
	x := m.find(waiter)
	return x != nil && x.waits() && slices.ContainsFunc(x.flows.conditions, func(c modelCondition) bool { return c.outcome == "" && c.source == "m/"+id })
}

// refusesFlow returns why a mission cannot be created.
func (m *model) refusesFlow(x *modelMission) string {
	f := x.flows
	if f == nil {
		return ""
	}
	if p := m.find(f.parent); f.parent != "" {
		switch {
		case p == nil || m.waitsFor(f.parent, x.id):
			return "invalid_request"
		case p.status.Terminal():
			return "conflict"
		}
	}
	if b, there := m.batches[f.batch]; there && !b.open {
		return "conflict"
	}
	return m.refuses(x.id, f.conditions)
}

// begin enters a new mission where it belongs.
func (m *model) begin(x *modelMission, now missions.Time) (unmet int) {
	f := x.flows
	if f == nil {
		return -1
	}
	if f.batch != "" {
		if _, there := m.batches[f.batch]; !there {
			m.batches[f.batch] = modelBatch{open: true}
		}
		m.batchChanged(f.batch, now)
	}
	if f.parent != "" && !f.detached {
		f.childAt = m.at
	}
	if len(f.conditions) == 0 {
		return -1
	}
	return m.resolve(x, now, false)
}

// wait begins a wait.
func (m *model) wait(x *modelMission, now missions.Time, conditions []modelCondition, timeout time.Duration) {
	f := x.flow()
	f.conditions, f.timeout, f.parked, f.timedOut = conditions, timeout, true, false
	m.resolve(x, now, false)
}

// resolve lets those conditions have their outcome that have one, and the mission wait for the others.
func (m *model) resolve(x *modelMission, now missions.Time, override bool) (unmet int) {
	f := x.flow()
	f.waits, f.until, unmet = false, 0, -1
	for i := range f.conditions {
		c := &f.conditions[i]
		if c.outcome != "" {
			continue
		}
		if c.source[0] == 's' {
			f.useStored(i)
			continue
		}
		if c.outcome = m.outcome(c.source); c.outcome != "" && !c.meets() && !override && unmet < 0 {
			unmet = i
		}
	}
	if unmet >= 0 || f.open() == 0 && (len(f.conditions) > 0 || f.timeout == 0) {
		return unmet
	}
	m.at++
	f.waits, f.waitAt = true, m.at
	if f.timeout > 0 {
		f.until = now.Add(f.timeout)
	}
	return -1
}

// answer reports whether data answers a condition.
func (f *modelFlow) answer(c *modelCondition, data string) bool {
	if c.source == "s/budget" && f.asks() {
		budget := missions.Usage{}
		return json.Unmarshal([]byte(data), &budget) == nil && len(budget) > 0 && budget["usd"] >= f.used()
	}
	return !c.choices || data == `"yes"` || data == `"no"`
}

// take lets a signal meet a condition.
func (f *modelFlow) take(place, signal int) {
	c, s := &f.conditions[place], &f.signals[signal]
	if c.source == "s/budget" && f.asks() {
		budget := missions.Usage{}
		_ = json.Unmarshal([]byte(s.data), &budget) // it was an answer
		f.max = budget["usd"]
	}
	c.outcome, s.used = "signalled", true
}

func (f *modelFlow) useStored(place int) {
	c := &f.conditions[place]
	for i := range f.signals {
		if s := &f.signals[i]; !s.used && !s.seen && "s/"+s.name == c.source && !(len(s.data) > 512 && c.choices) && f.answer(c, s.data) {
			f.take(place, i)
			return
		}
	}
}

// enqueue lets a PENDING mission be claimable from a time on, unless it waits.
func (m *model) enqueue(x *modelMission, now, from missions.Time) {
	if x.waits() {
		x.readyAt, x.queued = 0, false
		return
	}
	x.wait(now, from)
}

// goOn ends a wait.
func (m *model) goOn(x *modelMission, now missions.Time) {
	x.flows.waits, x.flows.until = false, 0
	m.at++
	x.wait(now, max(now, x.notBefore))
}

func (m *model) cannotGoOn(x *modelMission, now missions.Time, source string, at int64) {
	f := x.flows
	switch {
	case f.parked || f.unmet == missions.UnmetRun:
		m.goOn(x, now)
	case f.unmet == missions.UnmetFail:
		x.report = ""
		m.end(x, now, missions.Failed)
	default:
		m.end(x, now, missions.Cancelled)
		f.cancelledBy, f.cancelledAt = source, at
	}
}

// hasEnded follows the end of a mission.
func (m *model) hasEnded(x *modelMission) {
	if f := x.flows; f != nil {
		f.waits, f.until, f.childAt = false, 0, 0
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

// signal answers with what became of a signal.
func (m *model) signal(q *missions.SignalRequest, now missions.Time) string {
	x := m.find(q.MissionID)
	if x == nil {
		return "not_found"
	}
	if f := x.flows; f != nil && q.SignalID != "" {
		for i := range f.signals {
			if s := &f.signals[i]; s.id == q.SignalID {
				return fmt.Sprint(i+1, " ", x.delivery(s.used), " again")
			}
		}
	}
	place := -1
	switch {
	case x.status.Terminal():
		return "conflict"
	case x.waits():
		f := x.flows
		place = slices.IndexFunc(f.conditions, func(c modelCondition) bool { return c.outcome == "" && c.source == "s/"+q.Name })
		if place >= 0 && !f.answer(&f.conditions[place], string(q.Data)) {
			return "invalid_request"
		}
	}
	f := x.flow()
	m.at++
	f.signals = append(f.signals, modelSignal{name: q.Name, data: string(q.Data), id: q.SignalID})
	said := fmt.Sprint(len(f.signals), " ", x.delivery(place >= 0))
	if place >= 0 {
		if f.take(place, len(f.signals)-1); f.open() == 0 {
			m.goOn(x, now)
		}
	}
	return said
}

func (x *modelMission) delivery(used bool) missions.Delivery {
	switch {
	case used:
		return missions.DeliveredWaiting
	case x.status == missions.Running:
		return missions.DeliveredRunning
	}
	return missions.DeliveredStored
}

// unseen returns the number of the last signal that no agent has seen, and how many those are.
func (x *modelMission) unseen() (last, n int) {
	if x.flows == nil {
		return 0, 0
	}
	for i := range x.flows.signals {
		if !x.flows.signals[i].seen {
			last, n = i+1, n+1
		}
	}
	return last, n
}

// reports stores a report of the holder, and reports whether it exceeds the maximum.
func (m *model) reports(x *modelMission, r *missions.Report) bool {
	if r.Checkpoint != nil {
		x.flow().checkpoint = string(r.Checkpoint)
	}
	if len(r.Usage) == 0 {
		return false
	}
	f := x.flow()
	for len(f.turns) < x.turn() {
		f.turns = append(f.turns, 0)
	}
	last := &f.turns[x.turn()-1]
	*last = max(*last, r.Usage["usd"])
	return f.max > 0 && f.used() > f.max
}

func (x *modelMission) turn() int {
	if x.flows == nil {
		return x.attempt
	}
	return x.attempt + x.flows.extra
}

// exceeded ends an attempt that has used too much.
func (m *model) exceeded(x *modelMission, now missions.Time, also []modelCondition, timeout time.Duration) {
	f := x.flow()
	f.stopped = x.token
	if !f.ask {
		x.report = ""
		m.end(x, now, missions.Failed)
		return
	}
	conditions := []modelCondition{{source: "s/budget"}}
	for _, c := range also {
		if c.source != "s/budget" {
			conditions = append(conditions, c)
		}
	}
	m.park(x, now, conditions, timeout)
}

func (m *model) park(x *modelMission, now missions.Time, conditions []modelCondition, timeout time.Duration) {
	x.attempt--
	x.flow().extra++
	m.to(x, now, missions.Pending)
	x.agent, x.expires = "", 0
	m.wait(x, now, conditions, timeout)
	m.enqueue(x, now, now)
}

// retainBatches forgets batches that have had no missions for some time.
func (m *model) retainBatches(cutoff missions.Time, idle map[string]bool) {
	for _, id := range slices.Sorted(maps.Keys(m.batches)) {
		if b := m.batches[id]; idle[id] && b.idle != 0 && b.idle <= cutoff && len(m.registered("b/"+id)) == 0 {
			delete(m.batches, id)
		}
	}
}
