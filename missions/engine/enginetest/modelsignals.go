package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

type modelSignal struct {
	name, data, id string
	seen, used     bool
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
	x.changed = now
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
	m.spent += max(0, r.Usage["usd"]-*last)
	m.spends(x, max(0, r.Usage["usd"]-*last))
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
