package enginetest

import (
	"cmp"
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
	key      string
	limits   []string
	requires bool // a GPU
	prefers  string
	unique   modelUnique

	preferFor   time.Duration
	preferUntil missions.Time // until when it is withheld from others; 0 if it is not

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
	outcome string // "" while there is none, "signalled", "waived" if it does not matter any more, or a status
}

func (c *modelCondition) meets() bool {
	return c.outcome == "signalled" || c.outcome == string(missions.Completed) || c.outcome != "" && c.outcome != "waived" && c.ended
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
	} else if x.withheld() {
		at = x.flows.preferUntil
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
func (m *model) refuses(id, batch string, conditions []modelCondition) string {
	for i := range conditions {
		source := conditions[i].source
		if !m.exists(source) || source == "b/"+batch || id != "" && source[0] == 'm' && m.waitsFor(source[2:], id, map[string]bool{}) {
			return "invalid_request"
		}
	}
	return ""
}

// waitsFor reports whether a mission waits for another, or for one that does.
func (m *model) waitsFor(waiter, id string, seen map[string]bool) bool {
	x := m.find(waiter)
	if x == nil || !x.waits() || seen[waiter] {
		return false
	}
	seen[waiter] = true
	return slices.ContainsFunc(x.flows.conditions, func(c modelCondition) bool {
		return c.outcome == "" && c.source[0] == 'm' && (c.source[2:] == id || m.waitsFor(c.source[2:], id, seen))
	})
}

// refusesFlow returns why a mission cannot be created.
func (m *model) refusesFlow(x *modelMission) string {
	f := x.flows
	if f == nil {
		return ""
	}
	if p := m.find(f.parent); f.parent != "" {
		switch {
		case p == nil:
			return "invalid_request"
		case p.status.Terminal():
			return "conflict"
		}
	}
	if b, there := m.batches[f.batch]; there && !b.open {
		return "conflict"
	}
	return m.refuses("", f.batch, f.conditions)
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
	behind := m.takeKey(x, false, now)
	if behind != "" {
		f.conditions = append(slices.Clone(f.conditions), modelCondition{source: "m/" + behind, ended: true})
	}
	if len(f.conditions) == 0 {
		return -1
	}
	unmet = m.resolve(x, now, false)
	if unmet >= 0 && behind != "" && f.unmet == missions.UnmetRun {
		f.waive()
		timeout := f.timeout
		f.timeout = 0
		unmet = m.resolve(x, now, false)
		f.timeout = timeout
	}
	return unmet
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

// enqueue lets a PENDING mission be claimable from a time on, unless it waits.
func (m *model) enqueue(x *modelMission, now, from missions.Time) {
	if x.waits() {
		x.unqueue()
		x.readyAt = 0
		return
	}
	x.wait(now, from)
}

// goOn ends a wait.
func (m *model) goOn(x *modelMission, now missions.Time) {
	x.flows.waits, x.flows.until, x.changed = false, 0, now
	m.at++
	x.wait(now, max(now, x.notBefore))
}

func (m *model) cannotGoOn(x *modelMission, now missions.Time, source string, at int64) {
	f := x.flows
	switch {
	case f.parked || f.unmet == missions.UnmetRun:
		if !m.staysBehind(x, now) {
			m.goOn(x, now)
		}
	case f.unmet == missions.UnmetFail:
		x.report = ""
		m.end(x, now, missions.Failed)
	default:
		m.end(x, now, missions.Cancelled)
		f.cancelledBy, f.cancelledAt = source, at
	}
}
